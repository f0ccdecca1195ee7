"""The left operand of a contraction as images that windows go over, read off where its elements lie.

    element[n, y, x, r, s, c] = image[n, y * stride + r * dilation, x * stride + s * dilation, c]

Nothing else tells images from other arrays: any loops that move so are windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from graphc.codegen.cuda.sums import linear
from graphc.loopir import ContractKernel, Images
from graphc.records import record
from graphc.symbolic import Dim, Symbol, of_atom

Loop = tuple[Symbol, Dim]
# A loop over elements of a window: how many, and how far apart they are in memory.
_Loop = tuple[Symbol, int, int]
AnyDim = TypeVar("AnyDim", int, Dim)


@record
class Axis:
    """How windows go along an axis: they are `size` elements, `dilation` apart, `stride` from each other; `step` is
    the distance of elements in memory. `symbol` is the loop over a window's, where it has one of its own."""

    size: int
    stride: int
    dilation: int
    step: Dim
    symbol: Symbol | None = None

    def extent(self, count: Dim) -> Dim:
        """Return the elements that so many windows cover."""
        return (count - 1) * self.stride + (self.size - 1) * self.dilation + 1

    @property
    def place(self) -> Dim:
        """Where an element is in a window."""
        return 0 if self.symbol is None else of_atom(self.symbol)


@record
class Windows:
    """The left operand as images, read through windows at `positions` (n, y, x) or (n, x)."""

    images: Images
    positions: tuple[Loop, ...]
    window: tuple[Loop, ...]
    channels: int
    rows: Axis
    columns: Axis

    @property
    def filter_size(self) -> int:
        """The numbers of one filter."""
        return self.rows.size * self.columns.size * self.channels

    def filters(self, count: int) -> Images:
        """Return so many filters, which lie in scratch memory."""
        rows, columns, channels = self.rows.size, self.columns.size, self.channels
        steps = (self.filter_size, 1, columns * channels, channels)
        return Images(None, 0, (count, channels, rows, columns), steps)

    def filter_place(self, number: Symbol) -> Dim:
        """Return where a number of a filter lies among all, for the bound loops of the window."""
        inside = (self.rows.place * self.columns.size + self.columns.place) * self.channels
        # The last loop may go over the channels of neighbouring columns.
        return of_atom(number) * self.filter_size + inside + of_atom(self.window[-1][0])


def find_windows(kernel: ContractKernel, positions: tuple[Loop, ...], window: tuple[Loop, ...]) -> Windows | None:
    """Return the left operand as windows at positions, which are loops of the kernel; None where it is none."""
    if len(positions) not in (2, 3) or len(window) > len(positions):
        return None
    line = linear(kernel, kernel.left.offset, tuple(symbol for symbol, _ in (*positions, *window)))
    if line is None:
        return None
    batch, *places = line.factors[: len(positions)]
    over, extents, factors = (_positive(d) for d in (places, [e for _, e in window], line.factors[len(positions) :]))
    if over is None or extents is None or factors is None or factors[-1] != 1:
        return None
    loops = [(symbol, extent, factor) for (symbol, _), extent, factor in zip(window, extents, factors)]
    numbers = extents[-1]
    high, width = two_axes([extent for _, extent in positions[1:]], 1)
    down, along = two_axes(over, 0)
    tall, wide = _rows_and_columns(loops[:-1], along * width if len(positions) == 3 else None)
    if wide is not None:
        channels, columns = numbers, _axis(along, *wide)
    elif along >= numbers:
        channels, columns = numbers, Axis(1, 1, 1, along)
    else:
        # A window's columns follow one another in memory: they are one run of numbers.
        channels = math.gcd(along, numbers)
        columns = Axis(numbers // channels, along // channels, 1, channels)
    rows = Axis(1, 1, 1, down or columns.extent(width) * columns.step) if tall is None else _axis(down, *tall)
    shape = positions[0][1], channels, rows.extent(high), columns.extent(width)
    images = Images(kernel.number(kernel.left.buffer), line.rest, shape, (batch, 1, rows.step, columns.step))
    return Windows(images, positions, window, channels, rows, columns)


def _positive(dims: Sequence[Dim]) -> list[int] | None:
    """Return dims that are known and positive; None where one is not."""
    known = [d for d in dims if isinstance(d, int) and d > 0]
    return known if len(known) == len(dims) else None


def two_axes(dims: Sequence[AnyDim], missing: AnyDim) -> tuple[AnyDim, AnyDim]:
    """Return what there is for rows and columns; where there are columns alone, rows have what is missing."""
    return (missing, dims[0]) if len(dims) == 1 else (dims[0], dims[1])


def _rows_and_columns(loops: Sequence[_Loop], row: Dim | None) -> tuple[_Loop | None, _Loop | None]:
    """Return the loops over a window's rows and columns; `row` is the way from one row of windows to the next."""
    if len(loops) == 2:
        return loops[0], loops[1]
    if not loops:
        return None, None
    is_tall = isinstance(row, int) and loops[0][2] >= row
    return (loops[0], None) if is_tall else (None, loops[0])


def _axis(over: int, symbol: Symbol, size: int, factor: int) -> Axis:
    """Return the axis along which windows move by `over` numbers, and the elements of one by `factor`."""
    step = math.gcd(over, factor)
    return Axis(size, max(1, over // step), factor // step, step, symbol)
