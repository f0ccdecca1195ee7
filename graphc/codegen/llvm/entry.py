"""`graphc_call`: the program as Python calls it, one function of CPython's METH_FASTCALL kind.

    ptr graphc_call(ptr self, ptr args, i64 count)

Arguments that are exactly what the plan wants (arrays of the right dtype, rank and shape, C-contiguous, aligned) run
at once. Anything else goes to `self`, a Python callable, which converts them or raises, and calls again. Returns one
array where the module's variable `graphc_single` is not 0 and the plan has one result, else a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from graphc.codegen.llvm.block import BLOCK_VARIABLE, arena_bytes, store_memory
from graphc.codegen.llvm.builder import FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm.cost import PlannedStep, plan_cost
from graphc.codegen.llvm.sizes import Sizes, emit_dim
from graphc.loopir import Plan, size_sources
from graphc.symbolic import Atom

# Offsets in CPython's object and NumPy's array; the loader checks them against a real array.
_TYPE, _DATA, _RANK, _DIMENSIONS, _DESCR, _FLAGS = 8, 16, 24, 32, 56, 64
_CONTIGUOUS_AND_ALIGNED = 0x101
# Picoseconds of estimated work from which letting other Python threads run is worth its hundred nanoseconds.
_RELEASE = 20_000_000
# Temporaries up to this many bytes live on the stack.
_STACK_BYTES = 16 << 10


def emit_variables(plan: Plan, scratch_bytes: int) -> str:
    """Return the module's variables, its own and those that the loader resolves."""
    dtypes = sorted({r.dtype for r in plan.results} | {a.dtype for a in plan.arguments})
    shared = ("PyArray_Type", "graphc_threads", "graphc_state_lock", "graphc_state_version")
    outside = [*shared, *(f"graphc_dtype_{name}" for name in dtypes)]
    return (
        "".join(f"@{name} = external global i8\n" for name in outside)
        + f"@graphc_buffers = global [{len(plan.buffers) + 2} x ptr] zeroinitializer, align 64\n"
        + "@graphc_single = global i8 0\n"
        + "@graphc_prepared = internal global i64 -1\n"
        + f"@graphc_scratch = constant i64 {scratch_bytes}\n"
        + BLOCK_VARIABLE
    )


def emit_entry(plan: Plan, steps: Sequence[PlannedStep], scratch_bytes: int) -> FunctionText:
    """Return `graphc_call`. Raises CompileError where a size is bound by no argument."""
    f = FunctionBuilder("graphc_call", [("ptr", "self"), ("ptr", "args"), ("i64", "count")], result="ptr")
    buffers = _stack(f, f"[{len(plan.buffers) + 2} x ptr]")
    size_array = _stack(f, f"[{max(len(plan.sizes), 1)} x i64]")
    arrays, dimensions = _check_arrays(f, plan)
    sizes = _bind_sizes(f, plan, dimensions)
    _check_shapes(f, plan, dimensions, sizes)
    for position, s in enumerate(plan.sizes):
        f.emit(f"store i64 {sizes[s]}, ptr {f.gep(size_array, position, 'i64')}")
    threads = f.value("load i32, ptr @graphc_threads")
    results = _allocate_results(f, plan, sizes)
    _fill_buffers(f, plan, buffers, arrays, results)
    with _temporaries(f, plan, buffers, sizes, (scratch_bytes, threads), results), _guarded(f, plan, steps, sizes):
        f.emit(f"call void @graphc_run(ptr {buffers}, ptr {size_array}, i32 {threads})")
    _return_results(f, results)
    f.begin("slow")
    arguments: list[tuple[str, Operand]] = [("ptr", "%self"), ("ptr", "%args"), ("i64", "%count"), ("ptr", "null")]
    return f.finish(f"ptr {f.call('ptr', 'PyObject_Vectorcall', arguments)}")


def _stack(f: FunctionBuilder, kind: str) -> str:
    """Return the address of a value of this type in the function's frame."""
    with f.inside(f.entry):
        return f.value(f"alloca {kind}, align 64")


def _require(f: FunctionBuilder, conditions: Sequence[str], failed: str = "slow") -> None:
    """Go on where all the i1s hold, else to the block `failed`."""
    if not conditions:
        return
    together = conditions[0]
    for condition in conditions[1:]:
        together = f.value(f"and i1 {together}, {condition}")
    passed = f.label("passed")
    f.branch_if(together, passed, failed)
    f.begin(passed)


