"""Loop kernels as CUDA C, by the form that `cuda_form` finds.

Every thread takes items a grid apart, so that any number of blocks does the work; which thread folds what, and how
partial results are merged, follows from the kernel alone: no result depends on how it is launched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from graphc.codegen.cuda.expression import CudaExpressions, CudaWriter
from graphc.codegen.cuda.form import Form, choose_form, is_independent, loads_of, peel, stores_of
from graphc.codegen.cuda.four import FourWide, four_wide
from graphc.codegen.cuda.long_fold import parted_folds, partial_bytes, partial_offset, parts_of_folds
from graphc.codegen.cuda.math import STORAGE
from graphc.codegen.cuda.nest import Folding, bind_number, nested, statements
from graphc.codegen.cuda.split import SCRATCH
from graphc.loopir import Fold, For, Geometry, Let, Load, Local, LoopKernel, Statement, Store
from graphc.records import record
from graphc.symbolic import Dim, Symbol, Value, affine, atoms, ceildiv, floordiv, of_atom, product, value

THREADS = 256
# Rows of threads that share the folds of the items of one warp.
_COLUMN_LANES, _WARP = 16, 32
# The parts that the places of an accumulating kernel are shared into: each has its own threads.
_PARTS = 256
# What a partial result takes of the shared memory that merges them.
_PARTIAL_BYTES = 16


def emit_loop_body(
    kernel: LoopKernel, name: str, writer: CudaWriter, is_aligned: bool, in_parts: bool = False
) -> Geometry:
    """Write the body of a kernel's function and return how to launch it.

    `is_aligned`: every buffer starts where four elements may be moved at once. `in_parts`: only the parts of the
    kernel's `parted_folds` are stored.
    """
    emitter = CudaExpressions(writer, kernel.parameters)
    for position, symbol in enumerate(kernel.sizes):
        emitter.bind(symbol, f"size{position}")
    loops = _LoopWriter(writer, emitter, name, {p.name: STORAGE[p.dtype] for p in kernel.parameters})
    form = choose_form(kernel)
    match form.kind:
        case "map":
            wide = four_wide(form) if is_aligned else None
            return loops.map(form) if wide is None else loops.map_four(form, wide)
        case "group":
            return loops.parts(form, kernel) if in_parts else loops.group(form)
        case "walk":
            return loops.walk(form)
        case _:
            with writer.block("if (blockIdx.x == 0 && threadIdx.x == 0)"):
                statements(emitter, form.body)
            return Geometry(name, 1, _WARP)


class _LoopWriter:
    def __init__(self, writer: CudaWriter, emitter: CudaExpressions, name: str, kinds: dict[str, str]) -> None:
        self._writer, self._emitter, self._name, self._kinds = writer, emitter, name, kinds

    def map(self, form: Form) -> Geometry:
        """One thread an item."""
        items = product(extent for _, extent in form.loops)
        with self._items(items):
            bind_number(self._emitter, form.loops, "item")
            statements(self._emitter, form.body)
        return self._geometry(items)

    def map_four(self, form: Form, wide: FourWide) -> Geometry:
        """One thread four neighbouring items."""
        *outer, (symbol, extent) = form.loops
        fours = floordiv(extent, 4)
        items = product([*(e for _, e in outer), fours])
        with self._items(items):
            # The symbol first counts fours, then elements.
            bind_number(self._emitter, [*outer, (symbol, fours)], "item")
            first = self._writer.constant("gc_index", f"4 * {self._emitter.symbol(symbol)}")
            self._emitter.bind(symbol, first)
            arrays: dict[Load | Store, str] = {}
            for load in wide.loads:
                arrays[load] = self._four(load.buffer)
                place = f"{load.buffer} + {self._emitter.dim(load.offset)}"
                self._writer.line(f"{arrays[load]} = gc_load_four({place});")
            for s in wide.stores:
                arrays[s] = self._four(s.buffer)
            self._writer.line("#pragma unroll")
            with self._writer.block("for (int four = 0; four < 4; ++four)"):
                self._emitter.bind(symbol, f"({first} + four)")
                self._emitter.four = arrays
                statements(self._emitter, form.body)
                self._emitter.four = {}
            self._emitter.bind(symbol, first)
            for s in wide.stores:
                place = f"{s.buffer} + {self._emitter.dim(s.offset)}"
                self._writer.line(f"gc_store_four({place}, {arrays[s]});")
        if wide.has_tail:
            with self._items(extent, start=4 * fours):
                self._emitter.bind(symbol, "item")
                statements(self._emitter, form.body)
        return self._geometry(items + 3 if wide.has_tail else items)

    def _four(self, buffer: str) -> str:
        name = self._writer.name("four")
        self._writer.line(f"gc_four<{self._kinds[buffer]}> {name};")
        return name

    def group(self, form: Form) -> Geometry:
        """Neighbouring threads share an item's folds and loops."""
        items = product(extent for _, extent in form.loops)
        sharing = self._shared_items(form, items)
        start, step = (f"(gc_index){each}.x * {sharing.items}" for each in ("blockIdx", "gridDim"))
        with self._writer.block(f"for (gc_index first = {start}; first < items; first += {step})"):
            self._choose_item(form)
            _GroupWriter(self._writer, self._emitter, sharing).statements(form.body)
        return Geometry(self._name, ceildiv(items, sharing.items), sharing.threads, shared=sharing.shared)

    def parts(self, form: Form, kernel: LoopKernel) -> Geometry:
        """Neighbouring threads share a part of an item's folds, and store it as such."""
        items, parts = product(extent for _, extent in form.loops), parts_of_folds(kernel)
        sharing = self._shared_items(form, items)
        across = ceildiv(items, sharing.items)
        blocks = across * parts
        with self._writer.block(f"for (gc_index work = blockIdx.x; work < {blocks}; work += gridDim.x)"):
            self._writer.line(f"const gc_index first = work % {across} * {sharing.items}, part = work / {across};")
            self._choose_item(form)
            part = Symbol("part", parts)
            self._emitter.bind(part, "part")
            group = _GroupWriter(self._writer, self._emitter, sharing, parts)
            folds = parted_folds(kernel)
            group.statements(folds)
            with self._writer.block("if (active && lane == 0)"):
                for number, fold in enumerate(folds):
                    value = self._emitter.value(Local(fold.name, fold.dtype))
                    offset = self._emitter.dim(partial_offset(kernel, of_atom(part), number))
                    self._writer.line(f"{SCRATCH}[{offset}] = {value};")
        return Geometry(self._name, blocks, sharing.threads, partial_bytes(kernel), sharing.shared)

    def _shared_items(self, form: Form, items: Dim) -> _Sharing:
        """Say which item of a block, and which lane of it, is the thread's."""
        sharing = _choose_sharing(form, items)
        self._writer.line(f"__shared__ __align__(16) unsigned char shared[{sharing.shared}];")
        lane, group = ("/", "%") if sharing.is_column else ("%", "/")
        by = sharing.items if sharing.is_column else sharing.lanes
        self._writer.line(f"const int lane = threadIdx.x {lane} {by}, group = threadIdx.x {group} {by};")
        self._writer.line(f"const gc_index items = {self._emitter.dim(items)};")
        return sharing

    def _choose_item(self, form: Form) -> None:
        # Threads without an item repeat the last one and store nothing: barriers need them.
        self._writer.line("const bool active = first + group < items;")
        self._writer.line("const gc_index item = active ? first + group : items - 1;")
        bind_number(self._emitter, form.loops, "item")

    def walk(self, form: Form) -> Geometry:
        """One thread an item of the shared loops; the others in order."""
        items = product(extent for _, extent in form.loops)
        place = _place(form.body)
        everything = items if place is None else items * _PARTS
        with self._items(everything):
            number = "item"
            if place is not None:
                number = self._writer.constant("gc_index", f"item % {self._emitter.dim(items)}")
                self._writer.line(f"const gc_index part = item / {self._emitter.dim(items)};")
            bind_number(self._emitter, form.loops, number)
            nested(self._emitter, form.walked, lambda: self._step(form.body, place))
        return self._geometry(everything)

    def _step(self, body: Sequence[Statement], place: Dim | None) -> None:
        if place is None:
            statements(self._emitter, body)
            return
        # Each part has its own places, in which it adds in the order of the loops.
        with self._writer.block(f"if ({self._emitter.dim(place)} % {_PARTS} == part)"):
            statements(self._emitter, body)

    def _items(self, items: Dim, start: Dim = 0) -> AbstractContextManager[None]:
        """Write the loop in which a thread takes the items that are its own."""
        first = "(gc_index)blockIdx.x * blockDim.x + threadIdx.x"
        if start != 0:
            first = f"{self._emitter.dim(start)} + {first}"
        step = "(gc_index)gridDim.x * blockDim.x"
        return self._writer.block(f"for (gc_index item = {first}; item < {self._emitter.dim(items)}; item += {step})")

    def _geometry(self, items: Dim) -> Geometry:
        threads = THREADS if not isinstance(items, int) else min(THREADS, max(1, -(-items // _WARP)) * _WARP)
        return Geometry(self._name, ceildiv(items, threads), threads)


@record
class _Sharing:
    """A block has some items, each of which `lanes` threads share; neighbouring threads share one, or have one each."""

    lanes: int
    items: int
    is_column: bool

    @property
    def threads(self) -> int:
        return self.lanes * self.items

    @property
    def shared(self) -> int:
        """The bytes of shared memory in which partial results meet."""
        return _PARTIAL_BYTES * (self.threads if self.is_column else max(1, self.threads // _WARP))

    @property
    def fold(self) -> str:
        """The start of a call that merges the lanes' partial results."""
        return f"gc_fold_column<{self.lanes}, {self.items}" if self.is_column else f"gc_fold_row<{self.lanes}"


class _GroupWriter:
    """Statements of an item that the threads of a group share: lane 0 to lanes - 1.

    Where folds are in `parts`, those of the variable `part` are done.
    """

    def __init__(self, writer: CudaWriter, emitter: CudaExpressions, sharing: _Sharing, parts: int = 1) -> None:
        self._writer, self._emitter, self._sharing, self._parts = writer, emitter, sharing, parts
        self._lanes = sharing.lanes
        self._read: set[str] = set()
        self._written: set[str] = set()

    def statements(self, body: Sequence[Statement]) -> None:
        """Write them, with a barrier where one reads what others of the group write, or the other way round."""
        for s in body:
            reads, writes = {load.buffer for load in loads_of([s])}, {store.buffer for store in stores_of([s])}
            if reads & self._written or writes & (self._read | self._written):
                self._writer.line("__syncthreads();")
                self._read, self._written = set(), set()
            self._read |= reads
            self._written |= writes
            match s:
                case Let():
                    self._emitter.let(s)
                case Store():
                    with self._writer.block("if (active && lane == 0)"):
                        self._emitter.store(s)
                case Fold():
                    self._folded(s)
                case For():
                    self._shared_for(s)

    def _folded(self, s: Fold) -> None:
        fold = Folding(self._emitter, s)
        count = self._emitter.dim(product(extent for _, extent in s.loops))
        start, end, number = "lane", count, self._writer.name("i")
        if self._parts > 1:
            each = self._writer.constant("gc_index", f"({count} + {self._parts - 1}) / {self._parts}")
            start = f"part * {each} + lane"
            end = self._writer.constant("gc_index", f"gc_smaller((part + 1) * {each}, {count})")
        with self._writer.block(f"for (gc_index {number} = {start}; {number} < {end}; {number} += {self._lanes})"):
            bind_number(self._emitter, s.loops, number)
            fold.step()
        merged = self._writer.fresh(fold.kind, f"{self._sharing.fold}, {fold.combiner}>({fold.partial}, shared)")
        fold.bind(merged)

    def _shared_for(self, s: For) -> None:
        nest, body = peel([s])
        if not all(loop.vector or is_independent(loop.symbol, body) for loop in nest):
            with self._writer.block("if (active && lane == 0)"):
                statements(self._emitter, [s])
            return
        loops = [(loop.symbol, loop.extent) for loop in nest]
        count = self._emitter.dim(product(extent for _, extent in loops))
        number = self._writer.name("i")
        head = f"for (gc_index {number} = active ? lane : {count}; {number} < {count}; {number} += {self._lanes})"
        with self._writer.block(head):
            bind_number(self._emitter, loops, number)
            statements(self._emitter, body)


def _is_column(form: Form) -> bool:
    """Tell whether neighbouring items lie side by side in memory, rather than the values that an item folds."""
    folds = [s for s in form.body if isinstance(s, Fold)]
    if not form.loops or any(isinstance(s, For) for s in form.body):
        return False
    item = form.loops[-1][0]
    along_items = along_folds = 0
    for s in folds:
        for load in loads_of([s]):
            along_items += _distance(load, item) == 1
            along_folds += _distance(load, s.loops[-1][0]) == 1
    return along_items > along_folds


def _distance(load: Load, symbol: Symbol) -> Dim | None:
    parts = affine(load.offset, symbol)
    return None if parts is None else parts[0]


def _choose_sharing(form: Form, items: Dim) -> _Sharing:
    if _is_column(form):
        return _Sharing(_COLUMN_LANES, _WARP, True)
    lanes = _row_lanes(form, items)
    return _Sharing(lanes, max(1, THREADS // lanes), False)


def _row_lanes(form: Form, items: Dim) -> int:
    """Return the threads of a group: as many as the longest row has work for."""
    counts = []
    for s in form.body:
        loops = s.loops if isinstance(s, Fold) else [(f.symbol, f.extent) for f in peel([s])[0]]
        counts.append(product(extent for _, extent in loops))
    longest = max((c if isinstance(c, int) else 1 << 30 for c in counts), default=1)
    return 32 if longest <= 64 else 128 if longest <= 512 else 1024 if items == 1 else 256


def _place(body: Sequence[Statement]) -> Dim | None:
    """Return the computed index that all stores of a body add at; None where some do not."""
    stores = list(stores_of(body))
    if not stores or not all(s.accumulate for s in stores) or len(stores) > 1:
        return None
    [s] = stores
    computed = [atom for atom in atoms(s.offset) if isinstance(atom, Value)]
    return value(computed[0].payload) if computed else None
