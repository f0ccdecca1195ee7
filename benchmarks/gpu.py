"""Everything that takes a GPU, in one go: figures, every op, peers, the sanitizers, the whole suite.

    python benchmarks/gpu.py --minutes 30 --results gpu-results --into docs/performance.md
    python benchmarks/gpu.py --only networks --only peers --peer jax=PYTHON --peer torch=PYTHON

Parts, in the order of their worth: `machine`, `registry` (every op against NumPy), `bandwidth`, `products`,
`convolutions`, `networks` (`benchmarks/gpu_figures.py`), `peers` (`benchmarks/run.py` with JAX and PyTorch, compiled
and not, on the same GPU; --peer names their interpreters), `memcheck` and `racecheck` (compute-sanitizer over every op,
recurrences and epochs), `tests` (the whole suite with --device cuda).

Each part is a process of its own with a time limit, so that one that fails, hangs or breaks the GPU's context leaves
the others alone. What a part prints goes to NAME.txt and NAME.err in the folder of results while it runs; summary.md
there, and the page, are written anew after each. A part that fails or runs out of time makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Kernels of every op, a recurrence whose grid stays, and data that is sent beside the launches.
REGISTRY = "tests/ops/test_registry.py::test_compiled_function_means_the_same"
SANITIZED = (REGISTRY, "tests/schedule/test_scan.py", "tests/runtime/test_epoch.py")
PEER_CASES = (
    "mlp_step",
    "housing_fit",
    "mnist_cnn_step",
    "lstm_stack",
    "lstm_words",
    "resnet50_step",
    "resnet50",
)
_MARKS = ("<!-- gpu: begin -->", "<!-- gpu: end -->")
# What is shown on the page, and not only in the folder of results.
_SHOWN = ("machine", "bandwidth", "products", "convolutions", "networks", "peers")
# How long a part that was asked to stop may take to say how far it came.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Part:
    """A part of the run: what is started, and after how many seconds it is stopped."""

    name: str
    seconds: float
    command: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a part ended: `done`, or why not; and the seconds it took."""

    name: str
    told: str
    seconds: float


def parts(peers: Sequence[str], results: Path) -> list[Part]:
    """Return all parts, the most wanted first."""
    pytest = (sys.executable, "-m", "pytest", "-q", "--device", "cuda")
    check = ("compute-sanitizer", "--error-exitcode", "9", "--target-processes", "all", "--tool")
    given = [word for peer in peers for word in ("--peer", peer)]
    saved = ("--json", str(results / "peers.json"))

    def figure(name: str, seconds: float) -> Part:
        return Part(name, seconds, (sys.executable, "benchmarks/gpu_figures.py", name))

    return [
        figure("machine", 60),
        Part("registry", 240, (*pytest, REGISTRY)),
        figure("bandwidth", 90),
        figure("products", 120),
        figure("convolutions", 180),
        figure("networks", 420),
        Part("peers", 600, (sys.executable, "benchmarks/run.py", *PEER_CASES, *saved, *given)),
        Part("memcheck", 240, (*check, "memcheck", *pytest, "-x", *SANITIZED)),
        Part("racecheck", 240, (*check, "racecheck", *pytest, "-x", *SANITIZED)),
        Part("tests", 3600, pytest),
    ]


def run_part(part: Part, seconds: float, results: Path) -> Outcome:
    """Run a part for at most so many seconds; what it prints is in the folder of results."""
    start = time.monotonic()
    environment = os.environ | {"GRAPHC_DEVICE": "cuda", "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with (results / f"{part.name}.txt").open("w") as printed, (results / f"{part.name}.err").open("w") as errors:
        try:
            process = subprocess.Popen(
                part.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(part.name, f"not started: {error}", 0.0)
        told = _wait(process, min(seconds, part.seconds))
    return Outcome(part.name, told, time.monotonic() - start)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Wait for a process and its children; stop them when the time is over."""
    try:
        status = process.wait(seconds)
        return "done" if status == 0 else f"failed with status {status}"
    except subprocess.TimeoutExpired:
        pass
    # An interrupted pytest prints what it has found so far.
    for number, patience in ((signal.SIGINT, _PATIENCE_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    process.wait()
    return f"out of time after {seconds:.0f} s"


def run_parts(chosen: Sequence[Part], seconds: float, results: Path, page: Path | None) -> list[Outcome]:
    """Run parts one after the other within so many seconds; save what is known after each."""
    results.mkdir(parents=True, exist_ok=True)
    end, outcomes = time.monotonic() + seconds, []
    for part in chosen:
        left = end - time.monotonic()
        print(f"== {part.name}", flush=True)
        outcome = run_part(part, left, results) if left > 0 else Outcome(part.name, "no time was left", 0.0)
        outcomes.append(outcome)
        for kind in ("txt", "err"):
            path = results / f"{part.name}.{kind}"
            print((path.read_text(errors="replace") if path.exists() else "")[-4000:], end="")
        print(f"-- {part.name}: {outcome.told} ({outcome.seconds:.0f} s)", flush=True)
        text = summary(outcomes, results)
        (results / "summary.md").write_text(text)
        if page is not None:
            insert(text, page)
    return outcomes


def summary(outcomes: Sequence[Outcome], results: Path) -> str:
    """Return what is known so far, as Markdown: how each part ended, then what the figures printed."""
    lines = ["| part | how it ended | seconds |", "|---|---|---:|"]
    lines += [f"| {o.name} | {o.told} | {o.seconds:.0f} |" for o in outcomes]
    for outcome in outcomes:
        path = results / f"{outcome.name}.txt"
        if outcome.name in _SHOWN and path.exists():
            lines += ["", path.read_text(errors="replace").rstrip()]
    return "\n".join(lines)


def insert(text: str, path: Path, marks: tuple[str, str] = _MARKS) -> None:
    """Put the tables between the page's marks."""
    page, (begin, end) = path.read_text(), marks
    found = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.S)
    if found == page and begin not in page:
        raise SystemExit(f"{path} has no marks {begin} ... {end}")
    path.write_text(found)


def main(arguments: list[str]) -> int:
    """Run the parts; return 1 where one failed or was stopped."""
    names = [part.name for part in parts((), Path())]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=names, action="append", help="a part to run; may be repeated")
    parser.add_argument("--minutes", type=float, default=120, help="time for all parts together")
    parser.add_argument("--results", type=Path, default=Path("gpu-results"), help="folder that gets what parts print")
    parser.add_argument("--peer", action="append", default=[], help="passed on to benchmarks/run.py")
    parser.add_argument("--into", type=Path, help="page that gets the figures")
    options = parser.parse_args(arguments)
    results = options.results.resolve()
    chosen = [part for part in parts(options.peer, results) if part.name in (options.only or names)]
    outcomes = run_parts(chosen, 60 * options.minutes, results, options.into)
    return int(any(outcome.told != "done" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
