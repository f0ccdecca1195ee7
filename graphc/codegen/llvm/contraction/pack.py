"""Copies of panels of the right operand into scratch memory, in the order in which tiles read them.

A panel becomes `[depth][vectors * lanes]`, widened to the kernel's dtype on the way. The left operand is never copied.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm.builder import Operand
from graphc.codegen.llvm.contraction.micro_kernel import FLOATS, Strided, VectorWriter
from graphc.records import replace


def pack_panel(
    w: VectorWriter,
    right: Strided,
    depth: Sequence[Operand],
    columns: Operand,
    masks: Sequence[str | None],
    packed: str,
    pitch: int,
) -> None:
    """Copy all rows of one panel to `packed`, those of the innermost loop of the depth one after the other.

    `right` points at (first row, first column of the panel); `columns` is how many columns remain from there, and
    masks have the lanes below it on. Rows of the copy are `pitch` elements apart; there is room for three rows more.
    Lanes beyond the columns get any value.
    """
    b = w.builder
    [extent, *inner] = depth
    if inner:
        size: Operand = pitch
        for below in inner:
            size = b.multiply(size, below)
        with b.loop(0, extent, 1) as loop:
            start = right.moved(b, b.multiply(loop.index, right.depth[0]))
            part = replace(start, depth=right.depth[1:])
            pack_panel(w, part, inner, columns, masks, b.gep(packed, b.multiply(loop.index, size), w.scalar), pitch)
        return
    _pack_rows(w, right, extent, columns, masks, packed, pitch)


def _pack_rows(
    w: VectorWriter,
    right: Strided,
    depth: Operand,
    columns: Operand,
    masks: Sequence[str | None],
    packed: str,
    pitch: int,
) -> None:
    b = w.builder
    if right.depth[0] == 1 and right.across != 1:
        _pack_transposed(w, right, depth, columns, len(masks), packed, pitch)
        return
    element = FLOATS[right.dtype]
    with b.loop(0, depth, 1) as row:
        source = b.gep(right.pointer, b.multiply(row.index, right.depth[0]), element)
        target = b.gep(packed, b.multiply(row.index, pitch), w.scalar)
        for vector in range(len(masks)):
            start = b.gep(source, b.multiply(vector * w.lanes, right.across), element)
            loaded = w.gather(start, right.across, right.dtype, masks[vector])
            w.store(loaded, b.gep(target, vector * w.lanes, w.scalar))


def _pack_transposed(
    w: VectorWriter, right: Strided, depth: Operand, columns: Operand, vectors: int, packed: str, pitch: int
) -> None:
    """Copy a panel whose columns are contiguous, four rows of the depth at a time.

    Vectors of which no column is left are not written. Rows up to the next multiple of four are zeros.
    """
    b, lanes = w.builder, w.lanes
    element = FLOATS[right.dtype]
    squares = b.minimum(b.divide(b.add(columns, lanes - 1), lanes), vectors)
    with b.loop(0, squares, 1) as across:
        first = b.multiply(across.index, lanes)
        last = b.subtract(b.subtract(columns, first), 1)
        source = b.gep(right.pointer, b.multiply(first, right.across), element)
        # Columns beyond the last read the last one again.
        starts = [b.multiply(b.minimum(column, last), right.across) for column in range(lanes)]
        target = b.gep(packed, first, w.scalar)
        with b.loop(0, depth, 4) as along:
            start = b.gep(source, along.index, element)
            is_whole = isinstance(depth, int) and depth % 4 == 0
            mask = None if is_whole else w.lanes_below(b.subtract(depth, along.index), 4)
            block = [w.load(b.gep(start, offset, element), right.dtype, mask, 4) for offset in starts]
            for index, transposed in enumerate(w.transpose(block)):
                w.store(transposed, b.gep(target, b.multiply(b.add(along.index, index), pitch), w.scalar))
