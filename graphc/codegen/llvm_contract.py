"""Contraction kernels: the loops around register tiles, packing, blocking and threads.

A kernel is one function. Its rows are cut in two parts: whole panels of equal height, which run as

    column blocks > row blocks > depth blocks > column panels > row panels > tile

(loops of one pass vanish), and the rows that are left over, or few rows altogether, which run as wide tiles that
read the right operand once where it lies, or as dot products. The epilogue runs exactly once an element: on the
accumulators in registers where it is light, else on a copy of the tile that is still in the nearest cache.
Tiles are split over threads, by rows or by columns, whichever balances better; no thread waits for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphc.codegen.blocking import PACKING_ROWS, Blocking, Layout, choose_blocking
from graphc.codegen.llvm_builder import FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm_epilogue import Epilogue, save_tile
from graphc.codegen.llvm_micro_kernel import FLOATS, Strided, TileShape, VectorWriter, emit_dots, emit_tile
from graphc.codegen.llvm_pack import pack_panel
from graphc.codegen.target import Target
from graphc.dtypes import itemsize
from graphc.errors import CompileError
from graphc.loopir import ContractKernel, Load
from graphc.symbolic import Dim, Symbol, affine, product

_LINE = 64


@dataclass(frozen=True, slots=True)
class _Problem:
    """A kernel with its operands' strides (rest, then row or column, then depth) and its blocking."""

    kernel: ContractKernel
    left: tuple[Dim, Dim, Dim]
    right: tuple[Dim, Dim, Dim]
    blocking: Blocking


