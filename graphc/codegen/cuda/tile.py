"""Which tile of a contraction's result a block computes, from what is known of its extents."""

from __future__ import annotations

from graphc.loopir import ContractKernel
from graphc.records import record
from graphc.symbolic import bare_symbol


@record
class Tile:
    """`rows` x `columns` of the result a block, `high` x `wide` of them a thread; `deep` steps of the sum a slab."""

    rows: int
    columns: int
    high: int
    wide: int
    deep: int = 16
    # What a line of a slab is longer than its contents, so that threads keep out of each other's banks.
    gap: int = 1

    @property
    def threads(self) -> int:
        """The threads of a block."""
        return (self.rows // self.high) * (self.columns // self.wide)


_LARGE, _MIDDLE, _SMALL = Tile(128, 128, 8, 8, 8), Tile(64, 64, 4, 4), Tile(32, 32, 2, 2, 32)
_NARROW, _FLAT = Tile(128, 32, 4, 4), Tile(32, 128, 4, 4)
TENSOR_TILE = Tile(64, 64, 8, 4, gap=8)
# Fewer rows or columns would leave most of a tensor core's tile empty.
_LEAST_TENSOR = 16


def choose_tile(kernel: ContractKernel) -> Tile:
    """Return the tile of a kernel, from what is known of its extents."""
    rows, columns = kernel.row[1], kernel.column[1]
    # A run-time number of rows that is a batch is taken for few, one that is a batch of pixels for many.
    few_rows = rows <= 64 if isinstance(rows, int) else bare_symbol(rows) is not None
    few_columns = columns <= 64 if isinstance(columns, int) else bare_symbol(columns) is not None
    if kernel.beside:
        # Several sums a thread: as many registers as one sum of a larger tile.
        return _SMALL if few_rows else _MIDDLE
    if few_rows:
        return _SMALL if few_columns or not kernel.batch else _FLAT
    if few_columns:
        return _NARROW if isinstance(columns, int) and columns <= 32 else _MIDDLE
    if kernel.dtype == "float32" and isinstance(columns, int) and columns % 128 == 0:
        return _LARGE if not isinstance(rows, int) or rows >= 1024 else _MIDDLE
    return _MIDDLE


def takes_tensor_cores(kernel: ContractKernel) -> bool:
    """Tell whether tensor cores may do a kernel's products, if precision allows it."""
    extents = (kernel.row[1], kernel.column[1])
    return kernel.dtype == "float32" and not any(isinstance(e, int) and e < _LEAST_TENSOR for e in extents)
