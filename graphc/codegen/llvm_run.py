"""`graphc_run`: the plan's launches as calls, its loops as loops, on one thread or in one region of several.

    void graphc_run(ptr buffers, ptr sizes, i32 threads)

`buffers` points to the addresses of `plan.buffers` in order (those of temporaries are not read), then the arena's,
then the scratch memory's; `sizes` to the values of `plan.sizes`. The bits of the results do not depend on `threads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import lcm
from typing import Union

from graphc.codegen.llvm_builder import FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm_choice import emit_choice
from graphc.codegen.llvm_clock import Stopwatch
from graphc.codegen.llvm_contract import row_grain
from graphc.codegen.llvm_convert import STORAGE
from graphc.codegen.llvm_flush import flushing
from graphc.codegen.target import Target
from graphc.loopir import (
    ContractKernel,
    For,
    Kernel,
    Launch,
    Loop,
    Place,
    Plan,
    Step,
    count_operations,
    row_distances,
)
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Symbol, add, atoms, multiply, of_atom, symbols

# Estimated picoseconds of a launch's unit of work and of one byte moved, by one thread with its data in the L2 cache.
_UNIT, _BYTE = 12, 5
# A region of threads costs two microseconds and, where they sleep or their processors are busy with something else,
# a hundred; a barrier a quarter of one. Below these estimates (picoseconds) a plan, or a launch, runs on one thread;
# plans that take less than `_TRIED_PLAN` find out whether all threads help.
_PARALLEL_PLAN, _TRIED_PLAN, _PARALLEL_LAUNCH = 10_000_000, 400_000_000, 2_000_000
_RUN_ARGUMENTS = [("ptr", "buffers"), ("ptr", "sizes"), ("i32", "threads")]
_GIVEN = ", ".join(f"{kind} %{name}" for kind, name in _RUN_ARGUMENTS)


# The values of symbols, and of quotients of them that are known already.
Sizes = Mapping[Atom, Operand]


@dataclass(frozen=True, slots=True)
class PlannedLaunch:
    """A launch, the name of its kernel's function, and its estimated cost in picoseconds on one thread."""

    launch: Launch
    function: str
    cost: Dim
    parallel: bool


@dataclass(frozen=True, slots=True)
class PlannedLoop:
    """A loop, what is in it, and its estimated cost in picoseconds on one thread."""

    loop: Loop
    steps: tuple[PlannedStep, ...]
    cost: Dim


PlannedStep = Union[PlannedLaunch, PlannedLoop]
# Makes the emitter of steps into a function: for its only thread, or for one of a team (its number, their count).
MakeRunner = Callable[[FunctionBuilder, Union[tuple[str, str], None]], "_Runner"]


def plan_steps(steps: Sequence[Step], functions: Mapping[Kernel, str]) -> tuple[PlannedStep, ...]:
    """Return the steps with the functions that `functions` names for their kernels, and their costs."""
    planned: list[PlannedStep] = []
    for step in steps:
        match step:
            case Launch(kernel):
                planned.append(PlannedLaunch(step, functions[kernel], _cost(step), _has_parallel_part(step)))
            case Loop(_, extent, inner):
                inside = plan_steps(inner, functions)
                planned.append(PlannedLoop(step, inside, multiply(extent, plan_cost(inside))))
    return tuple(planned)


def _cost(launch: Launch) -> Dim:
    return add(multiply(launch.work, _UNIT), multiply(launch.bytes, _BYTE))


def _has_parallel_part(launch: Launch) -> bool:
    kernel = launch.kernel
    return isinstance(kernel, ContractKernel) or any(isinstance(s, For) and s.parallel for s in kernel.body)


def _contractions(loop: Loop) -> Iterator[ContractKernel]:
    for step in loop.steps:
        if isinstance(step, Loop):
            yield from _contractions(step)
        elif isinstance(step.kernel, ContractKernel):
            yield step.kernel


def plan_cost(steps: Sequence[PlannedStep]) -> Dim:
    """Return the estimated picoseconds of steps on one thread."""
    total: Dim = 0
    for planned in steps:
        total = add(total, planned.cost)
    return total