@dataclass(frozen=True, slots=True)
class _Matrices:
    """The operands of one product, or of a block of its depth, and its extents."""

    left: Strided
    right: Strided
    rows: Operand
    columns: Operand
    depth: Operand

    def part(self, b: FunctionBuilder, row: Operand = 0, column: Operand = 0, depth: Operand = 0) -> _Matrices:
        """Return the product with pointers moved to a row, a column and a depth; extents stay."""
        left = b.add(b.multiply(row, self.left.rows), b.multiply(depth, self.left.columns))
        right = b.add(b.multiply(column, self.right.columns), b.multiply(depth, self.right.rows))
        return replace(
            self,
            left=replace(self.left, pointer=b.gep(self.left.pointer, left, FLOATS[self.left.dtype])),
            right=replace(self.right, pointer=b.gep(self.right.pointer, right, FLOATS[self.right.dtype])),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tile's results go: its first row and column, the columns that remain from there with their masks.

    `saved` is where its accumulators may be kept; `block` tells whether the depth is in blocks, and if so whether
    this is the first and whether it is the last.
    """

    row: Operand
    column: Operand
    remaining: Operand
    masks: Sequence[str | None]
    saved: str = "%scratch"
    block: tuple[str, str] | None = None


def emit_contract_kernel(kernel: ContractKernel, name: str, target: Target) -> FunctionText:
    """Return the function of a contraction: its buffers, its sizes, scratch memory, thread, threads.

    `left` and `right` may be strided in any way; the dtype is float32 or float64, the operands' may be narrower.
    Raises CompileError for other dtypes and for offsets that are not affine.
    """
    return _Emitter(_problem(kernel, target), name, target).function()


def contract_scratch_bytes(kernel: ContractKernel, target: Target) -> int:
    """Return the bytes of scratch memory that one thread of the kernel needs."""
    problem = _problem(kernel, target)
    packed = problem.blocking.packed_elements(target.lanes) * itemsize(kernel.dtype)
    return -(-(_tile_bytes(problem, target) + packed) // _LINE) * _LINE


def _problem(kernel: ContractKernel, target: Target) -> _Problem:
    if kernel.dtype not in ("float32", "float64"):
        raise CompileError(f"contraction {kernel.label!r}: dtype {kernel.dtype} has no contraction kernel")
    [depth] = kernel.depth
    left = _strides(kernel, kernel.left, kernel.row, depth)
    right = _strides(kernel, kernel.right, kernel.column, depth)
    if kernel.column[1] == 1 and kernel.row[1] != 1 and left[1] == 1 and depth[1] != 1:
        # A matrix-vector product whose matrix is contiguous in the rows: vectors run along the rows instead.
        kernel = replace(kernel, row=kernel.column, column=kernel.row, left=kernel.right, right=kernel.left)
        left, right = right, left
    blocking = choose_blocking(
        kernel.row[1],
        kernel.column[1],
        depth[1],
        _layout(kernel, right),
        right[2],
        itemsize(kernel.dtype),
        target,
    )
    if blocking.pack_right == "many" and kernel.right.dtype != kernel.dtype:
        # A panel's dtype must not depend on whether it was copied.
        blocking = replace(blocking, pack_right="")
    return _Problem(kernel, left, right, blocking)


def _strides(
    kernel: ContractKernel, load: Load, outer: tuple[Symbol, Dim], depth: tuple[Symbol, Dim]
) -> tuple[Dim, Dim, Dim]:
    """Return offset = rest + stride * outer + depth_stride * depth; strides of axes of one element are 0."""
    by_depth = affine(load.offset, depth[0])
    by_outer = affine(by_depth[1], outer[0]) if by_depth is not None else None
    if by_depth is None or by_outer is None or affine(by_depth[0], outer[0]) != (0, by_depth[0]):
        raise CompileError(f"contraction {kernel.label!r}: offset {load.offset} is not affine")
    return by_outer[1], 0 if outer[1] == 1 else by_outer[0], 0 if depth[1] == 1 else by_depth[0]


def _layout(kernel: ContractKernel, right: tuple[Dim, Dim, Dim]) -> Layout:
    if kernel.column[1] == 1:
        return "columns"
    if right[1] == 1:
        return "rows"
    return "columns" if right[2] == 1 else "strided"


def _tile_bytes(problem: _Problem, target: Target) -> int:
    """Return the bytes at the start of the scratch memory that hold copies of tiles."""
    blocking = problem.blocking
    tile = blocking.tile
    vectors = max((t.rows * t.vectors for t in blocking.rest), default=1)
    if tile is not None:
        slots = blocking.row_panels * blocking.column_panels if blocking.block_depth else 1
        vectors = max(vectors, slots * tile.rows * tile.vectors)
    return vectors * target.lanes * itemsize(problem.kernel.dtype)


class _Emitter:
    """Writes one kernel. Its methods are the loops of the module's docstring, from the outside in."""

    def __init__(self, problem: _Problem, name: str, target: Target) -> None:
        kernel = problem.kernel
        written = {p.name for p in kernel.parameters if p.writable}
        arguments = [
            (f"ptr noalias{'' if p.name in written else ' readonly'}", f"p{i}") for i, p in enumerate(kernel.parameters)
        ]
        arguments += [("i64", f"size{i}") for i in range(len(kernel.sizes))]
        arguments += [("ptr noalias", "scratch"), ("i64", "thread"), ("i64", "threads")]
        self.problem = problem
        self.kernel = kernel
        self.blocking = problem.blocking
        self.target = target
        self.builder = FunctionBuilder(name, arguments)
        self.writer = VectorWriter(self.builder, kernel.dtype, target.lanes, target.fma)
        self.pointers = {p.name: f"%p{i}" for i, p in enumerate(kernel.parameters)}
        self.thread: Operand = "%thread"
        self.threads: Operand = "%threads"
        self.epilogue = Epilogue(kernel, self.builder, self.writer, target, self.pointers)
        self.expressions = self.epilogue.expressions
        for i, symbol in enumerate(kernel.sizes):
            self.expressions.bind(symbol, f"%size{i}")

    def function(self) -> FunctionText:
        """Write the function."""
        kernel = self.kernel
        if any(extent == 0 for _, extent in (*kernel.batch, kernel.row, kernel.column)):
            return self.builder.finish("void")
        # Sizes are read once, ahead of all loops.
        self.extents = [self.expressions.dim(extent) for _, extent in (kernel.row, kernel.column, *kernel.depth)]
        if kernel.batch:
            self._batches()
        else:
            with self.expressions.scope():
                self._product()
        return self.builder.finish("void")

    def _batches(self) -> None:
        """Loop over the matrices: a share of them for each thread where there are enough, else all."""
        b, kernel = self.builder, self.kernel
        sizes = [self.expressions.dim(extent) for _, extent in kernel.batch]
        total = self.expressions.dim(product(extent for _, extent in kernel.batch))
        # A share for each thread where at most an eighth of them would idle at the end; else threads share each matrix.
        share = self._per_thread(total, "%threads")
        idle = b.subtract(b.multiply(share, "%threads"), total)
        shared = b.compare("sle", b.multiply(idle, 8), total)

        def either(a: Operand, c: Operand) -> str:
            return b.value(f"select i1 {shared}, i64 {a}, i64 {c}")

        low = b.minimum(b.multiply(share, "%thread"), total)
        high = b.minimum(b.add(low, share), total)
        self.thread, self.threads = either(0, "%thread"), either(1, "%threads")
        with b.loop(either(low, 0), either(high, total), 1) as loop:
            rest = loop.index
            positions = []
            for size in reversed(sizes):
                positions.append(b.remainder(rest, size))
                rest = b.divide(rest, size)
            with self.expressions.scope():
                for (symbol, _), position in zip(kernel.batch, reversed(positions)):
                    self.expressions.bind(symbol, position)
                # What depends on the batch alone goes ahead of the tiles, inside the loop.
                with self.expressions.scope():
                    self._product()

    def _per_thread(self, total: Operand, threads: Operand) -> Operand:
        """Return the share of a thread, rounded up. Totals are below 2**32: short division compiles to little code."""
        b = self.builder
        rounded = b.add(total, b.subtract(threads, 1))
        parts = [b.value(f"trunc i64 {operand} to i32") for operand in (rounded, threads)]
        return b.value(f"zext i32 {b.value(f'udiv i32 {parts[0]}, {parts[1]}')} to i64")

    def _split(self, rows: Operand, columns: Operand) -> tuple[Operand, Operand, Operand, Operand]:
        """Return the ranges of row and of column panels that are the thread's: low, high, low, high."""
        b = self.builder
        before, several, joined = b.block, b.label("several"), b.label("joined")
        whole = (0, rows, 0, columns)
        b.branch_if(b.compare("eq", self.threads, 1), joined, several)
        b.begin(several)
        row_share, column_share = self._per_thread(rows, self.threads), self._per_thread(columns, self.threads)
        by_rows = b.compare("slt", b.multiply(row_share, columns), b.multiply(rows, column_share))
        total = b.value(f"select i1 {by_rows}, i64 {rows}, i64 {columns}")
        share = b.value(f"select i1 {by_rows}, i64 {row_share}, i64 {column_share}")
        low = b.minimum(b.multiply(share, self.thread), total)
        high = b.minimum(b.add(low, share), total)
        chosen = [
            b.value(f"select i1 {by_rows}, i64 {by_row}, i64 {by_column}")
            for by_row, by_column in ((low, 0), (high, rows), (0, low), (columns, high))
        ]
        b.branch(joined)
        b.begin(joined)
        merged = [b.value(f"phi i64 [{a}, %{before}], [{c}, %{several}]") for a, c in zip(whole, chosen)]
        return merged[0], merged[1], merged[2], merged[3]

    def _operand(self, load: Load, strides: tuple[Dim, Dim, Dim]) -> tuple[str, Operand, Operand]:
        """Return the address of an operand's first element, its row's or column's distance and its depth's."""
        rest, outer, depth = (self.expressions.dim(stride) for stride in strides)
        return self.builder.gep(self.pointers[load.buffer], rest, FLOATS[load.dtype]), outer, depth

    def _product(self) -> None:
        """Write one matrix product: whole panels, then the rows that are left."""
        b, kernel, blocking = self.builder, self.kernel, self.blocking
        pointer, outer, inner = self._operand(kernel.left, self.problem.left)
        left = Strided(pointer, outer, inner, kernel.left.dtype)
        pointer, outer, inner = self._operand(kernel.right, self.problem.right)
        right = Strided(pointer, inner, outer, kernel.right.dtype)
        rows, columns, depth = self.extents
        product = _Matrices(left, right, rows, columns, depth)
        done: Operand = 0
        if blocking.tile is not None:
            panels = b.divide(rows, blocking.tile.rows) if blocking.panels is None else blocking.panels
            done = rows if blocking.panels is not None else b.multiply(panels, blocking.tile.rows)
            self._panel_phase(product, panels)
        if blocking.dot:
            self._dots(product, done)
            return
        for tile in blocking.rest:
            remaining = b.subtract(rows, done)
            stop = b.add(done, b.subtract(remaining, b.remainder(remaining, tile.rows)))
            with b.loop(done, stop, tile.rows) as row:
                self._wide(tile, product, row.index)
            done = stop

    # Panels

    def _panel_phase(self, product: _Matrices, panels: Operand) -> None:
        """Write the thread's part of all row panels."""
        b, blocking = self.builder, self.blocking
        assert blocking.tile is not None
        width = blocking.tile.vectors * self.target.lanes
        columns = b.divide(b.add(product.columns, width - 1), width)
        row_low, row_high, column_low, column_high = self._split(panels, columns)
        # Without a panel of rows there is no panel of columns to copy.
        with b.when(b.compare("slt", row_low, row_high)):
            if blocking.block_depth:
                self._blocks(product, panels, (row_low, row_high), (column_low, column_high))
            else:
                self._panels(product, panels, (row_low, row_high), (column_low, column_high))

    def _blocks(
        self, product: _Matrices, panels: Operand, rows: tuple[Operand, Operand], columns: tuple[Operand, Operand]
    ) -> None:
        """Write ranges of row and column panels in blocks, between which tiles keep their sums in memory."""
        b, blocking = self.builder, self.blocking
        column_step, row_step = blocking.column_panels, blocking.row_panels
        # Blocks of equal depth, in whole vectors. An empty depth still has one block, of no products.
        count = b.maximum(b.divide(b.add(product.depth, blocking.depth_block - 1), blocking.depth_block), 1)
        share = b.divide(b.add(product.depth, b.subtract(count, 1)), count)
        lanes = self.target.lanes
        share = b.multiply(b.divide(b.add(share, lanes - 1), lanes), lanes)
        with b.loop(*columns, column_step) as column, b.loop(*rows, row_step) as row:
            rows_here = row.index, b.minimum(b.add(row.index, row_step), rows[1])
            columns_here = column.index, b.minimum(b.add(column.index, column_step), columns[1])
            with b.loop(0, count, 1) as block:
                start = b.multiply(block.index, share)
                depth = b.maximum(b.minimum(b.subtract(product.depth, start), share), 0)
                first = b.compare("eq", block.index, 0)
                last = b.compare("eq", b.add(block.index, 1), count)
                part = replace(product.part(b, depth=start), depth=depth)
                self._panels(part, panels, rows_here, columns_here, (first, last))

    def _panels(
        self,
        product: _Matrices,
        panels: Operand,
        rows: tuple[Operand, Operand],
        columns: tuple[Operand, Operand],
        block: tuple[str, str] | None = None,
    ) -> None:
        """Write the tiles of ranges of row and column panels."""
        b, blocking, w = self.builder, self.blocking, self.writer
        tile = blocking.tile
        assert tile is not None
        width = tile.vectors * w.lanes
        with b.loop(*columns, 1) as across:
            column = self._first_column(across.index, width)
            remaining = b.subtract(product.columns, column)
            masks = self._masks(product.columns, remaining, tile.vectors)
            part = product.part(b, column=column)
            part, reading = self._packed(part, remaining, masks, b.subtract(rows[1], rows[0]))

            def emit(shape: TileShape, panel: Operand) -> None:
                row = b.multiply(panel, tile.rows)
                slot: Operand = 0
                if block is not None:
                    down = b.multiply(b.subtract(panel, rows[0]), blocking.column_panels)
                    slot = b.add(down, b.subtract(across.index, columns[0]))
                saved = b.gep("%scratch", b.multiply(slot, tile.rows * width), w.scalar)
                place = _Place(row, column, remaining, masks, saved, block)
                self._tile(shape, part.part(b, row=row), reading, place)

            whole = b.minimum(rows[1], b.subtract(panels, 1)) if blocking.last_rows else rows[1]
            with b.loop(rows[0], whole, 1) as down:
                emit(tile, down.index)
            if blocking.last_rows:
                with b.when(b.compare("eq", rows[1], panels)):
                    emit(replace(tile, rows=blocking.last_rows), b.subtract(panels, 1))

    def _packed(
        self, part: _Matrices, remaining: Operand, masks: Sequence[str | None], rows: Operand
    ) -> tuple[_Matrices, Sequence[str | None]]:
        """Write the copy of a panel, or for few rows nothing; return what tiles read, and the masks to read it with."""
        b, w, blocking = self.builder, self.writer, self.blocking
        assert blocking.tile is not None
        if not blocking.pack_right:
            return part, masks
        vectors, panel = blocking.tile.vectors, part.right
        packed = b.gep("%scratch", _tile_bytes(self.problem, self.target), "i8")
        copy = Strided(packed, vectors * w.lanes, 1, w.dtype)
        if blocking.pack_right == "always":
            pack_panel(w, panel, part.depth, remaining, vectors, masks, packed)
            return replace(part, right=copy), [None] * vectors
        before, many, joined = b.block, b.label("many"), b.label("joined")
        b.branch_if(b.compare("sge", rows, PACKING_ROWS // blocking.tile.rows), many, joined)
        b.begin(many)
        pack_panel(w, panel, part.depth, remaining, vectors, masks, packed)
        after = b.block
        b.branch(joined)
        b.begin(joined)
        pointer = b.value(f"phi ptr [{panel.pointer}, %{before}], [{packed}, %{after}]")
        distance = b.value(f"phi i64 [{panel.rows}, %{before}], [{copy.rows}, %{after}]")
        return replace(part, right=Strided(pointer, distance, 1, w.dtype)), masks

    def _first_column(self, panel: Operand, width: int) -> Operand:
        columns = self.extents[1]
        is_single = isinstance(columns, int) and columns <= width
        return 0 if is_single else self.builder.multiply(panel, width)

    def _masks(self, columns: Operand, remaining: Operand, vectors: int) -> list[str | None]:
        """Return the mask of each vector of a panel; None for each where panels fill the columns."""
        lanes = self.target.lanes
        if isinstance(columns, int) and columns % (vectors * lanes) == 0:
            return [None] * vectors
        return [self.writer.lanes_below(self.builder.subtract(remaining, vector * lanes)) for vector in range(vectors)]

    def _tile(self, shape: TileShape, product: _Matrices, reading: Sequence[str | None], place: _Place) -> None:
        """Write a tile at the operands' pointers, and its epilogue."""
        b = self.builder
        initial = None if place.block is None else self._resume(shape, place.saved, place.block[0])
        sums = emit_tile(
            self.writer, shape, product.left, product.right, product.depth, reading, self._masked_steps(shape), initial
        )
        rows = [sums[start : start + shape.vectors] for start in range(0, len(sums), shape.vectors)]
        at = place.row, place.column
        if place.block is None:
            self.epilogue.emit(rows, at, place.masks, place.remaining, place.saved)
            return
        final, unfinished, joined = b.label("final"), b.label("unfinished"), b.label("joined")
        b.branch_if(place.block[1], final, unfinished)
        b.begin(final)
        self.epilogue.emit(rows, at, place.masks, place.remaining, place.saved)
        b.branch(joined)
        b.begin(unfinished)
        save_tile(self.writer, sums, place.saved)
        b.branch(joined)
        b.begin(joined)

    def _masked_steps(self, shape: TileShape) -> int | None:
        """Return for how many rows of the right operand, the last ones, a panel may reach beyond its memory.

        What lies beyond the columns of an earlier row is the next row: it may be read, and is masked in the end.
        None where the extents do not tell.
        """
        columns, distance = self.kernel.column[1], self.problem.right[2]
        if not isinstance(columns, int) or not isinstance(distance, int) or distance <= 0:
            return None
        beyond = -columns % (shape.vectors * self.target.lanes)
        return -(-beyond // distance)

    def _resume(self, shape: TileShape, saved: str, first: str) -> list[str]:
        """Return the accumulators to start from: zeros in the first block, else those that were saved."""
        b, w = self.builder, self.writer
        before, stored, start = b.block, b.label("stored"), b.label("start")
        b.branch_if(first, start, stored)
        b.begin(stored)
        loaded = [w.load(b.gep(saved, i * w.lanes, w.scalar), w.dtype) for i in range(shape.rows * shape.vectors)]
        b.branch(start)
        b.begin(start)
        return [b.value(f"phi {w.vector} [zeroinitializer, %{before}], [{x}, %{stored}]") for x in loaded]

    # Few rows

    def _wide(self, tile: TileShape, product: _Matrices, row: Operand) -> None:
        """Write `tile.rows` rows from `row` on, as wide tiles over all columns."""
        b = self.builder
        width = tile.vectors * self.target.lanes
        _, _, low, high = self._split(1, b.divide(b.add(product.columns, width - 1), width))
        with b.loop(low, high, 1) as across:
            column = self._first_column(across.index, width)
            remaining = b.subtract(product.columns, column)
            masks = self._masks(product.columns, remaining, tile.vectors)
            self._tile(tile, product.part(b, row, column), masks, _Place(row, column, remaining, masks))

    def _dots(self, product: _Matrices, first_row: Operand) -> None:
        """Write the rows from `first_row` on as dot products, a vector of results at a time."""
        b, w, lanes = self.builder, self.writer, self.target.lanes
        columns = product.columns
        group = min(columns, lanes) if isinstance(columns, int) else lanes
        groups = b.divide(b.add(columns, group - 1), group)
        row_low, row_high, low, high = self._split(b.subtract(product.rows, first_row), groups)
        with b.loop(b.add(first_row, row_low), b.add(first_row, row_high), 1) as down, b.loop(low, high, 1) as across:
            column = b.multiply(across.index, group)
            mask: str | None = None
            last: Operand | None = None
            if group < lanes:
                mask = w.lanes_below(group)
            elif not isinstance(columns, int):
                # Fewer columns than lanes may be left: the last is read again.
                remaining = b.subtract(columns, column)
                mask, last = w.lanes_below(remaining), b.subtract(remaining, 1)
            elif columns % lanes:
                # The last group starts early; what the group before it finished is masked.
                wanted = column
                column = b.minimum(column, columns - lanes)
                mask = w.lanes_from(b.subtract(wanted, column))
            part = product.part(b, down.index, column)
            sums = emit_dots(w, part.left, part.right, part.depth, group, last)
            self.epilogue.emit([[sums]], (down.index, column), [mask], group, "%scratch")
