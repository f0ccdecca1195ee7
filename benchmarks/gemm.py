"""Matrix products: GFLOP/s, share of the processor's measured multiply-add peak, and time against peers.

    python benchmarks/gemm.py [ROWSxDEPTHxCOLUMNS ...]

Runs on one thread (pin it: `taskset -c 0`). `run-time rows` is the kernel that a compiled program has, whose rows are
a size; `static rows` knows them. Both are called from a native loop, so that small products are not hidden behind
Python; peers (NumPy, and ONNX Runtime, torch and JAX where importable) are called as they are meant to be called.
Each figure is the median of interleaved rounds, in processor time, so that a busy machine does not distort it.
"""

# The libraries read the number of threads when they are imported.
# ruff: noqa: E402

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np

from graphc import symbolic
from graphc.codegen import Target, describe_target
from graphc.codegen.llvm.builder import FunctionBuilder
from graphc.codegen.llvm.contraction.kernel import contract_scratch_bytes, emit_contract_kernel
from graphc.codegen.llvm.contraction.micro_kernel import VectorWriter
from graphc.loopir import ContractKernel, Load, Local, Parameter, Store
from graphc.runtime import cpu
from graphc.symbolic import Dim, Symbol

Array = np.ndarray[Any, Any]
SHAPES = [
    *((n, n, n) for n in (256, 512, 768, 1024, 1536, 2048)),
    (128, 784, 512), (128, 512, 10), (32, 20, 64), (64, 48, 128), (1, 784, 512), (1, 64, 64), (1, 10, 10),
]  # fmt: skip
SECONDS, ROUNDS = 0.01, 9


def host_target() -> Target:
    """Return this machine's target."""
    host = cpu().host
    return describe_target(host.name, host.features, host.l1, host.l2)


def native(builder_text: str, name: str, kinds: list[Any]) -> tuple[Callable[..., None], Any]:
    """Return a function of a module, and what keeps it alive."""
    code = cpu().load(cpu().compile(builder_text))
    return ctypes.CFUNCTYPE(None, *kinds)(code.address(name)), code


