"""Copies of operands into scratch memory, in the order in which a tile reads them.

The right operand becomes panels `[depth][vectors * lanes]`, the left one rows at an odd distance, so that the rows
of a tile do not share cache sets. Both are widened to the kernel's dtype on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm_builder import Operand
from graphc.codegen.llvm_micro_kernel import FLOATS, Strided, VectorWriter


def pack_panel(
    w: VectorWriter,
    right: Strided,
    depth: Operand,
    columns: Operand,
    vectors: int,
    masks: Sequence[str | None],
    packed: str,
) -> None:
    """Copy `depth` rows of one panel to `packed`.

    `right` points at (first row, first column of the panel); `columns` is how many columns remain from there, and
    masks have the lanes below it on. `packed` has room for `depth` rounded up to whole vectors. Lanes beyond the
    columns get any value.
    """
    b = w.builder
    if right.rows == 1 and right.columns != 1:
        _pack_transposed(w, right, depth, columns, vectors, packed)
        return
    element = FLOATS[right.dtype]
    with b.loop(0, depth, 1) as row:
        source = b.gep(right.pointer, b.multiply(row.index, right.rows), element)
        target = b.gep(packed, b.multiply(row.index, vectors * w.lanes), w.scalar)
        for vector in range(vectors):
            start = b.gep(source, b.multiply(vector * w.lanes, right.columns), element)
            loaded = w.gather(start, right.columns, right.dtype, masks[vector])
            w.store(loaded, b.gep(target, vector * w.lanes, w.scalar))


def _pack_transposed(
    w: VectorWriter, right: Strided, depth: Operand, columns: Operand, vectors: int, packed: str
) -> None:
    """Copy a panel whose columns are contiguous, in squares of lanes x lanes."""
    b, lanes = w.builder, w.lanes
    element, width = FLOATS[right.dtype], vectors * lanes
    last = b.subtract(columns, 1)
    starts = []
    for column in range(width):
        # Columns beyond the last read the last one again.
        if isinstance(columns, int):
            inside: Operand = min(column, columns - 1)
        else:
            inside = b.minimum(column, last)
        starts.append(b.multiply(inside, right.columns))
    main = b.subtract(depth, b.remainder(depth, lanes))

    def square(row: Operand, vector: int, mask: str | None) -> None:
        source = b.gep(right.pointer, row, element)
        block = [
            w.load(b.gep(source, start, element), right.dtype, mask)
            for start in starts[vector * lanes : (vector + 1) * lanes]
        ]
        target = b.gep(packed, b.add(b.multiply(row, width), vector * lanes), w.scalar)
        for index, transposed in enumerate(w.transpose(block)):
            w.store(transposed, b.gep(target, index * width, w.scalar))

    if main != 0:
        with b.loop(0, main, lanes) as row:
            for vector in range(vectors):
                square(row.index, vector, None)
    if main == depth:
        return
    mask = w.lanes_below(b.subtract(depth, main))
    if isinstance(depth, int):
        for vector in range(vectors):
            square(main, vector, mask)
        return
    with b.when(b.compare("slt", main, depth)):
        for vector in range(vectors):
            square(main, vector, mask)
