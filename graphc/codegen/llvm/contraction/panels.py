"""The loops around the tiles of whole panels of rows:

    column blocks > row blocks > depth blocks > column panels > batches > row panels > tile

(loops of one pass vanish). A copied panel of the right operand serves all rows inside. Row panels of all batches are
numbered through: `panels` of them a batch; threads and blocks take ranges of these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from graphc.codegen.llvm.builder import Operand
from graphc.codegen.llvm.contraction.blocking import PACKING_ROWS, Blocking
from graphc.codegen.llvm.contraction.micro_kernel import Ahead, Strided, TileShape
from graphc.codegen.llvm.contraction.pack import pack_panel
from graphc.codegen.llvm.contraction.tile import Place, Product, TileWriter
from graphc.codegen.llvm.share import Share
from graphc.records import record, replace

# Where more tiles than these read a panel, it does not matter where the first one finds it.
_MOST_ASKING = 16

Range = tuple[Operand, Operand]


@record
class _Part:
    """Ranges of row and of column panels of a product, or of a block of its depth."""

    product: Product
    rows: Range
    columns: Range
    block: tuple[str, str] | None = None


class PanelWriter:
    """Writes the panels of one product."""

    def __init__(self, tiles: TileWriter, tile: TileShape, panels: Operand, batches: Operand) -> None:
        self._tiles = tiles
        self._blocking: Blocking = tiles.problem.blocking
        self._tile = tile
        self._width = tile.vectors * tiles.target.lanes
        self._pitch = tile.across * tiles.target.lanes
        self._panels = panels
        self._batches = batches

    def write(self, product: Product, share: Share) -> None:
        """Write the thread's share of all panels."""
        b = self._tiles.builder
        columns = b.divide(b.add(product.columns, self._width - 1), self._width)
        rows = b.multiply(self._batches, self._panels)
        row_low, row_high, column_low, column_high = share.of_panels(rows, columns)
        part = _Part(product, (row_low, row_high), (column_low, column_high))
        # Without a panel of rows there is no panel of columns to copy.
        with b.when(b.compare("slt", row_low, row_high)):
            if self._blocking.block_depth:
                self._blocks(part)
            elif self._blocking.is_resident:
                self._resident(part)
            else:
                self._columns(part)

    def _blocks(self, part: _Part) -> None:
        """Write panels in blocks, between which tiles keep their sums in memory."""
        b, product, blocking = self._tiles.builder, part.product, self._blocking
        column_step, row_step, cut = blocking.column_panels, blocking.row_panels, blocking.depth_loop
        # Blocks of equal depth. An empty depth still has one block, of no products.
        extent = product.depth[cut]
        pieces = b.divide(b.add(extent, blocking.depth_block - 1), blocking.depth_block)
        count = pieces
        for outer in product.depth[:cut]:
            count = b.multiply(count, outer)
        pieces = b.maximum(pieces, 1)
        size = b.divide(b.add(extent, b.subtract(pieces, 1)), pieces)
        if cut == len(product.depth) - 1:
            lanes = self._tiles.target.lanes
            size = b.multiply(b.divide(b.add(size, lanes - 1), lanes), lanes)
        if isinstance(count, str):
            extent = b.value(f"select i1 {b.compare('eq', count, 0)}, i64 0, i64 {extent}")
            count = b.maximum(count, 1)
        with b.loop(*part.columns, column_step) as column, b.loop(*part.rows, row_step) as row:
            rows = row.index, b.minimum(b.add(row.index, row_step), part.rows[1])
            columns = column.index, b.minimum(b.add(column.index, column_step), part.columns[1])
            with b.loop(0, count, 1) as block:
                first = b.compare("eq", block.index, 0)
                last = b.compare("eq", b.add(block.index, 1), count)
                inside = self._block(product, block.index, cut, pieces, size, extent)
                self._columns(_Part(inside, rows, columns, (first, last)))

    def _block(
        self, product: Product, number: Operand, cut: int, pieces: Operand, size: Operand, extent: Operand
    ) -> Product:
        """Return a block of a product's depth: some iterations of its loop `cut`, in one iteration of those around."""
        b = self._tiles.builder
        start = b.multiply(b.remainder(number, pieces), size)
        rest = b.divide(number, pieces)
        positions = [start]
        for outer in reversed(product.depth[:cut]):
            # The only block of an empty depth must not be divided by it.
            count = b.maximum(outer, 1)
            positions.insert(0, b.remainder(rest, count))
            rest = b.divide(rest, count)
        operands = []
        for operand in (product.left, product.right):
            for position, distance in zip(positions, operand.depth):
                operand = operand.moved(b, b.multiply(position, distance))
            operands.append(replace(operand, depth=operand.depth[cut:]))
        here = b.maximum(b.minimum(b.subtract(extent, start), size), 0)
        return replace(product, left=operands[0], right=operands[1], depth=(here, *product.depth[cut + 1 :]))

    def _resident(self, part: _Part) -> None:
        """Write blocks of rows, each over all columns: the right operand stays in the second cache."""
        b, product, step = self._tiles.builder, part.product, self._blocking.row_panels
        low, high = part.columns
        if self._blocking.pack_right:
            with b.loop(low, high, 1) as across:
                panel, place = self._column(product, across.index)
                self._copied(panel, place, b.subtract(across.index, low))
        with b.loop(*part.rows, step) as row:
            rows = row.index, b.minimum(b.add(row.index, step), part.rows[1])
            with b.loop(low, high, 1) as across:
                panel, place = self._column(product, across.index)
                reading = place.masks
                if self._blocking.pack_right:
                    copy = self._copy(product.depth, b.subtract(across.index, low))
                    panel, reading = replace(panel, right=copy), [None] * self._tile.vectors
                self._batched(_Part(panel, rows, part.columns), 0, reading, place)

    def _columns(self, part: _Part) -> None:
        """Write panel after panel of columns."""
        b, product = self._tiles.builder, part.product
        with b.loop(*part.columns, 1) as across:
            panel, place = self._column(product, across.index)
            panel, reading = self._packed(panel, place, b.subtract(part.rows[1], part.rows[0]))
            part_here = replace(part, product=panel)
            self._batched(part_here, b.subtract(across.index, part.columns[0]), reading, place)

    def _column(self, product: Product, across: Operand) -> tuple[Product, Place]:
        """Return the product from a panel of columns on, and the place of its tiles."""
        b, tiles = self._tiles.builder, self._tiles
        column = tiles.first_column(across, self._width)
        remaining = b.subtract(product.columns, column)
        right = product.right.moved(b, b.multiply(column, product.right.across))
        return replace(product, right=right), Place(column, remaining, tiles.masks(remaining, self._tile.vectors))

    def _batched(self, part: _Part, across: Operand, reading: Sequence[str | None], place: Place) -> None:
        """Write the row panels of a part of all batches, in one panel of columns."""
        b, tiles = self._tiles.builder, self._tiles
        low, high = part.rows
        shared = tiles.problem.shared
        if not shared:
            self._rows(part, 0, part.rows, across, reading, place)
            return
        panels = self._panels
        last = b.divide(b.add(high, b.subtract(panels, 1)), panels)
        with b.loop(b.divide(low, panels), last, 1) as loop, tiles.batch(shared, loop.index):
            first = b.multiply(loop.index, panels)
            rows: Range = (0, 1)
            if panels != 1:
                rows = b.maximum(b.subtract(low, first), 0), b.minimum(b.subtract(high, first), panels)
            product = replace(part.product, left=tiles.of_batch(part.product.left))
            self._rows(replace(part, product=product), first, rows, across, reading, place)

    def _rows(
        self, part: _Part, first: Operand, rows: Range, across: Operand, reading: Sequence[str | None], place: Place
    ) -> None:
        """Write a range of the row panels of a batch, whose first one is number `first`."""
        b, blocking, panels = self._tiles.builder, self._blocking, self._panels

        def emit(shape: TileShape, panel: Operand) -> None:
            slot: Operand = 0
            if part.block is not None:
                number = b.subtract(b.add(first, panel), part.rows[0])
                slot = b.add(b.multiply(number, blocking.column_panels), across)
            saved = b.gep("%scratch", b.multiply(slot, self._tile.rows * self._pitch), self._tiles.writer.scalar)
            left = part.product.left
            left = left.moved(b, b.multiply(panel, left.row_offset(b, self._tile.rows)))
            here = replace(place, saved=saved, block=part.block)
            symbols = partial(self._symbols, panel)
            self._tiles.write(shape, replace(part.product, left=left), reading, here, symbols, self._ahead(part, panel))

        if not blocking.last_rows:
            with b.loop(*rows, 1) as down:
                emit(self._tile, down.index)
            return
        with b.loop(rows[0], b.minimum(rows[1], b.subtract(panels, 1)), 1) as down:
            emit(self._tile, down.index)
        with b.when(b.compare("eq", rows[1], panels)):
            emit(replace(self._tile, rows=blocking.last_rows), b.subtract(panels, 1))

    def _ahead(self, part: _Part, panel: Operand) -> Ahead | None:
        """Return what a tile asks for: its share of the right operand of the next product, which follows this one."""
        b, problem = self._tiles.builder, self._tiles.problem
        size, tiles = problem.right_run, problem.least_rows // self._tile.rows
        if not size or part.block is not None or not 0 < tiles <= _MOST_ASKING:
            return None
        # The second cache: the first one would lose what it holds of this panel.
        share = -(-size // tiles)
        start = b.add(size, b.multiply(b.minimum(panel, tiles - 1), share))
        return Ahead(b.gep(part.product.right.pointer, start, "i8"), -(-share // problem.steps), 2)

    def _symbols(self, panel: Operand, row: Operand) -> tuple[Operand, ...]:
        """Return the values of the symbols of rows in a row of a panel."""
        b, lines = self._tiles.builder, self._blocking.lines
        if lines == 1:
            return (b.add(b.multiply(panel, self._tile.rows), row),)
        line_rows = self._tile.rows // lines
        line = b.add(b.multiply(panel, lines), b.divide(row, line_rows))
        return line, b.remainder(row, line_rows)

    def _packed(self, panel: Product, place: Place, rows: Operand) -> tuple[Product, Sequence[str | None]]:
        """Copy a panel, or for few rows do not; return what tiles read, and the masks to read it with."""
        b, w, right = self._tiles.builder, self._tiles.writer, panel.right
        if not self._blocking.pack_right:
            return panel, place.masks
        if self._blocking.pack_right == "always":
            return self._copied(panel, place, 0), [None] * self._tile.vectors
        before, many, joined = b.block, b.label("many"), b.label("joined")
        b.branch_if(b.compare("sge", rows, PACKING_ROWS // self._tile.rows), many, joined)
        b.begin(many)
        copy = self._copied(panel, place, 0).right
        after = b.block
        b.branch(joined)
        b.begin(joined)
        pointer = b.value(f"phi ptr [{right.pointer}, %{before}], [{copy.pointer}, %{after}]")
        chosen = tuple(
            b.value(f"phi i64 [{near}, %{before}], [{far}, %{after}]") for near, far in zip(right.depth, copy.depth)
        )
        return replace(panel, right=Strided(pointer, 1, chosen, w.dtype)), place.masks

    def _copied(self, panel: Product, place: Place, number: Operand) -> Product:
        """Copy a panel to place `number`; return the product of the copy."""
        copy = self._copy(panel.depth, number)
        b, w, right = self._tiles.builder, self._tiles.writer, panel.right
        for source, target in zip((0, *right.beside), (0, *copy.beside)):
            packed = b.gep(copy.pointer, target, w.scalar)
            pack_panel(w, right.moved(b, source), panel.depth, place.remaining, place.masks, packed, self._pitch)
        return replace(panel, right=copy)

    def _copy(self, depth: Sequence[Operand], number: Operand) -> Strided:
        """Return copied panel `number`."""
        b, w, tiles = self._tiles.builder, self._tiles.writer, self._tiles
        distances: list[Operand] = [self._pitch]
        for extent in reversed(depth[1:]):
            distances.insert(0, b.multiply(distances[0], extent))
        first = b.gep("%scratch", tiles.problem.tile_bytes(tiles.target), "i8")
        size = self._blocking.panel_elements(tiles.target.lanes)
        beside = tuple(range(self._width, self._pitch, self._width))
        return Strided(b.gep(first, b.multiply(number, size), w.scalar), 1, tuple(distances), w.dtype, beside=beside)
