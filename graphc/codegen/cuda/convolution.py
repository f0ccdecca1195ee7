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

from typing import Literal

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
from graphc.codegen.cuda.windows import Windows, find_windows, two_axes
from graphc.dtypes import itemsize
from graphc.loopir import ContractKernel, For, Images, LibraryConvolution, Load, LoopKernel, Statement, Store


def describe_convolution(kernel: ContractKernel, precision: str) -> LibraryWay | None:
    """Return a contraction as a library's convolution; None where it is none of float32 images of one or two axes."""
    kinds = {kernel.dtype, kernel.left.dtype, kernel.right.dtype}
    if kernel.beside or kinds != {"float32"} or has_computed_places(kernel):
        return None
    outside = (*kernel.batch, kernel.row)
    forward, weights = find_windows(kernel, outside, kernel.depth), find_windows(kernel, kernel.depth, outside)
    # Where both can be, both are the same sums: the smaller windows are what a network means.
    if forward is not None and (weights is None or forward.filter_size <= weights.filter_size):
        return _forward(kernel, forward, precision)
    return None if weights is None else _weights(kernel, weights, precision)


def _forward(kernel: ContractKernel, windows: Windows, precision: str) -> LibraryWay | None:
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
    return LibraryWay(call, prepare, finish, count * windows.filter_size * itemsize(kernel.dtype))


def _weights(kernel: ContractKernel, windows: Windows, precision: str) -> LibraryWay | None:
    """Return the gradient of filters, which the epilogue reads from scratch memory."""
    count = kernel.column[1]
    line = linear(kernel, kernel.right.offset, (*(s for s, _ in windows.positions), kernel.column[0]))
    if line is None or line.factors[-1] != 1 or 0 in line.factors or not isinstance(count, int):
        return None
    other = _results(kernel, windows, kernel.right.buffer, line)
    sums = Load(SCRATCH, windows.filter_place(kernel.column[0]), kernel.dtype)
    call = _convolution("weights", windows, other, windows.filters(count), precision)
    scratch = count * windows.filter_size * itemsize(kernel.dtype)
    return LibraryWay(call, None, finishing_kernel(kernel, sums, (SCRATCH_PARAMETER,)), scratch)


def _is_filter(kernel: ContractKernel, windows: Windows) -> bool:
    """Tell whether the right operand is the same for all positions."""
    known = (*(symbol for symbol, _ in windows.window), kernel.column[0])
    return linear(kernel, kernel.right.offset, known) is not None


def _results(kernel: ContractKernel, windows: Windows, buffer: str, line: Line) -> Images:
    """Return what has numbers side by side, one for each filter, at each position."""
    batch, *steps = line.factors[:-1]
    high, width = two_axes([extent for _, extent in windows.positions[1:]], 1)
    down, along = two_axes(steps, width * steps[-1])
    shape = windows.positions[0][1], kernel.column[1], high, width
    return Images(kernel.number(buffer), line.rest, shape, (batch, 1, down, along))


def _convolution(
    kind: Literal["forward", "weights"], windows: Windows, other: Images, result: Images, precision: str
) -> LibraryConvolution:
    rows, columns = windows.rows, windows.columns
    strides, dilations = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    return LibraryConvolution(kind, windows.images, other, result, strides, dilations, precision)
