"""One contender of one case, in a process of its own: answers lines of JSON on what was its standard output.

    PYTHON worker.py PEER VARIANT CASE THREADS QUICK

The first answer, when the contender is prepared, has `versions`, `check`, the names of its `figures` and `imported`,
the bytes in memory once its libraries are; each line {"figure": ..., "budget": ...} is answered with `seconds` a unit,
`processor`, the processor time spent on it, and `peak`, the most bytes that were in memory so far.
Errors are answered as `error`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
from typing import Any, TextIO

from entry import Entry
from peers import DISTRIBUTIONS


def pin(threads: int) -> None:
    """Keep this process, and the threads it will start, on as many processors."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def versions(peer: str) -> dict[str, str]:
    """Return the versions of the packages that make the peer, and Python's."""
    found = {"python": sys.version.split()[0]}
    for name in DISTRIBUTIONS[peer]:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor_seconds() -> float:
    """Return the processor time of this process and of those it waited for."""
    return sum(os.times()[:4])


def peak_bytes() -> int:
    """Return the most bytes of this process that were in memory at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def answer(out: TextIO, **values: Any) -> None:
    """Write one line."""
    out.write(json.dumps(values) + "\n")
    out.flush()


def serve(entry: Entry, out: TextIO) -> None:
    """Time figures as they are asked for, until the end of the input."""
    for line in sys.stdin:
        request = json.loads(line)
        before = processor_seconds()
        seconds = entry.figures[request["figure"]].seconds(request["budget"])
        answer(out, seconds=seconds, processor=processor_seconds() - before, peak=peak_bytes())


def main(arguments: list[str]) -> None:
    """Prepare the contender and serve."""
    peer, variant, case, threads, quick = arguments
    # Libraries print what they like: only the answers go to the runner.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    pin(int(threads))
    try:
        module = importlib.import_module(f"peers.{peer}")
        imported = peak_bytes()
        entry: Entry = module.prepare(case, variant, int(threads), bool(int(quick)))
        answer(out, versions=versions(peer), check=entry.check, figures=list(entry.figures), imported=imported)
        serve(entry, out)
    except Exception as error:
        answer(out, error=f"{type(error).__name__}: {error}".strip().split("\n")[0][:300])
    # Some libraries take seconds, or crash, in what they do at exit.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
