"""Steps of a plan as calls and loops, for the only thread or for one of several that share or wait.

Where a loop keeps rows apart and there are rows for all threads, each runs all iterations for some of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import lcm

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.codegen.llvm.clock import Stopwatch
from graphc.codegen.llvm.contraction.kernel import row_grain, row_height
from graphc.codegen.llvm.convert import STORAGE
from graphc.codegen.llvm.cost import PlannedLaunch, PlannedLoop, PlannedStep
from graphc.codegen.llvm.flush import flushing
from graphc.codegen.llvm.sizes import emit_dim, load_sizes
from graphc.codegen.target import Target
from graphc.loopir import ContractKernel, Loop, Place, Plan, count_operations, row_distances
from graphc.records import record
from graphc.symbolic import Symbol

# Below this estimate (picoseconds) a launch runs on one thread: a barrier takes a quarter of a microsecond.
PARALLEL_LAUNCH = 2_000_000


@record
class _Since:
    """What happened since the last barrier, as i1 operands, so that steps of known size decide when they are emitted.

    `ran`: whether anything ran; `split`: whether anything ran on all threads; `owed`: whether a launch that must
    follow a barrier went without.
    """

    ran: str = "false"
    split: str = "false"
    owed: str = "false"


@record
class _Rows:
    """The rows of a size that a thread runs on its own: the first, and how many."""

    size: Symbol
    first: Operand
    count: Operand


class Runner:
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
        own = scratch if team is None else f.gep(scratch, f.multiply(team[0], scratch_bytes), "i8")
        self._scratch = f.gep(own, plan.private, "i8")
        self._pointers: dict[str, str] = {}
        for position, buffer in enumerate(plan.buffers):
            if buffer.role in ("temporary", "private"):
                memory = arena if buffer.role == "temporary" else own
                self._pointers[buffer.name] = f.gep(memory, emit_dim(f, buffer.slot or 0, self._symbols), "i8")
            else:
                self._pointers[buffer.name] = f.value(f"load ptr, ptr {f.gep('%buffers', position, 'ptr')}")
        self._first = "true" if team is None else f.compare("eq", team[0], 0)
        self._position = {launch: i for i, launch in enumerate(plan.launches)}
        self._rows: _Rows | None = None
        # How many threads run launches apart from each other, where they do.
        self._apart: Operand | None = None
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
    def _iterations(self, planned: PlannedLoop, share: tuple[Operand, Operand] | None = None) -> Iterator[None]:
        """Run what is emitted inside for all iterations of a loop, or for those from a first one to an end."""
        f, loop = self._builder, planned.loop
        low, high = (0, emit_dim(f, loop.extent, self._symbols)) if share is None else share
        with f.loop(low, high, 1) as counter:
            self._symbols[loop.symbol] = counter.index
            yield

    def _together(self, steps: Sequence[PlannedStep], team: tuple[str, str], since: _Since) -> _Since:
        """Emit steps for one of several threads; return what happened since the last barrier."""
        for planned in steps:
            if isinstance(planned, PlannedLoop) and planned.loop.rows is not None:
                since = self._rows_apart(planned, planned.loop.rows, team, since)
                continue
            if isinstance(planned, PlannedLoop) and planned.loop.apart:
                since = self._iterations_apart(planned, team, since)
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

    def _iterations_apart(self, planned: PlannedLoop, team: tuple[str, str], since: _Since) -> _Since:
        """Emit a loop of which each thread runs some iterations, alone."""
        f, (thread, threads) = self._builder, team
        cost, extent = (f.add(0, emit_dim(f, d, self._symbols)) for d in (planned.cost, planned.loop.extent))
        split = f.compare("sge", cost, PARALLEL_LAUNCH)
        self._barrier(self._select(split, since.ran, self._select(since.ran, since.split, "false")))
        # Without a split the first thread runs all of them.
        count = f.value(f"select i1 {split}, i64 {threads}, i64 1")
        low, high = (f.divide(f.multiply(extent, f.minimum(t, count)), count) for t in (thread, f.add(thread, 1)))
        self._apart = count
        with self._iterations(planned, (low, high)):
            self._alone(planned.steps)
        self._apart = None
        return _Since("true", split)

    def _rows_apart(self, planned: PlannedLoop, size: Symbol, team: tuple[str, str], since: _Since) -> _Since:
        """Emit a loop of which each thread runs all iterations for some rows, where there are rows for all threads."""
        f, (thread, threads) = self._builder, team
        contractions = list(_contractions(planned.loop))
        grain = lcm(*(row_grain(k, self._target) for k in contractions))
        height = max((row_height(k, self._target) for k in contractions), default=1)
        rows = self._symbols[size]
        parts, panels = (f.divide(f.add(rows, part - 1), part) for part in (grain, max(grain, height)))
        cost = f.add(0, emit_dim(f, planned.cost, self._symbols))
        apart = f.value(f"and i1 {f.compare('sge', panels, threads)}, {f.compare('sge', cost, PARALLEL_LAUNCH)}")
        split = f.value(f"or i1 {apart}, {self._is_split(planned)}")
        self._barrier(self._select(split, since.ran, self._select(since.ran, since.split, "false")))
        with f.when(apart):
            each = f.multiply(f.divide(f.add(parts, f.subtract(threads, 1)), threads), grain)
            first = f.minimum(f.multiply(each, thread), rows)
            count = f.minimum(f.subtract(rows, first), each)
            with f.when(f.compare("sgt", count, 0)):
                self._rows, self._apart = _Rows(size, first, count), threads
                self._alone([planned])
                self._rows, self._apart = None, None
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
            return "true" if cost >= PARALLEL_LAUNCH else "false"
        return f.compare("sge", cost, PARALLEL_LAUNCH)

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
        if self._apart is not None and self._rows is None:
            operations, moved = (self._builder.multiply(each, self._apart) for each in (operations, moved))
        with self._watch.around(self._position[planned.launch], operations, moved, self._apart is None):
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


def _contractions(loop: Loop) -> Iterator[ContractKernel]:
    for step in loop.steps:
        if isinstance(step, Loop):
            yield from _contractions(step)
        elif isinstance(step.kernel, ContractKernel):
            yield step.kernel
