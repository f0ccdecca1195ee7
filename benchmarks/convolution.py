"""Convolutions and their gradients: GFLOP/s, share of the measured multiply-add peak, and time against peers.

    python benchmarks/convolution.py [--threads N] [--peer PYTHON ...] [--only TEXT]

`program` is a call of the compiled function from Python, padding and all; `kernel` are its contractions alone, called
from a native loop on one thread. A transposed convolution is the data gradient of one. Peers (torch and ONNX Runtime)
run in the interpreters named with `--peer`; their figures are multiples of the program's time. Medians of interleaved
rounds, in processor time on one thread (pin it: `taskset -c 0`), else elapsed. Every result is checked against NumPy
first.
"""

# The libraries read the number of threads when they are imported.

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["GRAPHC_CACHE"] = "0"

import numpy as np
from convolution_peers import seconds_each
from gemm import aligned, host_target, native, peak_flops

import graphc
from graphc import ops
from graphc.codegen import Target
from graphc.codegen.llvm.builder import FunctionBuilder
from graphc.codegen.llvm.contraction.kernel import contract_scratch_bytes, emit_contract_kernel
from graphc.graph import Node
from graphc.loopir import ContractKernel, Plan
from graphc.symbolic import Symbol, evaluate

Array = np.ndarray[Any, Any]
SECONDS, ROUNDS = 0.02, 9
DIRECTIONS = ("forward", "data gradient", "weight gradient")


@dataclass(frozen=True)
class Case:
    """A convolution of n images of h x w with square kernels."""

    n: int
    h: int
    w: int
    before: int
    after: int
    kernel: int
    stride: int = 1
    padding: int = 0

    @property
    def text(self) -> str:
        """The case in short."""
        stride = f" /{self.stride}" if self.stride > 1 else ""
        return f"{self.n}x{self.h}x{self.w} {self.before}->{self.after} {self.kernel}x{self.kernel}{stride}"

    def space(self) -> tuple[int, int]:
        """Return the height and width of the result."""
        reach = self.kernel - 2 * self.padding
        return (self.h - reach) // self.stride + 1, (self.w - reach) // self.stride + 1

    def operations(self) -> int:
        """Return the floating-point operations of each direction."""
        height, width = self.space()
        return 2 * self.n * height * width * self.before * self.after * self.kernel**2


CASES = [
    Case(8, 56, 56, 64, 64, 3, 1, 1),
    Case(8, 28, 28, 128, 128, 3, 1, 1),
    Case(8, 14, 14, 256, 256, 3, 1, 1),
    Case(8, 7, 7, 512, 512, 3, 1, 1),
    Case(8, 56, 56, 64, 256, 1),
    Case(8, 56, 56, 64, 128, 3, 2, 1),
    Case(8, 28, 28, 128, 256, 3, 2, 1),
    Case(8, 56, 56, 256, 128, 1, 2),
    Case(8, 56, 56, 64, 128, 2, 2),
    Case(16, 32, 32, 64, 128, 4, 2, 1),
    Case(16, 64, 64, 3, 64, 4, 2, 1),
    Case(128, 28, 28, 1, 32, 3),
    Case(128, 26, 26, 32, 64, 3),
    Case(4, 224, 224, 3, 64, 7, 2, 3),
]


def build(case: Case, direction: str) -> tuple[list[Node], Node]:
    """Return the inputs and the result of a case, whose number of images is known at run time only."""
    x = graphc.placeholder((None, case.h, case.w, case.before), name="x")
    w = graphc.placeholder((case.kernel, case.kernel, case.before, case.after), name="w")
    edges = ((case.padding, case.padding),) * 2
    y = ops.convolution(x, w, case.stride, edges)
    if direction == "forward":
        return [x, w], y
    g = graphc.placeholder(y.shape, name="g")
    dx, dw = graphc.gradients(ops.sum(ops.multiply(y, g)), [x, w])
    return [x, w, g], dx if direction == "data gradient" else dw


def reference(case: Case, direction: str, arrays: list[Array]) -> Array:
    """Return the result in NumPy, in float64."""
    x, w, *others = (a.astype(np.float64) for a in arrays)
    height, width = case.space()
    padded = np.pad(x, ((0, 0), (case.padding,) * 2, (case.padding,) * 2, (0, 0)))
    y, dx, dw = np.zeros((case.n, height, width, case.after)), np.zeros_like(padded), np.zeros_like(w)
    g = others[0] if others else y
    for ky in range(case.kernel):
        for kx in range(case.kernel):
            rows = slice(ky, ky + (height - 1) * case.stride + 1, case.stride)
            columns = slice(kx, kx + (width - 1) * case.stride + 1, case.stride)
            if direction == "forward":
                y += padded[:, rows, columns] @ w[ky, kx]
            elif direction == "data gradient":
                dx[:, rows, columns] += g @ w[ky, kx].T
            else:
                dw[ky, kx] = np.tensordot(padded[:, rows, columns], g, ((0, 1, 2), (0, 1, 2)))
    inside = slice(case.padding, -case.padding or None)
    return {"forward": y, "data gradient": dx[:, inside, inside], "weight gradient": dw}[direction]


