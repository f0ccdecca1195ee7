"""How a contraction is cut into tiles: pure decisions from extents, strides and the processor's registers.

The numbers were measured on AVX-512 processors (one and two multiply-adds a cycle). Eight rows fill no more than
the eight ways of a cache set, so the left operand needs no packing whatever its row distance; more rows are taken
where their distance spreads them over several sets.
"""

from __future__ import annotations

import math
from typing import Literal

from graphc.codegen.llvm.contraction.micro_kernel import TileShape
from graphc.codegen.target import Target
from graphc.records import record, replace
from graphc.symbolic import Dim, product

# The most rows and columns of a block of which the depth is cut.
ROW_BLOCK, COLUMN_BLOCK = 384, 1024
# The rows that go over all columns of a right operand that stays in the second cache.
RESIDENT_ROWS = 96
# Copying panels of a right operand that lies in rows pays from this many rows that read them, where its rows are
# at least this many bytes apart.
PACKING_ROWS, PACKING_BYTES = 320, 4096
# By packing: the depth of a block, and the depth above which cutting it pays at all. Rows that lie far apart crowd few
# cache sets, so copied panels may be deeper.
_DEPTHS = {"": (512, 1536), "many": (1024, 2048), "always": (2048, 4096)}
# Multiply-adds that must be in flight to hide their latency.
_IN_FLIGHT = 8
# Up to this many rows go together over right operands of at least this many times the second cache's size, whose rows
# are at least this many bytes apart: so many of its rows and columns at a time.
STREAM_ROWS, STREAM_CACHES, STREAM_BYTES = 64, 4, 2048
STREAM_DEPTH, STREAM_COLUMNS = 8, 4096
# By vectors of a panel: what its arithmetic costs, compared with the widest.
_WIDTH_COST = {1: 1.1, 2: 1.02, 3: 1.02, 4: 1.0}
# Up to this many elements of the right operand, code size matters more than the last rows' speed.
_TINY = 2048

# How the right operand lies in memory: rows contiguous, columns contiguous, or neither.
Layout = Literal["rows", "columns", "strided"]
Packing = Literal["always", "many", ""]


