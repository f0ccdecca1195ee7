"""The two inner loops of a contraction: register tiles (outer products) and dot products.

A tile keeps `rows x vectors` accumulators in registers for the whole depth: each step broadcasts one element of
the left operand a row and multiplies it with the vectors of one row of the right operand. Dot products serve few
rows against a right operand that is contiguous in the depth: vectors run along the depth and are summed at the end.
Every accumulator adds its products in the order of the depth, whatever the tile's shape, so results do not depend
on how rows and columns were cut into tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from graphc.codegen.llvm.builder import LINE, FunctionBuilder, Loop, Operand
from graphc.dtypes import itemsize
from graphc.records import record, replace

# Up to this many multiply-adds of vectors, the loops of a depth of several are written out.
_WRITTEN_OUT = 256
# Tiles of at least so many accumulators leave time to ask for what is read later.
LEAST_ASKING = 12

FLOATS = {"float32": "float", "float64": "double", "float16": "half", "bfloat16": "bfloat"}
SUFFIXES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}


@record
class Strided:
    """An operand in memory: `pointer` to its first element, and distances in elements.

    `across` is that of its rows (of a left operand) or columns (of a right one), `depth` are those of the loops of the
    depth, outermost first. Rows may lie in lines: `line_rows` each (0: all in one), `line` apart. `beside` are the
    distances to operands of further sums, which lie alike.
    """

    pointer: str
    across: Operand
    depth: tuple[Operand, ...]
    dtype: str
    line: Operand = 0
    line_rows: int = 0
    beside: tuple[Operand, ...] = ()

    def moved(self, b: FunctionBuilder, offset: Operand) -> Strided:
        """Return the operand from an element on."""
        return replace(self, pointer=b.gep(self.pointer, offset, FLOATS[self.dtype]))

    def row_offset(self, b: FunctionBuilder, row: int) -> Operand:
        """Return where a row starts."""
        if self.line_rows == 0:
            return b.multiply(self.across, row)
        line, row = divmod(row, self.line_rows)
        return b.add(b.multiply(self.line, line), b.multiply(self.across, row))


class VectorWriter:
    """Vectors of `lanes` elements of `dtype`, written with a FunctionBuilder.

    `fused` tells whether the processor has a fused multiply-add; where it has none, products are rounded.
    """

    def __init__(self, builder: FunctionBuilder, dtype: str, lanes: int, fused: bool) -> None:
        self.builder = builder
        self.dtype = dtype
        self.lanes = lanes
        self.fused = fused
        self.scalar = FLOATS[dtype]
        self.vector = f"<{lanes} x {self.scalar}>"
        self.mask_type = f"<{lanes} x i1>"
        self._suffix = f"v{lanes}{SUFFIXES[dtype]}"
        self._multiply_add = f"llvm.{'fma' if fused else 'fmuladd'}.{self._suffix}"
        self._splat = f"{self.vector} poison, <{lanes} x i32> zeroinitializer"

    def splat(self, scalar: str) -> str:
        """Return the vector whose lanes all are the scalar."""
        single = self.builder.value(f"insertelement {self.vector} poison, {self.scalar} {scalar}, i64 0")
        return self.builder.value(f"shufflevector {self.vector} {single}, {self._splat}")

    def multiply_add(self, a: str, b: str, c: str) -> str:
        """Return a * b + c."""
        kind = self.vector
        return self.builder.call(kind, self._multiply_add, [(kind, a), (kind, b), (kind, c)])

    def add(self, a: str, b: str) -> str:
        """Return a + b."""
        return self.builder.value(f"fadd {self.vector} {a}, {b}")

    def load_scalar(self, pointer: str, dtype: str) -> str:
        """Return the element at the pointer, widened to the writer's dtype."""
        loaded = self.builder.value(f"load {FLOATS[dtype]}, ptr {pointer}")
        return self._widen(loaded, dtype, "{}")

    def load(self, pointer: str, dtype: str, mask: str | None = None, lanes: int = 0) -> str:
        """Return `lanes` elements from the pointer on, widened; masked lanes are not read and are zero.

        `lanes` are the writer's, unless told; a mask has as many.
        """
        lanes = lanes or self.lanes
        kind = f"<{lanes} x {FLOATS[dtype]}>"
        align = itemsize(dtype)
        if mask is None:
            loaded = self.builder.value(f"load {kind}, ptr {pointer}, align {align}")
        else:
            loaded = self.builder.call(
                kind,
                f"llvm.masked.load.v{lanes}{SUFFIXES[dtype]}.p0",
                [("ptr", pointer), ("i32", align), (f"<{lanes} x i1>", mask), (kind, "zeroinitializer")],
            )
        return self._widen(loaded, dtype, f"<{lanes} x {{}}>")

    def gather(self, pointer: str, stride: Operand, dtype: str, mask: str | None = None) -> str:
        """Return the elements at pointer, pointer + stride, ...; masked lanes are not read and are zero."""
        if stride == 1:
            return self.load(pointer, dtype, mask)
        if stride == 0 and mask is None:
            return self.splat(self.load_scalar(pointer, dtype))
        b, lanes = self.builder, self.lanes
        kind = f"<{lanes} x {FLOATS[dtype]}>"
        single = b.value(f"insertelement <{lanes} x i64> poison, i64 {stride}, i64 0")
        strides = b.value(
            f"shufflevector <{lanes} x i64> {single}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer"
        )
        offsets = b.value(f"mul <{lanes} x i64> {strides}, {_iota(lanes, 'i64')}")
        pointers = b.value(f"getelementptr {FLOATS[dtype]}, ptr {pointer}, <{lanes} x i64> {offsets}")
        every = self.lanes_below(lanes) if mask is None else mask
        loaded = b.call(
            kind,
            f"llvm.masked.gather.v{lanes}{SUFFIXES[dtype]}.v{lanes}p0",
            [(f"<{lanes} x ptr>", pointers), ("i32", "2"), (self.mask_type, every), (kind, "zeroinitializer")],
        )
        return self._widen(loaded, dtype, f"<{lanes} x {{}}>")

    def store(self, vector: str, pointer: str) -> None:
        """Write all lanes from the pointer on."""
        self.builder.emit(f"store {self.vector} {vector}, ptr {pointer}, align 4")

    def shuffle(self, a: str, b: str, order: Sequence[int], kind: str = "") -> str:
        """Return lanes of a (numbers below its length) and b (the others) in this order; both are of type `kind`."""
        text = ", ".join(f"i32 {lane}" for lane in order)
        kind = kind or self.vector
        return self.builder.value(f"shufflevector {kind} {a}, {kind} {b}, <{len(order)} x i32> <{text}>")

    def transpose(self, columns: Sequence[str]) -> list[str]:
        """Return the four vectors of the rows of `lanes` columns of four elements each."""
        parts, size = [list(columns[first::4]) for first in range(4)], 4
        while size < self.lanes:
            kind = f"<{size} x {self.scalar}>"
            whole = range(2 * size)
            parts = [[self.shuffle(a, b, whole, kind) for a, b in zip(p[::2], p[1::2])] for p in parts]
            size *= 2
        first, second, third, fourth = (p[0] for p in parts)
        low = [first + k + side for first in range(0, self.lanes, 4) for k in (0, 1) for side in (0, self.lanes)]
        high = [lane + 2 for lane in low]
        front = [first + k + side for first in range(0, self.lanes, 4) for side in (0, self.lanes) for k in (0, 1)]
        back = [lane + 2 for lane in front]
        halves = [(self.shuffle(first, second, o), self.shuffle(third, fourth, o)) for o in (low, high)]
        return [self.shuffle(a, b, order) for a, b in halves for order in (front, back)]

    def sum_lanes(self, vectors: Sequence[str]) -> str:
        """Return the sums over the lanes of up to `lanes` vectors, one in each lane, in order.

        Pairs of vectors are folded in halves, by the same tree whatever the number of vectors' values.
        """
        level, segments = list(vectors), 1
        while len(level) > 1:
            if len(level) % 2:
                level.append(level[-1])
            level = [self._fold_pair(a, b, self.lanes // segments) for a, b in zip(level[::2], level[1::2])]
            segments *= 2
        result, width = level[0], self.lanes // segments
        if width == 1:
            return result
        size = width
        while size > 1:
            size //= 2
            rotated = [lane // width * width + (lane + size) % width for lane in range(self.lanes)]
            result = self.add(result, self.shuffle(result, "poison", rotated))
        return self.shuffle(result, "poison", [lane % segments * width for lane in range(self.lanes)])

    def _fold_pair(self, a: str, b: str, width: int) -> str:
        """Fold each segment of `width` lanes of a, then of b, to half its width."""
        half, lanes = width // 2, self.lanes
        starts = [start for source in (0, lanes) for start in range(source, source + lanes, width)]
        low = [start + lane for start in starts for lane in range(half)]
        high = [start + half + lane for start in starts for lane in range(half)]
        return self.add(self.shuffle(a, b, low), self.shuffle(a, b, high))

    def lanes_below(self, count: Operand, lanes: int = 0) -> str:
        """Return the mask of the lanes whose number is less than count; of the writer's lanes, unless told."""
        lanes = lanes or self.lanes
        if isinstance(count, int):
            return "<" + ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(lanes)) + ">"
        return self._compare_lanes("sgt", count, lanes)

    def lanes_from(self, count: Operand) -> str:
        """Return the mask of the lanes whose number is not less than count."""
        return self._compare_lanes("sle", count, self.lanes)

    def _compare_lanes(self, relation: str, count: Operand, lanes: int) -> str:
        # LLVM compares again inside the loops that use a mask: short lanes take one instruction.
        b, kind = self.builder, f"<{lanes} x i32>"
        single = b.value(f"insertelement {kind} poison, i32 {b.value(f'trunc i64 {count} to i32')}, i64 0")
        counts = b.value(f"shufflevector {kind} {single}, {kind} poison, <{lanes} x i32> zeroinitializer")
        return b.value(f"icmp {relation} {kind} {counts}, {_iota(lanes, 'i32')}")

    def _widen(self, value: str, dtype: str, form: str) -> str:
        if dtype == self.dtype:
            return value
        return self.builder.value(f"fpext {form.format(FLOATS[dtype])} {value} to {form.format(self.scalar)}")


@record
class Ahead:
    """Memory that a tile asks for: from `pointer` on, `each` bytes a step of the depth. `cache` is where it goes."""

    pointer: str
    each: int
    cache: int = 1


@record
class TileShape:
    """Registers of a tile: `rows x vectors` accumulators, times `chains` partial sums that hide the latency of few.

    `operands` is how many right operands there are, each with so many accumulators.
    An iteration is one step of the depth a chain: more steps were no faster, and are code to compile.
    """

    rows: int
    vectors: int
    chains: int = 1
    operands: int = 1

    @property
    def across(self) -> int:
        """The number of accumulators of a row."""
        return self.vectors * self.operands

    @property
    def sums(self) -> int:
        """The number of accumulators."""
        return self.rows * self.across * self.chains


def emit_tile(
    w: VectorWriter,
    shape: TileShape,
    left: Strided,
    right: Strided,
    depth: Sequence[Operand],
    masks: Sequence[str | None],
    masked_steps: int | None = None,
    initial: Sequence[str] | None = None,
    is_far: bool = False,
    ahead: Ahead | None = None,
) -> list[str]:
    """Emit the depth loops of a tile, outermost first, and return its accumulators, row after row, by right operand.

    `left` points at (first row, 0), `right` at (0, first column) with columns at distance 1. Masked lanes are not read
    in the last `masked_steps` iterations of the innermost loop (None: in all); before them, any memory may be read
    there. `initial` are accumulators to go on from; without them they start at zero. `is_far` tells that the left
    operand may have to be fetched from beyond this processor's caches. `ahead` is what else to ask for.
    """
    start = list(initial or ())
    start += ["zeroinitializer"] * (shape.sums - len(start))
    loops = _merged_loops(depth, left.depth, right.depth)
    asks = [] if ahead is None or not _leaves_time(shape) else [ahead]
    if is_far and _leaves_time(shape) and _next_rows_follow(left, loops):
        next_rows = left.moved(w.builder, w.builder.multiply(left.across, shape.rows)).pointer
        # As many bytes a step as all of the next rows advance by.
        asks.append(Ahead(next_rows, shape.rows * itemsize(left.dtype)))
    tile = _Tile(w, shape, left, right, masks, masked_steps, loops, asks)
    state = tile.run(0, [left.pointer, right.pointer, *start, *(ask.pointer for ask in asks)])
    return _join_chains(w, state[2 : 2 + shape.sums], shape.chains)


@record
class _DepthLoop:
    """A loop of the depth, and how far an iteration of it moves the pointers of the operands."""

    extent: Operand
    left: Operand
    right: Operand


def _merged_loops(depth: Sequence[Operand], left: Sequence[Operand], right: Sequence[Operand]) -> list[_DepthLoop]:
    """Return the loops, with those joined that both operands walk through as one."""
    loops: list[_DepthLoop] = []
    for outer in map(_DepthLoop, reversed(depth), reversed(left), reversed(right)):
        match [outer, *loops[:1]]:
            case [_DepthLoop(int(n), int(x), int(y)), _DepthLoop(int(m), int(u), int(v))] if (x, y) == (m * u, m * v):
                loops[0] = _DepthLoop(n * m, u, v)
            case _:
                loops.insert(0, outer)
    return loops


def _leaves_time(shape: TileShape) -> bool:
    """Tell whether a tile has time to ask for what is read later."""
    return shape.chains == 1 and shape.sums >= LEAST_ASKING


def _next_rows_follow(left: Strided, loops: Sequence[_DepthLoop]) -> bool:
    """Tell whether the rows of the next tile follow those of this one, so that a tile may ask for them ahead of time.

    No processor reads ahead beyond a page, which a single row may fill, nor as many rows as a tile has.
    """
    return len(loops) == 1 and loops[0].left == 1 and left.across == loops[0].extent and left.line_rows == 0


@record
class _Tile:
    """A tile that is being emitted.

    The state of its loops: left pointer, right pointer, accumulators of all chains, and a pointer to each part of
    memory that it asks for.
    """

    w: VectorWriter
    shape: TileShape
    left: Strided
    right: Strided
    masks: Sequence[str | None]
    masked_steps: int | None
    loops: Sequence[_DepthLoop]
    asks: Sequence[Ahead]

    def run(self, level: int, state: list[str]) -> list[str]:
        """Emit the loops from a level on."""
        loop = self.loops[level]
        if level == len(self.loops) - 1:
            return self._innermost(loop.extent, state)
        b = self.w.builder
        inner = self.loops[level + 1]
        left = b.subtract(loop.left, b.multiply(inner.extent, inner.left))
        right = b.subtract(loop.right, b.multiply(inner.extent, inner.right))
        step = loop.extent if self._is_short(level) and isinstance(loop.extent, int) else 1
        with self._loop(0, loop.extent, step, state) as outer:
            for _ in range(step):
                outer.next = self.run(level + 1, outer.next)
                outer.next[0] = b.gep(outer.next[0], left, FLOATS[self.left.dtype])
                outer.next[1] = b.gep(outer.next[1], right, FLOATS[self.right.dtype])
        return outer.results

    def _is_short(self, level: int) -> bool:
        """Tell whether the loops from a level on are few enough multiply-adds to be written out."""
        steps = 1
        for loop in self.loops[level:]:
            if not isinstance(loop.extent, int):
                return False
            steps *= loop.extent
        return len(self.loops) > 1 and steps * self.shape.rows * self.shape.across <= _WRITTEN_OUT

    def _loop(self, low: Operand, high: Operand, step: int, state: list[str]) -> AbstractContextManager[Loop]:
        kinds = ["ptr", "ptr"] + [self.w.vector] * self.shape.sums + ["ptr"] * len(self.asks)
        return self.w.builder.loop(low, high, step, list(zip(kinds, state)))

    def _innermost(self, depth: Operand, state: list[str]) -> list[str]:
        b, chains = self.w.builder, self.shape.chains
        open_masks: Sequence[str | None] = self.masks
        whole = depth
        if self.masked_steps is not None and any(mask is not None for mask in self.masks):
            open_masks = [None] * self.shape.vectors
            whole = b.maximum(b.subtract(depth, self.masked_steps), 0)
        main = b.subtract(whole, b.remainder(whole, chains))
        written_out = self._is_short(len(self.loops) - 1)
        for low, high, step, reading in ((0, main, chains, open_masks), (main, depth, 1, self.masks)):
            if low == high:
                continue
            if written_out and isinstance(low, int) and isinstance(high, int):
                for number in range(high - low):
                    self._step(reading, state, number % step)
                continue
            with self._loop(low, high, step, state) as loop:
                for chain in range(step):
                    self._step(reading, loop.next, chain)
            state = loop.results
        return state

    def _step(self, masks: Sequence[str | None], state: list[str], chain: int) -> None:
        """Emit one step of the depth: move the state."""
        w, b, shape = self.w, self.w.builder, self.shape
        element, column_element = FLOATS[self.left.dtype], FLOATS[self.right.dtype]
        loaded = [
            w.load(b.gep(start, vector * w.lanes, column_element), self.right.dtype, mask)
            for start in (b.gep(state[1], distance, column_element) for distance in (0, *self.right.beside))
            for vector, mask in enumerate(masks)
        ]
        position = 2 + chain * shape.rows * shape.across
        for row in range(shape.rows):
            pointer = b.gep(state[0], self.left.row_offset(b, row), element)
            factor = w.splat(w.load_scalar(pointer, self.left.dtype))
            for vector in loaded:
                state[position] = w.multiply_add(factor, vector, state[position])
                position += 1
        inner = self.loops[-1]
        state[0] = b.gep(state[0], inner.left, element)
        state[1] = b.gep(state[1], inner.right, column_element)
        for number, ask in enumerate(self.asks, 2 + shape.sums):
            for offset in range(0, ask.each, LINE):
                b.ask_for(b.gep(state[number], offset, "i8"), ask.cache)
            state[number] = b.gep(state[number], ask.each, "i8")


def _join_chains(w: VectorWriter, sums: list[str], chains: int) -> list[str]:
    while chains > 1:
        chains //= 2
        half = len(sums) // 2
        sums = [w.add(a, b) for a, b in zip(sums[:half], sums[half:])]
    return sums


def emit_dots(
    w: VectorWriter, left: Strided, right: Strided, depth: Sequence[Operand], columns: int, last: Operand | None = None
) -> str:
    """Emit the dot products of one row with `columns` columns (at most `lanes`); return them, one in each lane.

    `left` points at (row, 0), `right` at (0, first column). Columns beyond `last`, where given, read the last one.
    Four columns at a time are few enough streams for a processor to read ahead.
    """
    b, lanes = w.builder, w.lanes
    width = min(4, columns)
    if columns == width:
        starts = [right.moved(b, b.multiply(column, right.across)) for column in range(columns)]
        return _dots(w, left, starts, depth)
    if last is None and columns % width:
        last = columns - 1
    count = -(-columns // width)
    with b.loop(0, count, 1, [(w.vector, "zeroinitializer")]) as loop:
        starts = []
        for column in range(width):
            position = b.add(b.multiply(loop.index, width), column)
            inside = position if last is None else b.minimum(position, last)
            starts.append(right.moved(b, b.multiply(inside, right.across)))
        sums = _dots(w, left, starts, depth)
        # The results of earlier columns move down, so that after the last columns all are in order.
        loop.next = [w.shuffle(loop.carried[0], sums, [*range(width, lanes), *range(lanes, lanes + width)])]
    result = loop.results[0]
    unused = lanes - count * width
    return result if unused == 0 else w.shuffle(result, "poison", [(lane + unused) % lanes for lane in range(lanes)])


def _dots(w: VectorWriter, left: Strided, columns: Sequence[Strided], depth: Sequence[Operand]) -> str:
    """Emit the dot products of one row with few columns."""
    b = w.builder
    chains = 2 if len(columns) == 4 else 4
    loops = _merged_loops(depth, left.depth, columns[0].depth)

    def run(level: int, left: Strided, columns: Sequence[Strided], sums: list[str]) -> list[str]:
        if level == len(loops) - 1:
            return _dot_runs(w, left, columns, loops[level], sums, chains)
        with b.loop(0, loops[level].extent, 1, [(w.vector, total) for total in sums]) as loop:
            moved = [column.moved(b, b.multiply(loop.index, loops[level].right)) for column in columns]
            loop.next = run(
                level + 1, left.moved(b, b.multiply(loop.index, loops[level].left)), moved, list(loop.carried)
            )
        return loop.results

    sums = run(0, left, columns, ["zeroinitializer"] * (len(columns) * chains))
    return w.sum_lanes(_join_chains(w, sums, chains))


def _dot_runs(
    w: VectorWriter, left: Strided, columns: Sequence[Strided], depth: _DepthLoop, sums: list[str], chains: int
) -> list[str]:
    """Emit the innermost loop of dot products: add to `sums`, which are those of all columns, for each chain."""
    b = w.builder

    def step(at: Operand, sums: list[str], chain: int, mask: str | None) -> None:
        a = w.gather(left.moved(b, b.multiply(at, depth.left)).pointer, depth.left, left.dtype, mask)
        offset = b.multiply(at, depth.right)
        for number, column in enumerate(columns):
            loaded = w.gather(column.moved(b, offset).pointer, depth.right, column.dtype, mask)
            position = chain * len(columns) + number
            sums[position] = w.multiply_add(a, loaded, sums[position])

    main: Operand = 0
    for block in (chains, 1):
        low, main = main, b.subtract(depth.extent, b.remainder(depth.extent, block * w.lanes))
        if low == main:
            continue
        with b.loop(low, main, block * w.lanes, [(w.vector, total) for total in sums]) as loop:
            loop.next = list(loop.carried)
            for chain in range(block):
                step(b.add(loop.index, chain * w.lanes), loop.next, chain, None)
        sums = loop.results
    if main != depth.extent:
        step(main, sums, 0, w.lanes_below(b.subtract(depth.extent, main)))
    return sums


def _iota(lanes: int, element: str) -> str:
    return "<" + ", ".join(f"{element} {lane}" for lane in range(lanes)) + ">"
