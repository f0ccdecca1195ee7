"""Contractions with few results and deep sums, split over blocks: partial sums first, then one kernel that adds them.

    sum[m, n] = epilogue(sum over parts of partial[part, m, n])

The number of parts follows from the kernel alone and the partial sums are added in order, so that the result does not
depend on the launch.
"""

from __future__ import annotations

from graphc.codegen.cuda.tile import Tile
from graphc.dtypes import itemsize
from graphc.loopir import ContractKernel, Fold, For, Load, LoopKernel, Parameter, Statement
from graphc.symbolic import Dim, Symbol, ceildiv, of_atom, product

# More tiles than this keep a GPU busy by themselves.
_FEW_TILES, _MOST_PARTS, _BLOCKS = 32, 64, 256
# Sums that are shorter, or have fewer steps for each of a run-time number, are not worth a second kernel.
_DEEP, _DEEP_EACH = 4096, 64
SCRATCH = "scratch"


def tiles_of(kernel: ContractKernel, tile: Tile) -> Dim:
    """Return the number of tiles of a kernel's result."""
    inside = ceildiv(kernel.row[1], tile.rows), ceildiv(kernel.column[1], tile.columns)
    return product([*(extent for _, extent in kernel.batch), *inside])


def parts_of(kernel: ContractKernel, tile: Tile) -> int:
    """Return into how many parts a kernel's sums are split; 1 where they are not."""
    tiles = tiles_of(kernel, tile)
    extents = [extent for _, extent in (*kernel.batch, kernel.row, kernel.column)]
    if not all(isinstance(e, int) for e in extents) or not isinstance(tiles, int) or not 0 < tiles <= _FEW_TILES:
        return 1
    depths = [extent for _, extent in kernel.depth]
    known = product(e for e in depths if isinstance(e, int))
    assert isinstance(known, int)
    is_deep = known >= (_DEEP if all(isinstance(e, int) for e in depths) else _DEEP_EACH)
    return min(_MOST_PARTS, _BLOCKS // tiles) if is_deep else 1


def scratch_offset(kernel: ContractKernel, part: Dim, number: int) -> Dim:
    """Return where a part of the sum of this number lies in the scratch memory, for the bound row and column."""
    offset: Dim = part * len(kernel.rights) + number
    for symbol, extent in (*kernel.batch, kernel.row, kernel.column):
        offset = offset * extent + (of_atom(symbol) if extent != 1 else 0)
    return offset


def scratch_bytes(kernel: ContractKernel, parts: int) -> int:
    """Return the bytes of all partial sums; none where the sums are not split."""
    if parts == 1:
        return 0
    count = product([parts, len(kernel.rights), *(e for _, e in (*kernel.batch, kernel.row, kernel.column))])
    assert isinstance(count, int)
    return count * itemsize(kernel.dtype)


def adding_kernel(kernel: ContractKernel, parts: int) -> LoopKernel:
    """Return the kernel that adds the parts and runs the epilogue."""
    part = Symbol("part", parts)
    folds = tuple(
        Fold(
            total.name,
            "sum",
            ((part, parts),),
            Load(SCRATCH, scratch_offset(kernel, of_atom(part), number), kernel.dtype),
            kernel.dtype,
        )
        for number, total in enumerate(kernel.sums)
    )
    body: tuple[Statement, ...] = (*folds, *kernel.epilogue)
    loops = (*kernel.batch, kernel.row, kernel.column)
    for depth, (symbol, extent) in enumerate(reversed(loops)):
        body = (For(symbol, extent, body, parallel=depth == len(loops) - 1, vector=depth == 0),)
    parameters = (*kernel.parameters, Parameter(SCRATCH, kernel.dtype))
    return LoopKernel(parameters, kernel.sizes, body, f"{kernel.label}: the parts added")
