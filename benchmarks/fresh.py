"""Fresh processes: what an import costs, a first call, a first result, with and without a cache of compiled code.

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
    figures: dict[str, Told] = {}
    for kind in kinds:
        label = {"predict": "predict", "train": "training step"}[kind]
        cold, cached = _cold_and_cached([here, peer, variant, kind, str(threads)])
        figures |= {f"{label}, no cache": cold, f"{label}, cached": cached}
    return Entry([], figures)


def first_result_entry(keras: str, quick: bool) -> Entry:
    """Return the entry of ResNet50's first prediction, from the import on, by a package with Keras's names."""
    options = ", input_shape=(64, 64, 3), classes=10" if quick else ""
    code = (
        "import time; start = time.perf_counter()\n"
        f"import numpy as np; from {keras}.applications import ResNet50\n"
        f"model = ResNet50(weights=None{options})\n"
        "model.predict(np.zeros((1, *model.input_shape[1:]), 'float32'), verbose=0)\n"
        "print(time.perf_counter() - start)"
    )
    cold, cached = _cold_and_cached(["-c", code])
    return Entry([], {"no cache": cold, "cached": cached})


def _cold_and_cached(arguments: list[str]) -> tuple[Told, Told]:
    """Return what times a run with an empty folder of caches, and with one that a run has filled."""
    filled = tempfile.TemporaryDirectory(prefix="benchmark-cache-")

    def cold() -> float:
        with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as empty:
            return run(arguments, empty)

    def cached() -> float:
        return run(arguments, filled.name)

    cached()
    return Told(cold), Told(cached)


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