def aligned(*shape: int) -> Array:
    """Return random float32 numbers on a cache line."""
    size = int(np.prod(shape))
    memory = np.empty(size + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    array = memory[start : start + size].reshape(shape)
    array[...] = np.random.default_rng(0).random(shape, np.float32) - 0.5
    return array


def peak_flops(target: Target) -> float:
    """Return the most multiply-adds a second that one thread reaches, counted as two operations each."""
    count, sums = 1_000_000, 24 if target.registers >= 32 else 12
    b = FunctionBuilder("peak", [("i64", "count"), ("ptr", "memory")])
    w = VectorWriter(b, "float32", target.lanes, target.fma)
    factor = w.load("%memory", "float32")
    with b.loop(0, "%count", 1, [(w.vector, factor)] * sums) as loop:
        loop.next = [w.multiply_add(x, factor, factor) for x in loop.carried]
    for position, x in enumerate(loop.results):
        w.store(x, b.gep("%memory", position * target.lanes, "float"))
    function = b.finish("void")
    text = "\n".join([*sorted(function.declarations), function.text, target.attributes])
    call, _code = native(text, "peak", [ctypes.c_int64, ctypes.c_void_p])
    memory = aligned(1024)
    best = min(_seconds(lambda: call(count, memory.ctypes.data)) for _ in range(9))
    return 2 * target.lanes * sums * count / best


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _seconds_each(run: Callable[[int], object], count: int) -> float:
    start = time.process_time()
    run(count)
    return (time.process_time() - start) / count


def contraction(rows: int, depth: int, columns: int, run_time_rows: bool) -> ContractKernel:
    """Return the kernel of a plain product of contiguous matrices."""
    extent: Dim = symbolic.symbol("rows") if run_time_rows else rows
    row, column, inner = Symbol("r", extent), Symbol("c", columns), Symbol("d", depth)
    r, c, d = (symbolic.symbol(s.name, s.extent) if s.extent != 1 else 0 for s in (row, column, inner))
    return ContractKernel(
        (Parameter("left", "float32"), Parameter("right", "float32"), Parameter("result", "float32", True)),
        (Symbol("rows"),) if run_time_rows else (),
        (),
        (row, extent),
        (column, columns),
        ((inner, depth),),
        Load("left", r * depth + d, "float32"),
        Load("right", d * columns + c, "float32"),
        "float32",
        (Store("result", r * columns + c, Local("sum", "float32")),),
    )


def own_product(
    left: Array, right: Array, result: Array, run_time_rows: bool, target: Target
) -> tuple[Callable[[int], object], float]:
    """Return a function that computes the product so many times, and the seconds it took to compile."""
    rows, depth = left.shape
    kernel = contraction(rows, depth, right.shape[1], run_time_rows)
    start = time.perf_counter()
    function = emit_contract_kernel(kernel, "product", target)
    b = FunctionBuilder("repeat", [("ptr", x) for x in ("left", "right", "result", "scratch")] + [("i64", "count")])
    arguments: list[tuple[str, str | int]] = [("ptr", f"%{x}") for x in ("left", "right", "result")]
    arguments += [("i64", rows)] if run_time_rows else []
    arguments += [("ptr", "%scratch"), ("i64", 0), ("i64", 1)]
    with b.loop(0, "%count", 1):
        b.emit(f"call void @product({', '.join(f'{kind} {operand}' for kind, operand in arguments)})")
    repeat = b.finish("void")
    text = "\n".join([*sorted(function.declarations), function.text, repeat.text, target.attributes])
    call, code = native(text, "repeat", [ctypes.c_void_p] * 4 + [ctypes.c_int64])
    compiled = time.perf_counter() - start
    scratch = aligned(contract_scratch_bytes(kernel, target) // 4 + 16)
    pointers = [array.ctypes.data for array in (left, right, result, scratch)]

    def run(count: int, _alive: Any = (code, scratch)) -> object:
        return call(*pointers, count)

    return run, compiled


def _repeated(run: Callable[[], object]) -> Callable[[int], object]:
    def many(count: int) -> None:
        for _ in range(count):
            run()

    return many


def peers(left: Array, right: Array, result: Array) -> dict[str, Callable[[int], object]]:
    """Return a function for each library that is here."""
    found = {"numpy": _repeated(lambda: np.matmul(left, right, out=result))}
    for name, prepare in (("onnxruntime", _onnxruntime), ("torch", _torch), ("jax", _jax)):
        with contextlib.suppress(ImportError):
            found[name] = _repeated(prepare(left, right))
    return found


def _torch(left: Array, right: Array) -> Callable[[], object]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    a, b = torch.from_numpy(left), torch.from_numpy(right)
    result = torch.empty(left.shape[0], right.shape[1])
    return lambda: torch.mm(a, b, out=result)


def _jax(left: Array, right: Array) -> Callable[[], object]:
    jax = importlib.import_module("jax")
    a, b = jax.numpy.array(left), jax.numpy.array(right)
    product = jax.jit(lambda x, y: x @ y)
    return lambda: product(a, b).block_until_ready()


def _onnxruntime(left: Array, right: Array) -> Callable[[], object]:
    onnx, onnxruntime = importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.ascontiguousarray(right), "w")
    shapes = [[left.shape[0], left.shape[1]], [left.shape[0], right.shape[1]]]
    ends = [helper.make_tensor_value_info(name, 1, shape) for name, shape in zip("xy", shapes)]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "product", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("x", left)
    output = np.zeros(shapes[1], np.float32)
    binding.bind_output("y", "cpu", 0, np.float32, shapes[1], output.ctypes.data)

    def run(_alive: Array = output) -> object:
        return session.run_with_iobinding(binding)

    return run


def medians(candidates: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """Return each candidate's median seconds a product, measured in interleaved rounds."""
    counts = {}
    for name, run in candidates.items():
        counts[name] = 2
        while _seconds_each(run, counts[name]) * counts[name] < SECONDS / 2:
            counts[name] *= 2
    seen: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            seen[name].append(_seconds_each(run, counts[name]))
    return {name: statistics.median(times) for name, times in seen.items()}


def measure(rows: int, depth: int, columns: int, peak: float, target: Target) -> None:
    """Print one line: the two kernels, then each peer's time as a multiple of the run-time kernel's."""
    left, right, result = aligned(rows, depth), aligned(depth, columns), aligned(rows, columns)
    candidates, compiled = {}, {}
    for name, run_time in (("run-time rows", True), ("static rows", False)):
        candidates[name], compiled[name] = own_product(left, right, result, run_time, target)
        result[...] = 0
        candidates[name](1)
        np.testing.assert_allclose(result, left @ right, rtol=1e-4, atol=1e-5 * depth**0.5)
    times = medians({**candidates, **peers(left, right, result)})
    work = 2 * rows * depth * columns
    text = f"{rows}x{depth}x{columns}".ljust(16)
    own = times["run-time rows"]
    for name in candidates:
        seconds = times.pop(name)
        share = f"{work / seconds / 1e9:6.1f} GFLOP/s {100 * work / seconds / peak:5.1f} %"
        text += f" | {name} {seconds * 1e6:9.2f} us {share}, compiled in {compiled[name] * 1e3:3.0f} ms"
    text += " | " + ", ".join(f"{name} {seconds / own:.2f}" for name, seconds in times.items())
    print(text, flush=True)


def main(arguments: list[str]) -> None:
    """Measure the shapes named, or all."""
    target = host_target()
    peak = max(peak_flops(target) for _ in range(3))
    print(
        f"{target.name}: {target.lanes} lanes, peak {peak / 1e9:.1f} GFLOP/s; rows x depth x columns; peers: times ours"
    )
    for shape in [tuple(map(int, x.split("x"))) for x in arguments] or SHAPES:
        rows, depth, columns = shape
        measure(rows, depth, columns, peak, target)


if __name__ == "__main__":
    main(sys.argv[1:])
