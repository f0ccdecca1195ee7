"""`graphc_run`: the plan's launches as calls, on one thread or in one region of several.

    void graphc_run(ptr buffers, ptr sizes, i32 threads)

`buffers` points to the addresses of `plan.buffers` in order (those of temporaries are not read), then the arena's,
then the scratch memory's; `sizes` to the values of `plan.sizes`. The bits of the results do not depend on `threads`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.codegen.llvm_builder import FunctionBuilder, FunctionText, Operand
from graphc.loopir import ContractKernel, For, Launch, Plan
from graphc.symbolic import Dim, FloorDiv, Modulo, Symbol, Value, add, multiply

# Estimated picoseconds of a launch's unit of work and of one byte moved, by one thread with its data in the L2 cache.
_UNIT, _BYTE = 12, 5
# A region of threads costs two microseconds and, where their processors are busy with something else, fifty; a
# barrier a quarter of one. Below these estimates (picoseconds) a plan, or a launch, runs on one thread. At half the
# plan's limit a row through 784-512-10 takes 11 us instead of 19 on an idle machine, and 108 on a busy one.
_PARALLEL_PLAN, _PARALLEL_LAUNCH = 20_000_000, 2_000_000


@dataclass(frozen=True, slots=True)
class PlannedLaunch:
    """A launch, the name of its kernel's function, and its estimated cost in picoseconds on one thread."""

    launch: Launch
    function: str
    cost: Dim
    parallel: bool


def plan_launches(plan: Plan, functions: Sequence[str]) -> tuple[PlannedLaunch, ...]:
    """Return the plan's launches with the functions that `functions` names for them, and their costs."""
    return tuple(
        PlannedLaunch(launch, function, _cost(launch), _has_parallel_part(launch))
        for launch, function in zip(plan.launches, functions)
    )


def _cost(launch: Launch) -> Dim:
    return add(multiply(launch.work, _UNIT), multiply(launch.bytes, _BYTE))


def _has_parallel_part(launch: Launch) -> bool:
    kernel = launch.kernel
    return isinstance(kernel, ContractKernel) or any(isinstance(s, For) and s.parallel for s in kernel.body)


def plan_cost(launches: Sequence[PlannedLaunch]) -> Dim:
    """Return the estimated picoseconds of the whole plan on one thread."""
    total: Dim = 0
    for planned in launches:
        total = add(total, planned.cost)
    return total