def _check_arrays(f: FunctionBuilder, plan: Plan) -> tuple[list[str], list[str]]:
    """Check the count, type, dtype, layout and rank of the arguments; return the arrays and their dimensions."""
    _require(f, [f.compare("eq", "%count", len(plan.arguments))])
    arrays = [f.value(f"load ptr, ptr {f.gep('%args', i, 'ptr')}") for i in range(len(plan.arguments))]
    # Nothing but an array may be read as one, so the types come first.
    types = [f.value(f"load ptr, ptr {f.gep(array, _TYPE, 'i8')}") for array in arrays]
    _require(f, [f.value(f"icmp eq ptr {kind}, @PyArray_Type") for kind in types])
    conditions = []
    for array, argument in zip(arrays, plan.arguments):
        descr = f.value(f"load ptr, ptr {f.gep(array, _DESCR, 'i8')}")
        flags = f.value(f"load i32, ptr {f.gep(array, _FLAGS, 'i8')}")
        rank = f.value(f"load i32, ptr {f.gep(array, _RANK, 'i8')}")
        wanted = f.value(f"and i32 {flags}, {_CONTIGUOUS_AND_ALIGNED}")
        conditions.append(f.value(f"icmp eq ptr {descr}, @graphc_dtype_{argument.dtype}"))
        conditions.append(f.value(f"icmp eq i32 {wanted}, {_CONTIGUOUS_AND_ALIGNED}"))
        conditions.append(f.value(f"icmp eq i32 {rank}, {len(argument.shape)}"))
    _require(f, conditions)
    dimensions = [
        f.value(f"load ptr, ptr {f.gep(array, _DIMENSIONS, 'i8')}") if argument.shape else ""
        for array, argument in zip(arrays, plan.arguments)
    ]
    return arrays, dimensions


def _bind_sizes(f: FunctionBuilder, plan: Plan, dimensions: Sequence[str]) -> dict[Atom, Operand]:
    sources = size_sources(plan)
    return {s: f.value(f"load i64, ptr {f.gep(dimensions[sources[s][0]], sources[s][1], 'i64')}") for s in plan.sizes}


def _check_shapes(f: FunctionBuilder, plan: Plan, dimensions: Sequence[str], sizes: Sizes) -> None:
    binding = set(size_sources(plan).values())
    conditions = []
    for position, argument in enumerate(plan.arguments):
        for axis, dim in enumerate(argument.shape):
            if (position, axis) not in binding:
                given = f.value(f"load i64, ptr {f.gep(dimensions[position], axis, 'i64')}")
                conditions.append(f.compare("eq", given, emit_dim(f, dim, sizes)))
    for r in plan.requirements:
        conditions.append(f.compare("eq", emit_dim(f, r.left, sizes), emit_dim(f, r.right, sizes)))
    _require(f, conditions)


def _allocate_results(f: FunctionBuilder, plan: Plan, sizes: Sizes) -> list[str]:
    """Make the arrays that are returned; where memory ends, release those made so far and return null."""
    ranks = [len(result.shape) for result in plan.results]
    shape = _stack(f, f"[{max([1, *ranks])} x i64]")
    results: list[str] = []
    for result in plan.results:
        for axis, dim in enumerate(result.shape):
            f.emit(f"store i64 {emit_dim(f, dim, sizes)}, ptr {f.gep(shape, axis, 'i64')}")
        dtype = f"@graphc_dtype_{result.dtype}"
        f.call("void", "Py_IncRef", [("ptr", dtype)])  # the call below takes a reference over
        arguments: list[tuple[str, Operand]] = [("i32", len(result.shape)), ("ptr", shape), ("ptr", dtype), ("i32", 0)]
        array = f.call("ptr", "PyArray_Empty", arguments)
        with f.when(f.value(f"icmp eq ptr {array}, null")):
            _fail(f, results)
        results.append(array)
    return results


def _fail(f: FunctionBuilder, results: Sequence[str]) -> None:
    """Release the results and return null to Python, which has an exception set. Opens a block nobody enters."""
    for made in results:
        f.call("void", "Py_DecRef", [("ptr", made)])
    f.emit("ret ptr null")
    f.begin(f.label("unreachable"))