def _is_parallel(planned: PlannedStep) -> bool:
    """Tell whether threads may share some of a step."""
    return any(map(_is_parallel, planned.steps)) if isinstance(planned, PlannedLoop) else planned.parallel


def emit_dim(f: FunctionBuilder, dim: Dim, sizes: Sizes) -> Operand:
    """Return the i64 that a dim over these symbols is; a Python int where it is static."""
    if isinstance(dim, int):
        return dim
    total: Operand = 0
    for monomial, coefficient in dim.terms.items():
        term: Operand = coefficient
        for atom in monomial:
            match atom:
                case _ if atom in sizes:
                    factor = sizes[atom]
                case FloorDiv(numerator, divisor):
                    factor = f.divide(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case Modulo(numerator, divisor):
                    factor = f.remainder(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case _:
                    raise ValueError(f"{dim} cannot be computed from {', '.join(map(str, sizes))}")
            term = f.multiply(term, factor)
        total = f.add(total, term)
    return total


def load_sizes(f: FunctionBuilder, plan: Plan, pointer: str) -> dict[Atom, Operand]:
    """Load the plan's sizes from the array at `pointer`, and divide once what offsets and costs divide again."""
    sizes: dict[Atom, Operand] = {
        s: f.value(f"load i64, ptr {f.gep(pointer, i, 'i64')}") for i, s in enumerate(plan.sizes)
    }
    dims = [b.slot or 0 for b in plan.buffers] + [dim for x in plan.launches for dim in (x.work, x.bytes)]
    # Inner quotients first. Positions in loops are not known here.
    for atom in (atom for dim in dict.fromkeys(dims) for atom in reversed(list(atoms(dim)))):
        if isinstance(atom, (FloorDiv, Modulo)) and atom not in sizes and symbols(of_atom(atom)) <= sizes.keys():
            sizes[atom] = emit_dim(f, of_atom(atom), sizes)
    return sizes


def emit_run(
    plan: Plan, steps: Sequence[PlannedStep], scratch_bytes: int, target: Target, profiled: bool = False
) -> list[FunctionText]:
    """Return `graphc_run` and what it calls. Thread t's scratch memory starts at t * scratch_bytes.

    What is kept is prepared again where the version of the states is not the one it was prepared from; a plan that
    writes states makes a new version. `profiled`: each launch is timed, see `llvm_clock`.
    """

    def runner(f: FunctionBuilder, team: tuple[str, str] | None) -> _Runner:
        return _Runner(f, plan, scratch_bytes, target, team, profiled)

    prepared, steps = steps[: plan.prepared], steps[plan.prepared :]
    functions = _emit_prepare(runner, prepared) if prepared else []
    total = plan_cost(steps)
    if not any(map(_is_parallel, steps)) or (isinstance(total, int) and total < _PARALLEL_PLAN):
        f = FunctionBuilder("graphc_run", _RUN_ARGUMENTS)
        _follow_states(f, plan)
        runner(f, None).run(steps)
        return [*functions, f.finish()]
    functions += _emit_both_ways(runner, steps, "")
    return [*functions, _emit_choosing_run(plan, total)]


def _follow_states(f: FunctionBuilder, plan: Plan) -> None:
    """Prepare what is kept where states have changed, or tell that this program changes some."""
    if not plan.prepared and not plan.has_updates:
        return
    version = f.value("load i64, ptr @graphc_state_version")
    if plan.has_updates:
        f.emit(f"store i64 {f.add(version, 1)}, ptr @graphc_state_version")
        return
    with f.when(f.compare("ne", version, f.value("load i64, ptr @graphc_prepared"))):
        f.emit(f"call void @graphc_prepare({_GIVEN})")
        f.emit(f"store i64 {version}, ptr @graphc_prepared")


def _emit_prepare(runner: MakeRunner, steps: Sequence[PlannedStep]) -> list[FunctionText]:
    """Return `graphc_prepare`, which computes what is kept, on all threads, and what it calls."""
    functions = _emit_both_ways(runner, steps, "_prepare")
    f = FunctionBuilder("graphc_prepare", _RUN_ARGUMENTS, linkage="internal")
    with f.when(f.value("icmp sle i32 %threads, 1")):
        f.emit(f"call void @graphc_prepare_alone({_GIVEN})")
        f.emit("ret void")
        f.begin(f.label("unreachable"))
    f.emit(f"call void @graphc_prepare_together({_GIVEN})")
    return [*functions, f.finish()]


def _emit_choosing_run(plan: Plan, total: Dim) -> FunctionText:
    """Return the `graphc_run` that runs a plan of this estimated cost alone or together."""
    f = FunctionBuilder("graphc_run", _RUN_ARGUMENTS)
    _follow_states(f, plan)
    alone, together = f"call void @graphc_alone({_GIVEN})", f"call void @graphc_together({_GIVEN})"
    cost = emit_dim(f, total, load_sizes(f, plan, "%sizes"))
    is_single = f.value("icmp sle i32 %threads, 1")
    for condition, way in (
        (f.value(f"or i1 {is_single}, {f.compare('slt', cost, _PARALLEL_PLAN)}"), alone),
        (f.compare("sge", cost, _TRIED_PLAN), together),
    ):
        with f.when(condition):
            f.emit(way)
            f.emit("ret void")
            f.begin(f.label("unreachable"))
    emit_choice(f, cost, alone, together)
    return f.finish()


def _emit_both_ways(runner: MakeRunner, steps: Sequence[PlannedStep], part: str) -> list[FunctionText]:
    """Return the functions that run steps alone and together: `graphc{part}_alone`, `.._together`, and its region."""
    alone = FunctionBuilder(f"graphc{part}_alone", _RUN_ARGUMENTS, linkage="internal")
    runner(alone, None).run(steps)
    region = FunctionBuilder(f"graphc{part}_region", [("ptr", "context")], linkage="internal", attributes="#1")
    region.emit("%buffers = load ptr, ptr %context")
    region.emit(f"%sizes = load ptr, ptr {region.gep('%context', 1, 'ptr')}")
    thread = region.value(f"sext i32 {region.call('i32', 'omp_get_thread_num', [])} to i64")
    # The library may give fewer threads than were asked for.
    threads = region.value(f"sext i32 {region.call('i32', 'omp_get_num_threads', [])} to i64")
    runner(region, (thread, threads)).run(steps)
    f = FunctionBuilder(f"graphc{part}_together", _RUN_ARGUMENTS, linkage="internal", attributes="#1")
    context = f.value("alloca [2 x ptr]")
    f.emit(f"store ptr %buffers, ptr {context}")
    f.emit(f"store ptr %sizes, ptr {f.gep(context, 1, 'ptr')}")
    arguments: list[tuple[str, Operand]] = [("ptr", f"@graphc{part}_region"), ("ptr", context), ("i32", "%threads")]
    f.call("void", "GOMP_parallel", [*arguments, ("i32", "0")])
    return [alone.finish(), region.finish(), f.finish()]


@dataclass(frozen=True, slots=True)
class _Since:
    """What happened since the last barrier, as i1 operands, so that steps of known size decide when they are emitted.

    `ran`: whether anything ran; `split`: whether anything ran on all threads; `owed`: whether a launch that must
    follow a barrier went without.
    """

    ran: str = "false"
    split: str = "false"
    owed: str = "false"


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a size that a thread runs on its own: the first, and how many."""

    size: Symbol
    first: Operand
    count: Operand


class _Runner:
    """Emits steps for the only thread or (with `team`: its number, their count) for one of several."""

    def __init__(
        self,
        f: FunctionBuilder,
        plan: Plan,
        scratch_bytes: int,
        target: Target,
        team: tuple[str, str] | None,
        profiled: bool,
    ) -> None:
        self._builder = f
        self._target = target
        self._symbols = load_sizes(f, plan, "%sizes")
        self._team = team
        arena = f.value(f"load ptr, ptr {f.gep('%buffers', len(plan.buffers), 'ptr')}")
        scratch = f.value(f"load ptr, ptr {f.gep('%buffers', len(plan.buffers) + 1, 'ptr')}")
        self._element = {b.name: STORAGE[b.dtype] for b in plan.buffers}
        self._pointers: dict[str, str] = {}
        for position, buffer in enumerate(plan.buffers):
            if buffer.role == "temporary":
                self._pointers[buffer.name] = f.gep(arena, emit_dim(f, buffer.slot or 0, self._symbols), "i8")
            else:
                self._pointers[buffer.name] = f.value(f"load ptr, ptr {f.gep('%buffers', position, 'ptr')}")
        self._scratch = scratch if team is None else f.gep(scratch, f.multiply(team[0], scratch_bytes), "i8")
        self._first = "true" if team is None else f.compare("eq", team[0], 0)
        self._position = {launch: i for i, launch in enumerate(plan.launches)}
        self._rows: _Rows | None = None
        self._watch = Stopwatch(f, None if team is None else self._first) if profiled else None

    def run(self, steps: Sequence[PlannedStep]) -> None:
        """Emit all steps."""
        with flushing(self._builder, self._target):
            if self._team is None:
                self._alone(steps)
            else:
                self._together(steps, self._team, _Since())

    def _alone(self, steps: Sequence[PlannedStep]) -> None:
        for planned in steps:
            if isinstance(planned, PlannedLaunch):
                with self._timed(planned):
                    self._call(planned, 0, 1)
                continue
            with self._iterations(planned):
                self._alone(planned.steps)

    @contextmanager
    def _iterations(self, planned: PlannedLoop) -> Iterator[None]:
        f, loop = self._builder, planned.loop
        with f.loop(0, emit_dim(f, loop.extent, self._symbols), 1) as counter:
            self._symbols[loop.symbol] = counter.index
            yield

    def _together(self, steps: Sequence[PlannedStep], team: tuple[str, str], since: _Since) -> _Since:
        """Emit steps for one of several threads; return what happened since the last barrier."""
        for planned in steps:
            if isinstance(planned, PlannedLoop) and planned.loop.rows is not None:
                since = self._rows_apart(planned, planned.loop.rows, team, since)
                continue
            split = self._is_split(planned)
            must_wait = isinstance(planned, PlannedLoop) or planned.launch.barrier
            owed = since.ran if must_wait else since.owed
            # The first thread alone runs small launches one after the other: it waits for nobody but split ones.
            needed = self._select(split, owed, self._select(owed, since.split, "false"))
            self._barrier(needed)
            if isinstance(planned, PlannedLoop):
                self._in_step(planned, split, team)
                since = _Since(self._select(split, "false", "true"))
                continue
            before, owed = (self._select(needed, "false", i1) for i1 in (since.split, owed))
            with self._timed(planned):
                self._shared_call(planned, split, team)
            since = _Since("true", self._select(split, "true", before), owed)
        return since

    def _in_step(self, planned: PlannedLoop, split: str, team: tuple[str, str]) -> None:
        """Emit a loop whose iterations all threads run together."""
        with self._iterations(planned):
            self._together(planned.steps, team, _Since())
            self._barrier(split)

    def _rows_apart(self, planned: PlannedLoop, size: Symbol, team: tuple[str, str], since: _Since) -> _Since:
        """Emit a loop of which each thread runs all iterations for some rows, where there are rows for all threads."""
        f, (thread, threads) = self._builder, team
        grain = lcm(*(row_grain(k, self._target) for k in _contractions(planned.loop)))
        rows = self._symbols[size]
        parts = f.divide(f.add(rows, grain - 1), grain)
        cost = f.add(0, emit_dim(f, planned.cost, self._symbols))
        apart = f.value(f"and i1 {f.compare('sge', parts, threads)}, {f.compare('sge', cost, _PARALLEL_LAUNCH)}")
        split = f.value(f"or i1 {apart}, {self._is_split(planned)}")
        self._barrier(self._select(split, since.ran, self._select(since.ran, since.split, "false")))
        with f.when(apart):
            each = f.multiply(f.divide(f.add(parts, f.subtract(threads, 1)), threads), grain)
            first = f.minimum(f.multiply(each, thread), rows)
            count = f.minimum(f.subtract(rows, first), each)
            with f.when(f.compare("sgt", count, 0)):
                self._rows = _Rows(size, first, count)
                self._alone([planned])
                self._rows = None
        with f.when(f.value(f"xor i1 {apart}, true")):
            self._in_step(planned, self._is_split(planned), team)
        return _Since("true", split)

    def _is_split(self, planned: PlannedStep) -> str:
        """Return the i1 that tells whether the threads share this launch, or any launch of this loop."""
        f = self._builder
        if isinstance(planned, PlannedLoop):
            shared = "false"
            for inner in planned.steps:
                shared = self._select(shared, "true", self._is_split(inner))
            return shared
        if not planned.parallel:
            return "false"
        cost = emit_dim(f, planned.cost, self._symbols)
        if isinstance(cost, int):
            return "true" if cost >= _PARALLEL_LAUNCH else "false"
        return f.compare("sge", cost, _PARALLEL_LAUNCH)

    def _shared_call(self, planned: PlannedLaunch, split: str, team: tuple[str, str]) -> None:
        """Emit a launch on all threads where `split` holds, else on the first."""
        f = self._builder
        thread, threads = team
        if split == "true":
            self._call(planned, thread, threads)
        elif split == "false":
            with f.when(self._first):
                self._call(planned, 0, 1)
        else:
            with f.when(f.value(f"or i1 {split}, {self._first}")):
                self._call(planned, thread, f.value(f"select i1 {split}, i64 {threads}, i64 1"))

    @contextmanager
    def _timed(self, planned: PlannedLaunch) -> Iterator[None]:
        """Time what is emitted inside, where the program is built to be profiled."""
        if self._watch is None:
            yield
            return
        work = (count_operations(planned.launch.kernel), planned.launch.bytes)
        operations, moved = (emit_dim(self._builder, dim, self._symbols) for dim in work)
        with self._watch.around(self._position[planned.launch], operations, moved):
            yield

    def _select(self, condition: str, then: str, otherwise: str) -> str:
        if then == otherwise or condition == "true":
            return then
        if condition == "false":
            return otherwise
        return self._builder.value(f"select i1 {condition}, i1 {then}, i1 {otherwise}")

    def _barrier(self, needed: str) -> None:
        f = self._builder
        if needed == "true":
            f.call("void", "GOMP_barrier", [])
        elif needed != "false":
            with f.when(needed):
                f.call("void", "GOMP_barrier", [])

    def _call(self, planned: PlannedLaunch, thread: Operand, threads: Operand) -> None:
        f, launch, rows = self._builder, planned.launch, self._rows
        sizes, pointers = self._symbols, [self._pointer(place) for place in launch.places]
        if rows is not None:
            distances = row_distances(launch.kernel, rows.size)
            assert distances is not None
            sizes = {**sizes, rows.size: rows.count}
            for position, (place, distance) in enumerate(zip(launch.places, distances)):
                moved = f.multiply(rows.first, emit_dim(f, distance, self._symbols))
                pointers[position] = f.gep(pointers[position], moved, self._element[place.buffer])
        arguments = [f"ptr {pointer}" for pointer in pointers]
        arguments += [f"i64 {sizes[s]}" for s in launch.kernel.sizes]
        arguments += [f"ptr {self._scratch}", f"i64 {thread}", f"i64 {threads}"]
        self._builder.emit(f"call void @{planned.function}({', '.join(arguments)})")

    def _pointer(self, place: Place) -> str:
        f = self._builder
        offset = emit_dim(f, place.offset, self._symbols)
        pointer = f.gep(self._pointers[place.buffer], offset, self._element[place.buffer])
        if place.index is None or place.initial is None:
            return pointer
        is_first = f.compare("eq", emit_dim(f, place.index, self._symbols), 0)
        return f.value(f"select i1 {is_first}, ptr {self._pointer(place.initial)}, ptr {pointer}")
