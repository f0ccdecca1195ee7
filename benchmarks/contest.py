"""Contests: the contenders of a case, each in a process that stays alive, timed in turn."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from cases import Case
from machine import busy_seconds, load_average
from peers import MODULES

_HERE = Path(__file__).resolve().parent
_PREPARE_SECONDS, _TURN_SECONDS = 400.0, 120.0
_PAUSE_SECONDS = 0.02  # threads of the last contender that still spin come to rest
# Everybody computes where graphc does. Nobody rounds operands to TF32, as some would by themselves, or takes all the
# memory; JAX would fall back to the CPU without a word.
_ON_CPU = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
_ON_GPU = {
    "JAX_PLATFORMS": "cuda",
    "JAX_DEFAULT_MATMUL_PRECISION": "highest",
    "NVIDIA_TF32_OVERRIDE": "0",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class ContenderError(Exception):
    """A contender that cannot take part, with the reason."""


@dataclass(frozen=True)
class Settings:
    """How to run: `interpreters` by peer (this one for peers not named), threads for all, rounds, small data."""

    interpreters: Mapping[str, str] = field(default_factory=dict)
    threads: int = 2
    rounds: int = 7
    is_quick: bool = False


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: every library is told the same number of threads."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    told = {f"{name}_NUM_THREADS": str(threads) for name in names} | {"GRAPHC_THREADS": str(threads)}
    told |= {
        "BENCHMARK_PYTHON": sys.executable,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }
    told |= _ON_GPU if os.environ.get("GRAPHC_DEVICE", "cpu").startswith("cuda") else _ON_CPU
    path = os.pathsep.join(filter(None, [str(_HERE.parent), os.environ.get("PYTHONPATH")]))
    # Installed packages have their bytecode on disk: so has this one.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **told, "PYTHONPATH": path}


def can_import(interpreter: str, peer: str) -> bool:
    """Tell whether an interpreter has what a peer needs."""
    code = "import sys, importlib.util as u; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))"
    command = [interpreter, "-c", code, *MODULES[peer]]
    return subprocess.run(command, env=environment(1), stdin=subprocess.DEVNULL).returncode == 0


class Worker:
    """The process of one contender. Raises ContenderError where it fails or does not answer."""

    def __init__(self, case: Case, name: str, settings: Settings) -> None:
        peer, _, variant = name.partition(" ")
        self.name = name
        interpreter = settings.interpreters.get(peer, sys.executable)
        if not can_import(interpreter, peer):
            raise ContenderError(f"{' and '.join(MODULES[peer])} cannot be imported by {Path(interpreter).name}")
        arguments = [peer, variant, case.name, str(settings.threads), str(int(settings.is_quick))]
        self._process = subprocess.Popen(
            [interpreter, str(_HERE / "worker.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(settings.threads),
            text=True,
        )
        try:
            ready = self._answer(_PREPARE_SECONDS)
        except ContenderError:
            self.close()
            raise
        self.check: list[float] = ready["check"]
        self.versions: dict[str, str] = ready["versions"]
        self.figures: list[str] = ready["figures"]
        self.imported: int = ready["imported"]
        self.peak = self.imported

    def _answer(self, seconds: float) -> dict[str, Any]:
        out = cast(IO[str], self._process.stdout)
        if not select.select([out], [], [], seconds)[0]:
            raise ContenderError(f"no answer in {seconds:.0f} s")
        line = out.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer

    def measure(self, figure: str, budget: float) -> tuple[float, float]:
        """Return the seconds a unit, and the processor seconds that measuring took."""
        requests = cast(IO[str], self._process.stdin)
        try:
            requests.write(json.dumps({"figure": figure, "budget": budget}) + "\n")
            requests.flush()
        except OSError:
            raise ContenderError("its process ended") from None
        answer = self._answer(_TURN_SECONDS)
        self.peak = int(answer["peak"])
        return float(answer["seconds"]), float(answer["processor"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def differs(check: Sequence[float], reference: Sequence[float], tolerance: float) -> str | None:
    """Return how two contenders' numbers disagree; None where they agree."""
    if len(check) != len(reference):
        return f"{len(check)} numbers where {len(reference)} are wanted"
    scale = max(map(abs, reference), default=1.0)
    worst = max((abs(a - b) for a, b in zip(check, reference)), default=0.0)
    # Written so that a NaN disagrees.
    return None if worst <= tolerance * scale else f"differs by {worst:.3g} where {scale:.3g} is the largest number"


class Contest:
    """The contenders of one case."""

    def __init__(self, case: Case, settings: Settings) -> None:
        self.case, self.settings = case, settings
        self.workers: dict[str, Worker] = {}
        self.missing: dict[str, str] = {}
        self.wrong: dict[str, str] = {}
        self.seconds: dict[str, dict[str, list[float]]] = {figure: {} for figure in case.figures}
        self._foreign: list[float] = []

    def run(self) -> dict[str, Any]:
        """Prepare, compare and time the contenders; return the record of the case, ready for JSON."""
        started = load_average()
        try:
            self._prepare()
            for _ in range(min(self.settings.rounds, self.case.most_rounds)):
                for figure in self.case.figures:
                    self._take_turns(figure)
        finally:
            for worker in self.workers.values():
                worker.close()
        return {
            "name": self.case.name,
            "title": self.case.title,
            "unit": self.case.unit,
            "figures": self.seconds,
            "versions": {name: worker.versions for name, worker in self.workers.items()},
            "memory": {name: [worker.imported, worker.peak] for name, worker in self.workers.items()},
            "missing": self.missing,
            "wrong": self.wrong,
            "load": [started, load_average()],
            "foreign": median(self._foreign) if self._foreign else 0.0,
        }

    def _prepare(self) -> None:
        for name in self.case.contenders:
            try:
                worker = Worker(self.case, name, self.settings)
            except ContenderError as error:
                self.missing[name] = str(error)
                continue
            self.workers[name] = worker
            first = next(iter(self.workers.values()))
            difference = differs(worker.check, first.check, self.case.tolerance)
            if difference is not None:
                self.wrong[name] = difference

    def _take_turns(self, figure: str) -> None:
        """Let each contender that agrees with the first time one figure, one after another."""
        for name, worker in self.workers.items():
            if name in self.wrong or name in self.missing or figure not in worker.figures:
                continue
            time.sleep(_PAUSE_SECONDS)
            start, busy = time.perf_counter(), busy_seconds()
            try:
                seconds, own = worker.measure(figure, 0.0 if self.settings.is_quick else self.case.turn)
            except ContenderError as error:
                self.missing[name] = str(error)
                continue
            wall = time.perf_counter() - start
            self._foreign.append(max(0.0, busy_seconds() - busy - own) / wall)
            self.seconds[figure].setdefault(name, []).append(seconds)
