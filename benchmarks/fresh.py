"""Fresh processes: what an import costs, and what a first call costs with and without a cache of compiled code.

PYTHON fresh.py PEER VARIANT KIND THREADS     prints the seconds of a first call (KIND predict or train)
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from entry import Entry, Told

# Where the peers keep compiled code, by the variables that say so; each gets a folder of its own.
_CACHES = ("GRAPHC_CACHE", "JAX_COMPILATION_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "PYTENSOR_CACHE", "XDG_CACHE_HOME")
_SETTINGS = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def run(arguments: list[str], cache: str | None = None) -> float:
    """Return the number that a fresh interpreter prints last, its caches in the folder `cache`."""
    environment = dict(os.environ)
    if cache is not None:
        environment |= {name: f"{cache}/{name.lower()}" for name in _CACHES} | _SETTINGS
        environment["PYTENSOR_FLAGS"] = f"base_compiledir={cache}/pytensor"
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().split("\n") or ["no output"])[-1])
    return float(done.stdout.split()[-1])


def import_entry(module: str) -> Entry:
    """Return the entry of an import."""
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    run(["-c", code])
    return Entry([], {"import": Told(lambda: run(["-c", code]))})


def first_call_entry(peer: str, variant: str, threads: int, kinds: tuple[str, ...] = ("predict", "train")) -> Entry:
    """Return the entry of first calls: `kinds` are those that the peer can."""
    here = str(Path(__file__).resolve())
    filled = tempfile.TemporaryDirectory(prefix="benchmark-cache-")
    figures: dict[str, Told] = {}
    for kind in kinds:
        arguments = [here, peer, variant, kind, str(threads)]

        def cold(arguments: list[str] = arguments) -> float:
            with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as empty:
                return run(arguments, empty)

        def cached(arguments: list[str] = arguments, folder: tempfile.TemporaryDirectory[str] = filled) -> float:
            return run(arguments, folder.name)

        cached()
        label = {"predict": "predict", "train": "training step"}[kind]
        figures |= {f"{label}, no cache": Told(cold), f"{label}, cached": Told(cached)}
    return Entry([], figures)


def main(peer: str, variant: str, kind: str, threads: str) -> None:
    """Time one first call."""
    module = importlib.import_module(f"peers.{peer}")
    call: Callable[[], object] = module.first_call(variant, kind, int(threads))
    start = time.perf_counter()
    call()
    print(time.perf_counter() - start)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