def emit_dim(f: FunctionBuilder, dim: Dim, sizes: Mapping[Symbol, Operand]) -> Operand:
    """Return the i64 that a dim over size symbols is; a Python int where it is static."""
    if isinstance(dim, int):
        return dim
    total: Operand = 0
    for monomial, coefficient in dim.terms.items():
        term: Operand = coefficient
        for atom in monomial:
            match atom:
                case Symbol():
                    factor = sizes[atom]
                case FloorDiv(numerator, divisor):
                    factor = f.divide(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case Modulo(numerator, divisor):
                    factor = f.remainder(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case Value():
                    raise ValueError(f"{dim} is computed by the program and cannot size it")
            term = f.multiply(term, factor)
        total = f.add(total, term)
    return total


def load_sizes(f: FunctionBuilder, plan: Plan, pointer: str) -> dict[Symbol, Operand]:
    """Load the plan's sizes from the array at `pointer`."""
    return {s: f.value(f"load i64, ptr {f.gep(pointer, i, 'i64')}") for i, s in enumerate(plan.sizes)}


def emit_run(plan: Plan, launches: Sequence[PlannedLaunch], scratch_bytes: int) -> list[FunctionText]:
    """Return `graphc_run` and what it calls. Thread t's scratch memory starts at t * scratch_bytes."""
    total = plan_cost(launches)
    always_serial = not any(p.parallel for p in launches) or (isinstance(total, int) and total < _PARALLEL_PLAN)
    f = FunctionBuilder("graphc_run", [("ptr", "buffers"), ("ptr", "sizes"), ("i32", "threads")])
    if always_serial:
        _emit_launches(f, plan, launches, scratch_bytes, None)
        return [f.finish()]
    sizes = load_sizes(f, plan, "%sizes")
    several = f.value("icmp sgt i32 %threads, 1")
    if not isinstance(total, int):
        large = f.compare("sge", emit_dim(f, total, sizes), _PARALLEL_PLAN)
        several = f.value(f"and i1 {several}, {large}")
    region, serial = f.label("region"), f.label("serial")
    f.branch_if(several, region, serial)
    f.begin(region)
    context = f.value("alloca [2 x ptr]")
    f.emit(f"store ptr %buffers, ptr {context}")
    f.emit(f"store ptr %sizes, ptr {f.gep(context, 1, 'ptr')}")
    f.call("void", "GOMP_parallel", [("ptr", "@graphc_region"), ("ptr", context), ("i32", "%threads"), ("i32", "0")])
    f.emit("ret void")
    f.begin(serial)
    _emit_launches(f, plan, launches, scratch_bytes, None)
    return [_emit_region(plan, launches, scratch_bytes), f.finish()]


def _emit_region(plan: Plan, launches: Sequence[PlannedLaunch], scratch_bytes: int) -> FunctionText:
    """Return the function that every thread of a region runs."""
    f = FunctionBuilder("graphc_region", [("ptr", "context")], linkage="internal", attributes="#1")
    f.emit("%buffers = load ptr, ptr %context")
    f.emit(f"%sizes = load ptr, ptr {f.gep('%context', 1, 'ptr')}")
    thread = f.value(f"sext i32 {f.call('i32', 'omp_get_thread_num', [])} to i64")
    # The library may give fewer threads than were asked for.
    threads = f.value(f"sext i32 {f.call('i32', 'omp_get_num_threads', [])} to i64")
    _emit_launches(f, plan, launches, scratch_bytes, (thread, threads))
    return f.finish()


def _emit_launches(
    f: FunctionBuilder,
    plan: Plan,
    launches: Sequence[PlannedLaunch],
    scratch_bytes: int,
    team: tuple[str, str] | None,
) -> None:
    """Emit every launch, for the only thread or (with `team`: its number, their count) for one of several."""
    sizes = load_sizes(f, plan, "%sizes")
    arena = f.value(f"load ptr, ptr {f.gep('%buffers', len(plan.buffers), 'ptr')}")
    scratch = f.value(f"load ptr, ptr {f.gep('%buffers', len(plan.buffers) + 1, 'ptr')}")
    pointers: dict[str, str] = {}
    for position, buffer in enumerate(plan.buffers):
        if buffer.role == "temporary":
            pointers[buffer.name] = f.gep(arena, emit_dim(f, buffer.slot or 0, sizes), "i8")
        else:
            pointers[buffer.name] = f.value(f"load ptr, ptr {f.gep('%buffers', position, 'ptr')}")
    if team is None:
        for planned in launches:
            _emit_call(f, planned, pointers, sizes, scratch, 0, 1)
        return
    thread, threads = team
    own_scratch = f.gep(scratch, f.multiply(thread, scratch_bytes), "i8")
    first = f.compare("eq", thread, 0)
    # Since the last barrier: whether anything ran, whether anything ran on all threads, whether a launch that must
    # follow a barrier went without. i1 operands, so that launches whose size is known decide when they are emitted.
    any_before, split_before, owed = "false", "false", "false"
    for planned in launches:
        split = _is_split(f, planned, sizes)
        if planned.launch.barrier:
            owed = any_before
        # The first thread alone runs small launches one after the other: it waits for nobody but split ones.
        needed = _select(f, split, owed, _select(f, owed, split_before, "false"))
        _emit_barrier(f, needed)
        any_before, split_before, owed = (_select(f, needed, "false", i1) for i1 in (any_before, split_before, owed))
        if split == "true":
            _emit_call(f, planned, pointers, sizes, own_scratch, thread, threads)
        elif split == "false":
            with f.when(first):
                _emit_call(f, planned, pointers, sizes, own_scratch, 0, 1)
        else:
            with f.when(f.value(f"or i1 {split}, {first}")):
                count = f.value(f"select i1 {split}, i64 {threads}, i64 1")
                _emit_call(f, planned, pointers, sizes, own_scratch, thread, count)
        split_before = _select(f, split, "true", split_before)
        any_before = "true"


def _is_split(f: FunctionBuilder, planned: PlannedLaunch, sizes: Mapping[Symbol, Operand]) -> str:
    """Return the i1 that tells whether the threads share this launch."""
    if not planned.parallel:
        return "false"
    cost = emit_dim(f, planned.cost, sizes)
    if isinstance(cost, int):
        return "true" if cost >= _PARALLEL_LAUNCH else "false"
    return f.compare("sge", cost, _PARALLEL_LAUNCH)


def _select(f: FunctionBuilder, condition: str, then: str, otherwise: str) -> str:
    if then == otherwise or condition == "true":
        return then
    return otherwise if condition == "false" else f.value(f"select i1 {condition}, i1 {then}, i1 {otherwise}")


def _emit_barrier(f: FunctionBuilder, needed: str) -> None:
    if needed == "true":
        f.call("void", "GOMP_barrier", [])
    elif needed != "false":
        with f.when(needed):
            f.call("void", "GOMP_barrier", [])


def _emit_call(
    f: FunctionBuilder,
    planned: PlannedLaunch,
    pointers: Mapping[str, str],
    sizes: Mapping[Symbol, Operand],
    scratch: str,
    thread: Operand,
    threads: Operand,
) -> None:
    launch = planned.launch
    arguments = [f"ptr {pointers[name]}" for name in launch.arguments]
    arguments += [f"i64 {sizes[s]}" for s in launch.kernel.sizes]
    arguments += [f"ptr {scratch}", f"i64 {thread}", f"i64 {threads}"]
    f.emit(f"call void @{planned.function}({', '.join(arguments)})")