def kernels_alone(plan: Plan, images: int, target: Target) -> tuple[list[Callable[[int], object]], float]:
    """Return functions that run each of a plan's contractions so many times on one thread, and the seconds to compile.

    Each has a memory of its own.
    """
    start = time.perf_counter()
    launches = [x for x in plan.launches if isinstance(x.kernel, ContractKernel)]
    elements = {b.name: evaluate(b.size, dict.fromkeys(plan.sizes, images)) for b in plan.buffers}
    runs = [_kernel_alone(x.kernel, [elements[str(name)] for name in x.arguments], images, target) for x in launches]
    return runs, time.perf_counter() - start


def _kernel_alone(kernel: Any, elements: list[int], images: int, target: Target) -> Callable[[int], object]:
    sizes: dict[Symbol, int] = dict.fromkeys(kernel.sizes, images)
    function = emit_contract_kernel(kernel, "contraction", target)
    names = [f"p{i}" for i in range(len(kernel.parameters))]
    b = FunctionBuilder("repeat", [("ptr", x) for x in (*names, "scratch")] + [("i64", "count")])
    arguments = [f"ptr %{name}" for name in names] + [f"i64 {sizes[symbol]}" for symbol in kernel.sizes]
    with b.loop(0, "%count", 1):
        b.emit(f"call void @contraction({', '.join([*arguments, 'ptr %scratch', 'i64 0', 'i64 1'])})")
    repeat = b.finish("void")
    text = "\n".join([*sorted(function.declarations), function.text, repeat.text, target.attributes])
    call, code = native(text, "repeat", [ctypes.c_void_p] * (len(names) + 1) + [ctypes.c_int64])
    memory = [aligned(count) for count in (*elements, contract_scratch_bytes(kernel, target) // 4 + 16)]
    pointers = [array.ctypes.data for array in memory]

    def run(count: int, _alive: Any = (code, memory)) -> object:
        return call(*pointers, count)

    return run


class Peer:
    """An interpreter that times its libraries' convolutions."""

    def __init__(self, python: str, threads: int) -> None:
        script = Path(__file__).with_name("convolution_peers.py")
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [python, str(script), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> Any:
        """Return the answer to a request."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def measure(case: Case, direction: str, peak: float, target: Target, threads: int, peers: list[Peer]) -> None:
    """Print one line."""
    inputs, result = build(case, direction)
    start = time.perf_counter()
    program = graphc.function(inputs, result)
    compiled = time.perf_counter() - start
    kernel_shape = (case.kernel, case.kernel, case.before, case.after)
    arrays = [aligned(case.n, case.h, case.w, case.before), aligned(*kernel_shape)]
    if len(inputs) > 2:
        arrays.append(aligned(case.n, *case.space(), case.after))
    wanted = reference(case, direction, arrays)
    np.testing.assert_allclose(program(*arrays), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    alone, kernel_compiled = kernels_alone(program.plan, case.n, target)
    contenders: dict[str, Callable[[], float]] = {
        "program": lambda: seconds_each(lambda: program(*arrays), SECONDS, threads),
        "kernel": lambda: sum(seconds_each(partial(run, 1), SECONDS, 1) for run in alone),
    }
    shape = [case.n, case.h, case.w, case.before, case.after, case.kernel, case.stride, case.padding]
    for peer in peers:
        for name in peer.ask(shape=shape, direction=direction):
            contenders[name] = partial(peer.ask, name=name, seconds=SECONDS)
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, time_once in contenders.items():
            seen[name].append(time_once())
    times = {name: statistics.median(found) for name, found in seen.items()}
    own, kernel = times.pop("program"), times.pop("kernel")
    work = case.operations()
    print(
        f"{case.text:26} {direction:15} | program {own * 1e6:8.0f} us {100 * work / own / peak / threads:5.1f} %"
        f" | kernel {kernel * 1e6:8.0f} us {work / kernel / 1e9:6.1f} GFLOP/s {100 * work / kernel / peak:5.1f} %"
        f" | compiled in {compiled * 1e3:3.0f} ms, kernel {kernel_compiled * 1e3:3.0f} ms"
        f" | {', '.join(f'{name} {seconds / own:.2f}' for name, seconds in times.items())}",
        flush=True,
    )


def main() -> None:
    """Measure the cases whose text holds what `--only` says, in the directions named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directions", nargs="*", default=DIRECTIONS, help="forward, 'data gradient', 'weight gradient'")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", action="append", default=[], help="an interpreter that has torch or onnxruntime")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.environ["GRAPHC_THREADS"] = str(options.threads)
    target = host_target()
    peak = max(peak_flops(target) for _ in range(3))
    peers = [Peer(python, options.threads) for python in options.peer]
    print(f"{target.name}: {target.lanes} lanes, peak {peak / 1e9:.1f} GFLOP/s a thread; peers: times the program's")
    for case in CASES:
        if options.only in case.text:
            for direction in options.directions:
                measure(case, direction, peak, target, options.threads, peers)


if __name__ == "__main__":
    main()