@record
class Blocking:
    """The decisions for one kernel.

    Rows come in panels of `tile.rows` (`panels` of them, where the rows are static; `last_rows` is then the height of
    a shorter last one, 0 for none); `tile` is None where there are no panels. Where `lines` is more than 1, a panel is
    all rows of so many lines. Rows that panels leave over, or few rows altogether, go through the tiles of `rest`, each
    as often as it fits, or through dot products where `dot` is set.

    `pack_right` tells whether panels of the right operand are copied: always, never ("") or for many rows.
    `block_depth` tells whether the depth may be cut: at its loop `depth_loop`, in at most `depth_block` iterations of
    it, and at all loops around that one. Tiles are then kept in blocks of `row_panels x column_panels`.
    `stream` are the tiles for up to `stream_rows` rows of a right operand that is read from memory, the highest first.

    `panel_depth` is the most rows of the right operand that are in a panel. `is_resident` tells that the whole right
    operand stays in the second cache: blocks of `row_panels` then go over all columns.
    """

    tile: TileShape | None
    panels: int | None
    last_rows: int
    rest: tuple[TileShape, ...]
    dot: bool
    pack_right: Packing = ""
    block_depth: bool = False
    depth_loop: int = 0
    depth_block: int = 0
    panel_depth: int = 0
    row_panels: int = 0
    column_panels: int = 0
    lines: int = 1
    is_resident: bool = False
    stream: tuple[TileShape, ...] = ()
    stream_rows: int = 0

    def panel_elements(self, lanes: int) -> int:
        """Return the room for a copied panel, which is written in whole vectors or in fours of rows."""
        vectors = self.tile.across if self.tile is not None else 0
        return -(-(self.panel_depth + 3) // lanes) * lanes * vectors * lanes

    def copied_elements(self, lanes: int) -> int:
        """Return the size of all copies that are kept at once."""
        if not self.pack_right:
            return 0
        return self.panel_elements(lanes) * (self.column_panels if self.is_resident else 1)


def choose_blocking(
    rows: Dim,
    columns: Dim,
    depth: tuple[Dim, ...],
    layout: Layout,
    right_distance: Dim,
    itemsize: int,
    target: Target,
    operands: int = 1,
    matrices: Dim = 1,
) -> Blocking:
    """Return the decisions for a contraction of these extents, whose right operand serves no other rows.

    `right_distance` is how many elements the rows of the right operand are apart; `itemsize` is that of the sums;
    `operands` is how many right operands there are, which must lie in rows where they are several;
    `matrices` is how many products there are, each with its own.
    """
    blocking = _choose_panels(rows, columns, depth, layout, right_distance, itemsize, target, operands)
    if operands > 1 or not _is_streamed(rows, columns, depth, layout, right_distance, matrices, itemsize, target):
        return blocking
    tile = panel_tile(rows, columns, target.lanes, target.registers * 4 // itemsize, 8)
    if isinstance(rows, int):
        heights, most = [tile.rows, rows % tile.rows], rows
    else:
        heights, most = [tile.rows, 4, 1], STREAM_ROWS
    stream = tuple(TileShape(h, tile.vectors) for h in dict.fromkeys(heights) if 0 < h <= tile.rows)
    return replace(blocking, stream=stream, stream_rows=most)


def _is_streamed(
    rows: Dim,
    columns: Dim,
    depth: tuple[Dim, ...],
    layout: Layout,
    distance: Dim,
    matrices: Dim,
    itemsize: int,
    target: Target,
) -> bool:
    """Tell whether the right operand comes from memory, and there may be too few rows to copy its panels."""
    if layout != "rows" or len(depth) > 1 or (isinstance(rows, int) and rows > STREAM_ROWS):
        return False
    elements = product((columns, depth[0], matrices))
    if not isinstance(columns, int) or not isinstance(elements, int) or not isinstance(distance, int):
        return False
    return elements * itemsize >= STREAM_CACHES * target.l2 and distance * itemsize >= STREAM_BYTES


def _choose_panels(
    rows: Dim,
    columns: Dim,
    depth: tuple[Dim, ...],
    layout: Layout,
    right_distance: Dim,
    itemsize: int,
    target: Target,
    operands: int,
) -> Blocking:
    """Return the decisions without those of streams."""
    lanes = target.lanes
    # A vector has as many lanes as one of float32, so that one of float64 takes two registers.
    registers = target.registers * 4 // itemsize
    by_dots = layout != "rows"
    if by_dots and (columns == 1 or (layout == "columns" and isinstance(columns, int) and columns < 4)):
        return Blocking(None, None, 0, (), dot=True)
    few = 6 if by_dots else 8
    if isinstance(rows, int) and rows <= few:
        heights = [] if by_dots else list(dict.fromkeys(_even_parts(rows, 8 if registers >= 32 else 4)))
        wide = tuple(wide_tile(h, columns, lanes, registers, operands) for h in heights)
        return Blocking(None, None, 0, wide, by_dots)
    steps = product(depth)
    is_tiny = isinstance(columns, int) and isinstance(steps, int) and columns * steps <= _TINY
    tile = panel_tile(rows, columns, lanes, registers, 4 if is_tiny else 8, operands)
    panels: int | None = None
    last_rows = 0
    rest: tuple[TileShape, ...] = ()
    if isinstance(rows, int):
        panels = -(-rows // tile.rows)
        last_rows = rows % tile.rows
    elif not by_dots:
        # A rest of one or two rows, each of which reads the right operand again, counts among few rows.
        heights = [h for h in ((4, 1) if is_tiny and operands == 1 else (4, 2, 1)) if h < tile.rows]
        rest = tuple(wide_tile(h, columns, lanes, registers, operands) for h in heights)
    packing = _packing(rows, columns, steps, layout, right_distance, itemsize, tile.vectors * lanes)
    if operands > 1 and packing == "many":
        # Copies lie at other distances from each other than what they are copies of.
        packing = ""
    blocking = Blocking(tile, panels, last_rows, rest, by_dots and not isinstance(rows, int), packing)
    short, longest = _DEPTHS[packing]
    if right_distance == columns and isinstance(columns, int) and columns <= tile.vectors * lanes:
        # A single panel that lies in one run stays in the second cache as copies do.
        longest = max(longest, _resident_depth(tile, lanes, itemsize, target))
    return _in_blocks(blocking, panels, columns, depth, short, longest, itemsize, target)


def choose_shared_blocking(
    rows: Dim,
    lines: int,
    batches: Dim,
    columns: Dim,
    depth: tuple[Dim, ...],
    layout: Layout,
    left_distances: tuple[Dim, Dim],
    itemsize: int,
    target: Target,
) -> Blocking:
    """Return the decisions where one right operand serves several batches of rows.

    `lines` is how many of these batches, one after the other, a tile may take rows of; `left_distances` is how many
    elements apart the left operand's rows are, and what the innermost loop of the depth reads of it. The rest is as
    above.
    """
    lanes = target.lanes
    registers = target.registers * 4 // itemsize
    all_rows = product((batches, rows))
    last_rows, panels, taken = 0, None, 1
    rest: tuple[TileShape, ...] = ()
    if isinstance(rows, int):
        crowd = _lines_of_a_cache(left_distances[0], itemsize)
        tile, taken = line_tile(rows, lines, columns, lanes, registers, crowd)
        total = rows * lines if taken > 1 else rows
        panels, last_rows = -(-total // tile.rows), total % tile.rows
    else:
        tile = panel_tile(rows, columns, lanes, registers, 8)
        if layout == "rows":
            rest = tuple(wide_tile(h, columns, lanes, registers) for h in ((4, 1) if tile.rows > 4 else (1,)))
    steps = product(depth)
    packing: Packing = "always" if layout != "rows" else ""
    if isinstance(steps, int) and isinstance(columns, int) and steps * columns * itemsize > target.l2:
        packing = "always"
    short, longest = _DEPTHS[packing]
    # The next rows find in the second cache what these have read of a left operand that lies in columns.
    short = min(short, 8 * _lines_of_a_cache(left_distances[1], itemsize))
    if packing:
        # A panel that stays in the second cache is read there by all rows.
        longest = max(longest, _resident_depth(tile, lanes, itemsize, target))
    dot = layout != "rows" and not isinstance(rows, int)
    blocking = Blocking(tile, panels, last_rows, rest, dot, packing, lines=taken)
    units = -(-all_rows // tile.rows) if isinstance(all_rows, int) else None
    return _in_blocks(blocking, units, columns, depth, short, longest, itemsize, target)


def _resident_depth(tile: TileShape, lanes: int, itemsize: int, target: Target) -> int:
    """Return the depth of a panel that the second cache keeps beside what else a tile reads."""
    return target.l2 * 3 // 4 // (tile.vectors * lanes * itemsize)


def _in_blocks(
    blocking: Blocking,
    units: int | None,
    columns: Dim,
    depth: tuple[Dim, ...],
    short: int,
    longest: int,
    itemsize: int,
    target: Target,
) -> Blocking:
    """Return the blocking with its depth cut in blocks of about `short`, where it may be more than `longest`.

    `units` is how many panels of rows there are, where that is known.
    """
    tile = blocking.tile
    assert tile is not None
    width = tile.vectors * target.lanes
    steps = product(depth)
    if isinstance(steps, int) and steps <= longest:
        loop, block, panel_depth = 0, 0, steps
    else:
        # The outermost loop of which an iteration is not too deep.
        loop, inside = len(depth) - 1, 1
        while loop > 0:
            deeper = depth[loop]
            if not isinstance(deeper, int) or inside * deeper > short:
                break
            inside *= deeper
            loop -= 1
        block = max(1, short // inside)
        panel_depth = block * inside
    row_panels, column_panels = max(1, ROW_BLOCK // tile.rows), max(1, COLUMN_BLOCK // width)
    is_long = not isinstance(steps, int) or steps > longest
    is_resident = False
    if isinstance(columns, int):
        wide = -(-columns // width)
        bytes_of_right = panel_depth * wide * width * tile.operands * itemsize
        is_small = not is_long and bytes_of_right <= target.l2 * 3 // 4
        is_resident = is_small and wide > 1 and blocking.pack_right != "many"
        column_panels = wide if is_resident else min(column_panels, wide)
    if is_resident:
        row_panels = max(1, RESIDENT_ROWS // tile.rows)
    if units is not None:
        row_panels = min(row_panels, units)
    return replace(
        blocking,
        block_depth=is_long,
        is_resident=is_resident,
        depth_loop=loop,
        depth_block=block,
        panel_depth=panel_depth,
        row_panels=row_panels,
        column_panels=column_panels,
    )


def _packing(
    rows: Dim, columns: Dim, depth: Dim, layout: Layout, right_distance: Dim, itemsize: int, width: int
) -> Packing:
    if layout != "rows":
        return "always"
    is_near = isinstance(right_distance, int) and right_distance * itemsize < PACKING_BYTES
    is_single = isinstance(columns, int) and columns <= width
    is_shallow = isinstance(depth, int) and depth < 128
    if is_near or is_single or is_shallow:
        return ""
    if isinstance(rows, int):
        return "always" if rows >= PACKING_ROWS else ""
    return "many"


def _lines_of_a_cache(distance: Dim, itemsize: int) -> int:
    """Return how many lines so far apart the nearest cache holds: eight ways of 4 KiB."""
    return 8 * (4096 // math.gcd(4096, distance * itemsize)) if isinstance(distance, int) else 8


def line_tile(rows: int, lines: int, columns: Dim, lanes: int, registers: int, most_rows: int) -> tuple[TileShape, int]:
    """Return the tile for static rows in lines, and how many lines it takes (1 where it may take part of one).

    Of the tiles of at most `most_rows` that fit the registers, the one of the least estimated time for everything.
    """
    whole = -(-columns // lanes) if isinstance(columns, int) else None
    best: tuple[float, TileShape, int] | None = None
    for vectors in range(1, 5):
        most = min((registers - 1 - vectors) // vectors, most_rows, 28)
        if most < 1 or (whole is not None and vectors > max(1, whole)):
            continue
        taken = max(1, min(most // rows, lines))
        taken = -(-lines // -(-lines // taken))
        height = taken * rows if taken > 1 else _even_parts(rows, most)[0]
        total = rows * lines if taken > 1 else rows
        last = total % height
        steps = total // height * _step_cycles(height, vectors) + (_step_cycles(last, vectors) if last else 0.0)
        panels = -(-whole // vectors) if whole is not None else 12 / vectors
        cost = steps / total * panels
        if best is None or cost < best[0]:
            best = cost, TileShape(height, vectors), taken
    assert best is not None
    return best[1], best[2]


def _step_cycles(rows: int, vectors: int) -> float:
    """Return about how long a tile takes for a step of the depth: multiply-adds, loads, or latency bind it."""
    sums = rows * vectors
    return max(sums / 2, (rows + vectors) / 2, 4.0 if sums < _IN_FLIGHT else 0.0) + 0.1 * vectors + 0.02 * rows


def panel_tile(rows: Dim, columns: Dim, lanes: int, registers: int, most_rows: int, operands: int = 1) -> TileShape:
    """Return the tile of panels: the widths that idle the fewest lanes, and of those the best balanced."""
    if operands > 1:
        return _joint_tile(rows, columns, lanes, registers, most_rows, operands)
    # vectors -> rows, from what measured best; the left over registers hold vectors of the right operand.
    heights = {4: 6, 3: 8, 2: 12, 1: 16} if registers >= 32 else {2: 6, 1: 8} if registers >= 16 else {1: 5}
    if not isinstance(rows, int):
        heights = {vectors: min(height, most_rows) for vectors, height in heights.items()}
    vectors = 3
    if isinstance(columns, int):
        whole = -(-columns // lanes)
        # Six rows leave most batches a rest, which pays where a panel's width saves reading the left operand again.
        is_wide = whole == 4 or whole >= 32 or (whole % 4 == 0 and isinstance(rows, int))
        candidates = [v for v in heights if v <= whole and (v < 4 or is_wide)]
        vectors = min(candidates, key=lambda v: (-(-whole // v) * v * _WIDTH_COST[v], -v))
    height = heights[min(vectors, max(heights))]
    if isinstance(rows, int):
        height = _even_parts(rows, height)[0]
    return TileShape(height, min(vectors, max(heights)))


def _joint_tile(rows: Dim, columns: Dim, lanes: int, registers: int, most_rows: int, operands: int) -> TileShape:
    """Return the tile of panels for several right operands: as many rows as the registers hold."""
    vectors = 2 if operands == 2 and not (isinstance(columns, int) and -(-columns // lanes) % 2) else 1
    across = operands * vectors
    height = max(1, min((registers - 1 - across) // across, most_rows))
    if isinstance(rows, int):
        height = _even_parts(rows, height)[0]
    return TileShape(height, vectors, operands=operands)


def wide_tile(rows: int, columns: Dim, lanes: int, registers: int, operands: int = 1) -> TileShape:
    """Return the tile for few rows, which reads the right operand where it lies: its width hides the latency."""
    most = max(1, min(8 if rows == 1 else 4, (registers - 1) // (rows + 1)) // operands)
    vectors = most
    if isinstance(columns, int):
        whole = -(-columns // lanes)
        vectors = -(-whole // -(-whole // most))
    chains = 1
    sums = rows * vectors * operands
    while chains * sums < _IN_FLIGHT and chains < 4 and 2 * chains * sums + vectors * operands < registers:
        chains *= 2
    return TileShape(rows, vectors, chains, operands)


def _even_parts(total: int, most: int) -> list[int]:
    """Return parts of at most `most` that add up to the total, the larger ones first."""
    count = -(-total // most)
    return [total // count + (1 if i < total % count else 0) for i in range(count)]
