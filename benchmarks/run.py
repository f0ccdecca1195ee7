"""The project's benchmarks: graphc beside its peers, in one run, as ratios.

    python benchmarks/run.py [CASE ...] [--threads 2] [--rounds 7] [--peer NAME=PYTHON ...] [--json FILE]
    python benchmarks/run.py --report FILE [FILE ...] [--into PAGE]

Every contender is a process of its own that stays alive; rounds ask them in turn (A B C A B C ...). The numbers that
a case computes are compared before anything is timed; who disagrees is not timed, and the exit status is 1. A peer
runs in the interpreter that --peer names for it, else in this one; who cannot be imported is left out, and said.
`--json` saves after every case; `--report` prints saved results as Markdown, or replaces what stands between the
markers of a page: `benchmarks` all tables, `benchmarks summary` a row for each figure.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from pathlib import Path

from cases import CASES
from contest import Contest, Settings
from machine import describe_machine
from peers import MODULES
from report import Record, case_text, heading, markdown, summary, versions_of

_REPORTS = {"benchmarks": markdown, "benchmarks summary": summary}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the command line's settings."""
    parser = argparse.ArgumentParser(description="graphc beside its peers, in one run, as ratios.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--threads", type=int, default=2, help="threads and processors of each contender")
    parser.add_argument("--rounds", "--repeat", type=int, default=7, help="turns of each contender")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="a peer's interpreter")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the results")
    parser.add_argument("--quick", action="store_true", help="tiny data, no repeats: shows that the cases run")
    parser.add_argument("--report", nargs="+", type=Path, metavar="FILE", help="print saved results as Markdown")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="with --report: put them into a page")
    given = parser.parse_args(arguments)
    for name in given.cases:
        if name not in CASES:
            parser.error(f"no case is named {name}; there are {', '.join(CASES)}")
    for pair in given.peer:
        if pair.partition("=")[0] not in MODULES or "=" not in pair:
            parser.error(f"--peer takes NAME=PYTHON with one of {', '.join(MODULES)}; got {pair}")
    return given


def write_report(files: list[Path], page: Path | None) -> None:
    """Print saved results as Markdown, or put them, or their summary, between the markers of a page."""
    results = [json.loads(file.read_text()) for file in files]
    if page is None:
        print(markdown(results), end="")
        return
    text = page.read_text()
    count = 0
    for kind, write in _REPORTS.items():
        begin, end = f"<!-- {kind}: begin -->", f"<!-- {kind}: end -->"
        if begin in text:
            made = f"{begin}\n{write(results)}{end}"
            text, replaced = re.subn(f"{begin}.*{end}", made.replace("\\", r"\\"), text, count=1, flags=re.S)
            count += replaced
    if count == 0:
        sys.exit(f"{page} has no markers <!-- KIND: begin --> ... <!-- KIND: end --> of {' or '.join(_REPORTS)}")
    page.write_text(text)


def shown_command(arguments: list[str]) -> str:
    """Return the command line for a report; where files lie is left out."""
    words = [re.sub(r"^((?:--peer=)?\w+)=.*$", r"\1=PYTHON", word) for word in arguments]
    words = [Path(word).name if word.startswith("/") else word for word in words]
    return " ".join(["python benchmarks/run.py", *words])


def run_cases(given: argparse.Namespace, arguments: list[str]) -> Record:
    """Run the cases; print each when it is done."""
    settings = Settings(
        dict(pair.split("=", 1) for pair in given.peer),
        threads=given.threads,
        rounds=1 if given.quick else given.rounds,
        is_quick=given.quick,
    )
    result: Record = {
        "machine": describe_machine(),
        "threads": settings.threads,
        "rounds": settings.rounds,
        "started": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "command": shown_command(arguments),
        "cases": [],
    }
    print(heading(result), flush=True)
    for name in given.cases or CASES:
        record = Contest(CASES[name], settings).run()
        result["cases"].append(record)
        print(f"\n{case_text(record)}", flush=True)
        if given.json is not None:
            given.json.write_text(json.dumps(result, indent=1) + "\n")
    print("\n" + ", ".join(f"{package} {version}" for package, version in versions_of(result).items()))
    return result


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    given = parse(arguments)
    if given.report:
        write_report(given.report, given.into)
        return 0
    result = run_cases(given, arguments)
    return int(any(case["wrong"] for case in result["cases"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
