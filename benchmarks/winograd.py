"""3 x 3 convolutions directly and by Winograd's tiles: how many times faster the tiles are, layer by layer.

    python benchmarks/winograd.py [--threads N] [--only TEXT]

Weights stay the same from call to call, as in a prediction, so that they are made ready once. The three ways run in
turn; medians, in processor time on one thread (pin it: `taskset -c 0`), else elapsed. The largest difference of each
from NumPy's float64, as a part of the largest result, stands behind its time.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Mapping
from typing import Any

os.environ["GRAPHC_CACHE"] = "0"

import numpy as np
from convolution import Case, reference
from convolution_peers import seconds_each
from gemm import aligned

import graphc
from graphc import ops

Array = np.ndarray[Any, Any]
SECONDS, ROUNDS = 0.04, 9
WAYS = {
    "direct": {"GRAPHC_DISABLE": "use_winograd"},
    "2 x 2": {"GRAPHC_CONV_PRECISION": "exact"},
    "4 x 4": {"GRAPHC_CONV_PRECISION": "fast"},
}
CASES = [
    Case(n, side, side, before, after, 3, 1, 1)
    for n, side, before, after in (
        (1, 56, 32, 32), (8, 56, 32, 32), (1, 56, 64, 64), (8, 56, 64, 64), (1, 28, 128, 128), (8, 28, 128, 128),
        (1, 14, 256, 256), (8, 14, 256, 256), (1, 7, 512, 512), (8, 7, 512, 512), (1, 224, 64, 64), (1, 112, 128, 128),
        (1, 56, 256, 256), (1, 28, 512, 512), (1, 14, 512, 512),
    )
]  # fmt: skip


def program_of(case: Case, w: Array, flags: Mapping[str, str]) -> Callable[[Array], Array]:
    """Return the compiled convolution with weights `w`, under environment variables."""
    before = dict(os.environ)
    os.environ |= flags
    try:
        x = graphc.placeholder((None, case.h, case.w, case.before), name="x")
        call: Callable[[Array], Array] = graphc.function([x], ops.convolution(x, graphc.state(w).node, 1, "same"))
        call(np.zeros((1, case.h, case.w, case.before), np.float32))
        return call
    finally:
        os.environ.clear()
        os.environ |= before


def measure(case: Case, threads: int) -> None:
    """Print one line."""
    x, w = aligned(case.n, case.h, case.w, case.before), aligned(3, 3, case.before, case.after)
    wanted = reference(case, "forward", [x, w])
    programs = {name: program_of(case, w, flags) for name, flags in WAYS.items()}
    errors = {name: np.abs(call(x) - wanted).max() / np.abs(wanted).max() for name, call in programs.items()}
    if max(errors.values()) > 1e-4:
        raise SystemExit(f"{case.text} is wrong: {errors}")
    seen: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, call in programs.items():
            seen[name].append(seconds_each(lambda call=call: call(x), SECONDS, threads))  # type: ignore[misc]
    times = {name: statistics.median(found) for name, found in seen.items()}
    columns = [f"{name} {times[name] * 1e6:7.0f} us ({errors[name]:.0e})" for name in WAYS]
    gains = [f"{times['direct'] / times[name]:.2f}" for name in WAYS if name != "direct"]
    print(f"{case.text:24} | {' | '.join(columns)} | gain {', '.join(gains)}", flush=True)


def main() -> None:
    """Measure the cases whose text holds what `--only` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.environ["GRAPHC_THREADS"] = str(options.threads)
    for case in CASES:
        if options.only in case.text:
            measure(case, options.threads)


if __name__ == "__main__":
    main()
