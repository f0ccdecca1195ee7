"""Contraction kernels: the loops over batches, and the rows that panels leave over.

A kernel is one function. Its rows are cut in two parts: whole panels of equal height, and the rows that are left over,
or few rows altogether, which run as wide tiles that read the right operand once where it lies, or as dot products.
The epilogue runs exactly once an element: on the accumulators in registers where it is light, else on a copy of the
tile that is still in the nearest cache. Tiles are split over threads, by rows or by columns, whichever balances
better; no thread waits for another.
"""

from __future__ import annotations

from itertools import takewhile

from graphc.codegen.llvm.builder import FunctionText, Operand
from graphc.codegen.llvm.contraction.micro_kernel import TileShape, emit_dots
from graphc.codegen.llvm.contraction.panels import PanelWriter
from graphc.codegen.llvm.contraction.problem import Problem, describe_problem
from graphc.codegen.llvm.contraction.stream import write_stream
from graphc.codegen.llvm.contraction.tile import Place, Product, TileWriter
from graphc.codegen.llvm.share import Share
from graphc.codegen.target import Target
from graphc.loopir import ContractKernel
from graphc.records import replace
from graphc.symbolic import product


def emit_contract_kernel(kernel: ContractKernel, name: str, target: Target) -> FunctionText:
    """Return the function of a contraction: its buffers, its sizes, scratch memory, thread, threads.

    `left` and `right` may be strided in any way; the dtype is float32 or float64, the operands' may be narrower.
    Raises CompileError for other dtypes and for offsets that are not affine.
    """
    return _Emitter(describe_problem(kernel, target), name, target).function()


def contract_scratch_bytes(kernel: ContractKernel, target: Target) -> int:
    """Return the bytes of scratch memory that one thread of the kernel needs."""
    return describe_problem(kernel, target).scratch_bytes(target)


def row_grain(kernel: ContractKernel, target: Target) -> int:
    """Return of how many rows a part must start at a multiple, so that all bits are those of the whole.

    Tiles whose accumulators take the whole depth in order give the same bits. The rows that those leave over, at the
    end, go through tiles of several chains or through dot products, and must be left over by the last part alone.
    """
    blocking = describe_problem(kernel, target).blocking
    tiles = [tile for tile in (blocking.tile, *blocking.rest) if tile is not None]
    heights = [tile.rows for tile in takewhile(lambda tile: tile.chains == 1, tiles)]
    grain = min(heights, default=1)
    return grain if all(height % grain == 0 for height in heights) else max(heights)


def row_height(kernel: ContractKernel, target: Target) -> int:
    """Return how many rows make a part worth having: those of the tile that most rows go through."""
    tile = describe_problem(kernel, target).blocking.tile
    return 1 if tile is None else tile.rows


class _Emitter:
    """Writes one kernel."""

    def __init__(self, problem: Problem, name: str, target: Target) -> None:
        self.problem = problem
        self.target = target
        self.tiles = TileWriter(problem, name, target)
        self.builder = self.tiles.builder
        self.share = Share(self.builder, "%thread", "%threads")

    def function(self) -> FunctionText:
        """Write the function."""
        kernel, separate = self.problem.kernel, self.problem.separate
        if any(extent == 0 for _, extent in (*kernel.batch, kernel.row, kernel.column)):
            return self.builder.finish("void")
        self.tiles.read_extents()
        if not separate:
            with self.tiles.expressions.scope():
                self._product()
            return self.builder.finish("void")
        total = self.tiles.expressions.dim(product(extent for _, extent in separate))
        low, high, self.share = self.share.of_matrices(total)
        with self.builder.loop(low, high, 1) as loop, self.tiles.batch(separate, loop.index):
            self._product()
        return self.builder.finish("void")

    def _product(self) -> None:
        """Write the products of one right operand."""
        b, blocking, whole = self.builder, self.problem.blocking, self.tiles.product()
        if not blocking.stream:
            self._panels(whole)
            return
        if isinstance(whole.rows, int):
            write_stream(self.tiles, whole, self.share)
            return
        panels, stream, joined = b.label("panels"), b.label("stream"), b.label("joined")
        b.branch_if(b.compare("sle", whole.rows, blocking.stream_rows), stream, panels)
        b.begin(stream)
        write_stream(self.tiles, whole, self.share)
        b.branch(joined)
        b.begin(panels)
        self._panels(whole)
        b.branch(joined)
        b.begin(joined)

    def _panels(self, whole: Product) -> None:
        """Write whole panels of rows, then the rows that are left."""
        b, tiles, blocking = self.builder, self.tiles, self.problem.blocking
        shared = self.problem.shared
        batches = tiles.expressions.dim(product(extent for _, extent in shared))
        done: Operand = 0
        if blocking.tile is not None:
            panels = b.divide(whole.rows, blocking.tile.rows) if blocking.panels is None else blocking.panels
            done = whole.rows if blocking.panels is not None else b.multiply(panels, blocking.tile.rows)
            PanelWriter(tiles, blocking.tile, panels, batches).write(whole, self.share)
        if not blocking.dot and not blocking.rest:
            return
        if not shared:
            self._rest(whole, done)
            return
        with b.loop(0, batches, 1) as loop, tiles.batch(shared, loop.index):
            self._rest(replace(whole, left=tiles.of_batch(whole.left)), done)

    def _rest(self, whole: Product, done: Operand) -> None:
        """Write the rows of one product from `done` on."""
        b, blocking = self.builder, self.problem.blocking
        if blocking.dot:
            self._dots(whole, done)
            return
        for tile in blocking.rest:
            remaining = b.subtract(whole.rows, done)
            stop = b.add(done, b.subtract(remaining, b.remainder(remaining, tile.rows)))
            with b.loop(done, stop, tile.rows) as row:
                self._wide(tile, whole, row.index)
            done = stop

    def _wide(self, tile: TileShape, whole: Product, row: Operand) -> None:
        """Write `tile.rows` rows from `row` on, as wide tiles over all columns."""
        b, tiles = self.builder, self.tiles
        width = tile.vectors * self.target.lanes
        _, _, low, high = self.share.of_panels(1, b.divide(b.add(whole.columns, width - 1), width))
        with b.loop(low, high, 1) as across:
            column = tiles.first_column(across.index, width)
            remaining = b.subtract(whole.columns, column)
            masks = tiles.masks(remaining, tile.vectors)
            part = self._part(whole, row, column)
            tiles.write(tile, part, masks, Place(column, remaining, masks), lambda i: (b.add(row, i),))

    def _part(self, whole: Product, row: Operand, column: Operand) -> Product:
        """Return the product from a row and a column on; extents stay."""
        b = self.builder
        left = whole.left.moved(b, b.multiply(row, whole.left.across))
        return replace(whole, left=left, right=whole.right.moved(b, b.multiply(column, whole.right.across)))

    def _dots(self, whole: Product, first_row: Operand) -> None:
        """Write the rows from `first_row` on as dot products, a vector of results at a time."""
        b, w, lanes = self.builder, self.tiles.writer, self.target.lanes
        columns = whole.columns
        group = min(columns, lanes) if isinstance(columns, int) else lanes
        groups = b.divide(b.add(columns, group - 1), group)
        row_low, row_high, low, high = self.share.of_panels(b.subtract(whole.rows, first_row), groups)
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
            part = self._part(whole, down.index, column)
            sums = emit_dots(w, part.left, part.right, part.depth, group, last)
            row = down.index
            self.tiles.epilogue.emit([[sums]], lambda i: (b.add(row, i),), column, [mask], group, "%scratch")