def _fill_buffers(f: FunctionBuilder, plan: Plan, buffers: str, arrays: Sequence[str], results: Sequence[str]) -> None:
    """Write the addresses of all buffers but the temporaries."""
    if any(b.role in ("state", "constant", "kept") for b in plan.buffers):
        source, count = ("ptr", "@graphc_buffers"), ("i64", 8 * len(plan.buffers))
        f.call("void", "llvm.memcpy.p0.p0.i64", [("ptr align 64", buffers), source, count, ("i1", "false")])
    owners = {argument.buffer: array for argument, array in zip(plan.arguments, arrays)}
    owners |= {result.buffer: array for result, array in zip(plan.results, results)}
    for position, buffer in enumerate(plan.buffers):
        if buffer.name in owners:
            data = f.value(f"load ptr, ptr {f.gep(owners[buffer.name], _DATA, 'i8')}")
            f.emit(f"store ptr {data}, ptr {f.gep(buffers, position, 'ptr')}")


@contextmanager
def _temporaries(
    f: FunctionBuilder,
    plan: Plan,
    buffers: str,
    sizes: Sizes,
    scratch: tuple[int, str],
    results: Sequence[str],
) -> Iterator[None]:
    """Find memory for the arena and every thread's scratch (bytes of one, number of threads), and give it back."""
    scratch_bytes, threads = scratch
    arena = arena_bytes(f, plan, sizes)
    total = arena
    if scratch_bytes:
        total = f.add(arena, f.multiply(f.value(f"sext i32 {threads} to i64"), scratch_bytes))
    if total == 0:
        yield
        return
    if isinstance(total, int) and total <= _STACK_BYTES:
        memory = _stack(f, f"[{total} x i8]")
        store_memory(f, plan, buffers, memory, arena)
        yield
        return
    memory = f.value(f"call ptr @graphc_take(i64 {total})")
    with f.when(f.value(f"icmp eq ptr {memory}, null")):
        f.call("ptr", "PyErr_NoMemory", [])
        _fail(f, results)
    store_memory(f, plan, buffers, memory, arena)
    yield
    f.emit(f"call void @graphc_give(ptr {memory})")


@contextmanager
def _guarded(f: FunctionBuilder, plan: Plan, steps: Sequence[PlannedStep], sizes: Sizes) -> Iterator[None]:
    """Hold the lock of the states as the plan needs it, and release Python's where there is much to do.

    No thread ever waits for the states' lock while it holds Python's.
    """
    cost = emit_dim(f, plan_cost(steps), sizes)
    kind = state_access(plan)
    may_release = not isinstance(cost, int) or cost >= _RELEASE
    if kind is None and not may_release:
        yield
        return
    saved = _stack(f, "ptr")
    f.emit(f"store ptr null, ptr {saved}")
    if may_release and isinstance(cost, int):
        _release(f, saved)
    elif may_release:
        with f.when(f.compare("sge", cost, _RELEASE)):
            _release(f, saved)
    if kind is not None:
        busy = f.call("i32", f"pthread_rwlock_try{kind}lock", [("ptr", "@graphc_state_lock")])
        with f.when(f.value(f"icmp ne i32 {busy}, 0")):
            with f.when(f.value(f"icmp eq ptr {f.value(f'load ptr, ptr {saved}')}, null")):
                _release(f, saved)
            f.call("i32", f"pthread_rwlock_{kind}lock", [("ptr", "@graphc_state_lock")])
    yield
    if kind is not None:
        f.call("i32", "pthread_rwlock_unlock", [("ptr", "@graphc_state_lock")])
    thread_state = f.value(f"load ptr, ptr {saved}")
    with f.when(f.value(f"icmp ne ptr {thread_state}, null")):
        f.call("void", "PyEval_RestoreThread", [("ptr", thread_state)])


def state_access(plan: Plan) -> str | None:
    """Return how the plan must hold the states' lock: `wr` where it writes one, `rd` where it reads one, else None."""
    if plan.has_updates:
        return "wr"
    return "rd" if any(b.role == "state" for b in plan.buffers) else None


def _release(f: FunctionBuilder, saved: str) -> None:
    f.emit(f"store ptr {f.call('ptr', 'PyEval_SaveThread', [])}, ptr {saved}")


def _return_results(f: FunctionBuilder, results: Sequence[str]) -> None:
    if len(results) == 1:
        with f.when(f.value(f"icmp ne i8 {f.value('load i8, ptr @graphc_single')}, 0")):
            f.emit(f"ret ptr {results[0]}")
            f.begin(f.label("unreachable"))
    sequence = f.call("ptr", "PyList_New", [("i64", len(results))])
    with f.when(f.value(f"icmp eq ptr {sequence}, null")):
        _fail(f, results)
    for position, array in enumerate(results):
        f.call("i32", "PyList_SetItem", [("ptr", sequence), ("i64", position), ("ptr", array)])
    f.emit(f"ret ptr {sequence}")
