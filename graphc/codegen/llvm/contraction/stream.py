"""Few rows against a large right operand, which is read from memory once and page after page:

    column blocks > depth blocks > column panels > rows > tile

Memory is what binds here. A block of the depth has as many rows of the right operand as a processor reads ahead in, and
each is walked through whole: tiles of one panel at a time would jump from page to page. Tiles keep their sums between
the blocks.
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import LINE, Operand
from graphc.codegen.llvm.contraction.blocking import STREAM_COLUMNS, STREAM_DEPTH
from graphc.codegen.llvm.contraction.micro_kernel import Strided
from graphc.codegen.llvm.contraction.tile import Place, Product, TileWriter
from graphc.codegen.llvm.share import Share
from graphc.dtypes import itemsize
from graphc.records import replace


def write_stream(tiles: TileWriter, whole: Product, share: Share) -> None:
    """Write the thread's share of the columns of a product, all rows of it."""
    b, blocking = tiles.builder, tiles.problem.blocking
    width = blocking.stream[0].vectors * tiles.target.lanes
    [extent] = whole.depth
    blocks = b.maximum(b.divide(b.add(extent, STREAM_DEPTH - 1), STREAM_DEPTH), 1)
    step = STREAM_COLUMNS // width
    _, _, low, high = share.of_panels(1, b.divide(b.add(whole.columns, width - 1), width))
    with b.loop(low, high, step) as columns:
        end = b.minimum(b.add(columns.index, step), high)
        with b.loop(0, blocks, 1) as block:
            part = _block(tiles, whole, block.index)
            ends = b.compare("eq", block.index, 0), b.compare("eq", b.add(block.index, 1), blocks)
            with b.loop(columns.index, end, 1) as across:
                number = b.subtract(across.index, columns.index)
                _write_panel(tiles, part, across.index, number, ends)


def _block(tiles: TileWriter, whole: Product, number: Operand) -> Product:
    """Return a block of a product's depth."""
    b, [extent] = tiles.builder, whole.depth
    start = b.multiply(number, STREAM_DEPTH)
    left, right = (side.moved(b, b.multiply(start, side.depth[0])) for side in (whole.left, whole.right))
    return replace(whole, left=left, right=right, depth=(b.minimum(b.subtract(extent, start), STREAM_DEPTH),))


def _write_panel(tiles: TileWriter, part: Product, across: Operand, number: Operand, ends: tuple[str, str]) -> None:
    """Write all rows of a panel of columns, the one of this number in its block of columns."""
    b, lanes, shapes = tiles.builder, tiles.target.lanes, tiles.problem.blocking.stream
    column = tiles.first_column(across, shapes[0].vectors * lanes)
    remaining = b.subtract(part.columns, column)
    masks = tiles.masks(remaining, shapes[0].vectors)
    right = part.right.moved(b, b.multiply(column, part.right.across))
    _ask_for_next(tiles, right)
    done: Operand = 0
    for shape in shapes:
        left_over = b.subtract(part.rows, done)
        stop = b.add(done, b.subtract(left_over, b.remainder(left_over, shape.rows)))
        with b.loop(done, stop, shape.rows) as down:
            row = down.index
            slot = b.multiply(b.add(b.multiply(number, tiles.problem.blocking.stream_rows), row), shape.across * lanes)
            saved = b.gep("%scratch", slot, tiles.writer.scalar)
            place = Place(column, remaining, masks, saved, ends)
            left = part.left.moved(b, b.multiply(row, part.left.across))
            here = replace(part, left=left, right=right)
            tiles.write(shape, here, masks, place, lambda i, row=row: (b.add(row, i),))  # type: ignore[misc]
        done = stop


def _ask_for_next(tiles: TileWriter, right: Strided) -> None:
    """Ask for the next block of the depth in a panel of columns, in the second cache."""
    b, vectors = tiles.builder, tiles.problem.blocking.stream[0].vectors
    size = vectors * tiles.target.lanes * itemsize(right.dtype)
    for row in range(STREAM_DEPTH, 2 * STREAM_DEPTH):
        start = right.moved(b, b.multiply(row, right.depth[0])).pointer
        for offset in range(0, size, LINE):
            b.ask_for(b.gep(start, offset, "i8"), 2)
