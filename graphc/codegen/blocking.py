"""How a contraction is cut into tiles: pure decisions from extents, strides and the processor's registers.

The sizes were found by measuring on AVX-512 machines (one and two fused multiply-adds a cycle); processors with 16
registers use the same rules with smaller tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphc.codegen.llvm_micro_kernel import TileShape
from graphc.codegen.target import Target
from graphc.symbolic import Dim

DEPTH_BLOCK = 1024
ROW_BLOCK = 192
COLUMN_BLOCK = 1024
# A row distance that is a multiple of this many bytes maps the rows of a tile to the same cache sets.
ALIASING_BYTES = 4096

# How the right operand lies in memory: vectors of columns, columns contiguous in the depth, or neither.
Layout = Literal["rows", "columns", "strided"]


@dataclass(frozen=True, slots=True)
class Blocking:
    """The decisions for one kernel.

    Rows come in panels of `tile.rows`; `last_rows` is the height of a shorter last panel (0: there is none), and
    rows that panels leave over (a run-time extent only, or few rows altogether) go through `rest`, tall tiles
    first, or through dot products where `dot` is set. `tile` is None where there are no panels at all.
    `panels` is the number of panels where it is static.
    """

    tile: TileShape | None
    panels: int | None
    last_rows: int
    rest: tuple[TileShape, ...]
    dot: bool
    pack_right: bool
    pack_left: bool
    block_depth: bool
    depth_block: int
    row_block: int
    column_block: int


def vectors_per_panel(columns: Dim, lanes: int, most: int) -> int:
    """Return how many vectors wide column panels are, at most `most`, so that the fewest lanes idle."""
    if not isinstance(columns, int):
        return most
    vectors = -(-columns // lanes)
    widths = range(min(most, vectors), 0, -1)
    waste = {width: -(-vectors // width) * width for width in widths if 2 * width > most or width == min(most, vectors)}
    return min(waste, key=lambda width: (waste[width] * (1.0 if width > 1 else 1.2), -width))


def _even(columns: Dim, lanes: int, most: int) -> int:
    """Return the width of panels that share the columns evenly, at most `most` vectors."""
    if not isinstance(columns, int):
        return most
    vectors = -(-columns // lanes)
    count = -(-vectors // most)
    return -(-vectors // count)


def _chained(rows: int, vectors: int, unroll: int) -> TileShape:
    """Return a tile with as many partial sums as it takes to keep eight multiply-adds in flight."""
    chains = 1
    while chains * rows * vectors < 8 and chains < unroll:
        chains *= 2
    return TileShape(rows, vectors, unroll, chains)


def rest_tile(rows: int, columns: Dim, lanes: int, registers: int) -> TileShape:
    """Return the wide tile for few rows: the right operand is read once, so width hides its latency."""
    most = max(1, min(8, (registers - 2) // rows // 2 if rows > 1 else registers // 4, (registers - 2) // (rows + 1)))
    return _chained(rows, _even(columns, lanes, most), 4 if rows < 4 else 2)


def choose_blocking(
    rows: Dim,
    columns: Dim,
    depth: Dim,
    layout: Layout,
    left_row_stride: Dim,
    right_row_stride: Dim,
    itemsize: int,
    target: Target,
) -> Blocking:
    """Return the decisions for a contraction of these extents; strides count elements."""
    lanes = target.lanes
    # A vector of float64 takes two registers.
    registers = target.registers * 4 // itemsize
    wide = registers >= 32
    static_rows = rows if isinstance(rows, int) else None
    few = 8 if layout == "rows" else 6
    tile: TileShape | None = None
    panels: int | None = None
    last_rows = 0
    rest: tuple[TileShape, ...] = ()
    dot = layout != "rows"
    narrow = isinstance(columns, int) and columns < 4 and layout == "columns"
    if narrow or (static_rows is not None and static_rows <= few):
        if not dot and static_rows is not None:
            rest = tuple(
                rest_tile(height, columns, lanes, registers) for height in _heights(static_rows, 8 if wide else 4)
            )
    else:
        vectors = vectors_per_panel(columns, lanes, (3 if registers >= 32 else 2) if registers >= 16 else 1)
        height = _panel_height(vectors, registers)
        if static_rows is None:
            height = 1 << (height.bit_length() - 1)
            if isinstance(columns, int) and isinstance(depth, int) and columns * depth <= 2048:
                height = min(height, 4)
            if not dot:
                rest = tuple(
                    rest_tile(height >> shift, columns, lanes, registers) for shift in range(1, height.bit_length())
                )
        else:
            panels = -(-static_rows // height)
            height = -(-static_rows // panels)
            panels = -(-static_rows // height)
            last_rows = static_rows % height
            dot = False
        tile = TileShape(height, vectors, 2)
    width = (tile.vectors if tile else 1) * lanes
    long = not isinstance(depth, int) or depth > DEPTH_BLOCK
    many_rows = static_rows is None or static_rows >= 64
    pack_right = layout != "rows" or (
        many_rows
        and (not isinstance(depth, int) or depth >= 128)
        and (not isinstance(right_row_stride, int) or _aliases(right_row_stride, itemsize))
        and not (isinstance(columns, int) and columns <= width)
    )
    pack_left = (
        tile is not None
        and many_rows
        and (not isinstance(depth, int) or depth >= 256)
        and (not isinstance(columns, int) or columns >= 4 * width)
        and _aliases(left_row_stride, itemsize)
    )
    return Blocking(
        tile,
        panels,
        last_rows,
        rest,
        dot,
        pack_right and tile is not None,
        pack_left,
        long and tile is not None,
        DEPTH_BLOCK,
        ROW_BLOCK,
        COLUMN_BLOCK,
    )


def _aliases(stride: Dim, itemsize: int) -> bool:
    return isinstance(stride, int) and stride > 1 and stride * itemsize % ALIASING_BYTES == 0


def _heights(rows: int, most: int) -> list[int]:
    """Return heights that add up to rows, evenly."""
    count = -(-rows // most)
    return [rows // count + (1 if i < rows % count else 0) for i in range(count)]


def _panel_height(vectors: int, registers: int) -> int:
    """Return the rows of a tile of this width: accumulators, right vectors and the broadcast must fit."""
    fitting = (registers - 1 - vectors) // vectors
    return min(fitting, {1: 16, 2: 12, 3: 8}[vectors])
