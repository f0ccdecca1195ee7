"""Contractions that a library of convolutions may do: which they are, and what is left to kernels of ours.

    seen[n, y, x, r, s, c] = image[n, y * sy + r * dy, x * sx + s * dx, c]
    forward   result[n, y, x, k] = sum over r, s, c of seen[n, y, x, r, s, c] * filter[k, r, s, c]
    weights   result[k, r, s, c] = sum over n, y, x of seen[n, y, x, r, s, c] * other[n, y, x, k]

What matters is where the operands are read, not what they were in the network: the gradient of an image is such a sum
too, forward, over filters turned round. Padding lies in memory around the image. The library wants filters whose
channels lie side by side, as ours do not: a kernel gathers them before a forward sum, and reads the sums where the
library put them after one for weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar

from graphc.codegen.cuda.split import SCRATCH
from graphc.codegen.cuda.sums import (
    SCRATCH_PARAMETER,
    LibraryWay,
    Line,
    finishing_kernel,
    has_computed_places,
    linear,
    only_value,
    store_for_sums,
)
from graphc.loopir import ContractKernel, For, Images, LibraryConvolution, Load, LoopKernel, Statement, Store
from graphc.records import record
from graphc.symbolic import Dim, Symbol, of_atom

Loop = tuple[Symbol, Dim]
# A loop over elements of a window: how many, and how far apart they are in memory.
_Loop = tuple[Symbol, int, int]
AnyDim = TypeVar("AnyDim", int, Dim)
_FLOAT32_BYTES = 4


def describe_convolution(kernel: ContractKernel, precision: str) -> LibraryWay | None:
    """Return a contraction as a library's convolution; None where it is none of float32 images of one or two axes."""
    kinds = {kernel.dtype, kernel.left.dtype, kernel.right.dtype}
    if kernel.beside or kinds != {"float32"} or has_computed_places(kernel):
        return None
    outside = (*kernel.batch, kernel.row)
    forward, weights = _windows(kernel, outside, kernel.depth), _windows(kernel, kernel.depth, outside)
    # Where both can be, both are the same sums: the smaller windows are what a network means.
    if forward is not None and (weights is None or forward.filter_size <= weights.filter_size):
        return _forward(kernel, forward, precision)
    return None if weights is None else _weights(kernel, weights, precision)


@record
class _Axis:
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
class _Windows:
    """The left operand as images, read through windows at `positions` (n, y, x) or (n, x)."""

    images: Images
    positions: tuple[Loop, ...]
    window: tuple[Loop, ...]
    channels: int
    rows: _Axis
    columns: _Axis

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


def _windows(kernel: ContractKernel, positions: tuple[Loop, ...], window: tuple[Loop, ...]) -> _Windows | None:
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
    high, width = _two_axes([extent for _, extent in positions[1:]], 1)
    down, along = _two_axes(over, 0)
    tall, wide = _rows_and_columns(loops[:-1], along * width if len(positions) == 3 else None)
    if wide is not None:
        channels, columns = numbers, _axis(along, *wide)
    elif along >= numbers:
        channels, columns = numbers, _Axis(1, 1, 1, along)
    else:
        # A window's columns follow one another in memory: they are one run of numbers.
        channels = math.gcd(along, numbers)
        columns = _Axis(numbers // channels, along // channels, 1, channels)
    rows = _Axis(1, 1, 1, down or columns.extent(width) * columns.step) if tall is None else _axis(down, *tall)
    shape = positions[0][1], channels, rows.extent(high), columns.extent(width)
    images = Images(kernel.number(kernel.left.buffer), line.rest, shape, (batch, 1, rows.step, columns.step))
    return _Windows(images, positions, window, channels, rows, columns)


def _positive(dims: Sequence[Dim]) -> list[int] | None:
    """Return dims that are known and positive; None where one is not."""
    known = [d for d in dims if isinstance(d, int) and d > 0]
    return known if len(known) == len(dims) else None


def _two_axes(dims: Sequence[AnyDim], missing: AnyDim) -> tuple[AnyDim, AnyDim]:
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


def _axis(over: int, symbol: Symbol, size: int, factor: int) -> _Axis:
    """Return the axis along which windows move by `over` numbers, and the elements of one by `factor`."""
    step = math.gcd(over, factor)
    return _Axis(size, max(1, over // step), factor // step, step, symbol)


def _forward(kernel: ContractKernel, windows: _Windows, precision: str) -> LibraryWay | None:
    """Return a convolution with filters that are gathered first; the epilogue works on the sums in place."""
    found, count = store_for_sums(kernel), kernel.column[1]
    if found is None or not isinstance(count, int) or not _is_filter(kernel, windows):
        return None
    store, line = found
    results = _results(kernel, windows, store.buffer, line)
    gather: tuple[Statement, ...] = (Store(SCRATCH, windows.filter_place(kernel.column[0]), kernel.right),)
    for loop in reversed(windows.window):
        gather = (For(*loop, gather, vector=loop is windows.window[-1]),)
    body = (For(*kernel.column, gather, parallel=True),)
    prepare = LoopKernel((*kernel.parameters, SCRATCH_PARAMETER), kernel.sizes, body, f"{kernel.label}: filters")
    is_all = only_value(kernel) == kernel.sums[0]
    finish = None if is_all else finishing_kernel(kernel, Load(store.buffer, store.offset, kernel.dtype))
    call = _convolution("forward", windows, windows.filters(count), results, precision)
    return LibraryWay(call, prepare, finish, count * windows.filter_size * _FLOAT32_BYTES)


def _weights(kernel: ContractKernel, windows: _Windows, precision: str) -> LibraryWay | None:
    """Return the gradient of filters, which the epilogue reads from scratch memory."""
    count = kernel.column[1]
    line = linear(kernel, kernel.right.offset, (*(s for s, _ in windows.positions), kernel.column[0]))
    if line is None or line.factors[-1] != 1 or 0 in line.factors or not isinstance(count, int):
        return None
    other = _results(kernel, windows, kernel.right.buffer, line)
    sums = Load(SCRATCH, windows.filter_place(kernel.column[0]), kernel.dtype)
    call = _convolution("weights", windows, other, windows.filters(count), precision)
    scratch = count * windows.filter_size * _FLOAT32_BYTES
    return LibraryWay(call, None, finishing_kernel(kernel, sums, (SCRATCH_PARAMETER,)), scratch)


def _is_filter(kernel: ContractKernel, windows: _Windows) -> bool:
    """Tell whether the right operand is the same for all positions."""
    known = (*(symbol for symbol, _ in windows.window), kernel.column[0])
    return linear(kernel, kernel.right.offset, known) is not None


def _results(kernel: ContractKernel, windows: _Windows, buffer: str, line: Line) -> Images:
    """Return what has numbers side by side, one for each filter, at each position."""
    batch, *steps = line.factors[:-1]
    high, width = _two_axes([extent for _, extent in windows.positions[1:]], 1)
    down, along = _two_axes(steps, width * steps[-1])
    shape = windows.positions[0][1], kernel.column[1], high, width
    return Images(kernel.number(buffer), line.rest, shape, (batch, 1, down, along))


def _convolution(
    kind: Literal["forward", "weights"], windows: _Windows, other: Images, result: Images, precision: str
) -> LibraryConvolution:
    rows, columns = windows.rows, windows.columns
    strides, dilations = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    return LibraryConvolution(kind, windows.images, other, result, strides, dilations, precision)
