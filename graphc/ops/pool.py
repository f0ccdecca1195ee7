"""Pooling: the greatest or the mean of each window of channels-last arrays, (n, s1, .., sk, c)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphc import dtypes, ops
from graphc.errors import ShapeError
from graphc.graph import Node, Op, apply, register
from graphc.ops.define import Operand, builder, operands, promoted
from graphc.ops.spatial import Padding, PaddingOption, crop_space, explicit_padding, pad_space, per_axis
from graphc.ops.windows import Ints, window_counts
from graphc.symbolic import Dim


def _window_axes(rank: int) -> tuple[int, ...]:
    return tuple(range(1 + rank, 1 + 2 * rank))


def _seen(x: Node, sizes: Ints, strides: Ints, padding: Padding) -> Node:
    """Return the windows of x, padded with what is below everything."""
    lowest = -math.inf if dtypes.is_float(x.dtype) else int(np.iinfo(x.dtype).min)
    return ops.windows(pad_space(x, padding, lowest), sizes, strides)


def _max_pool(x: Node, sizes: Ints, strides: Ints, padding: Padding) -> Node:
    return ops.max(_seen(x, sizes, strides, padding), _window_axes(len(sizes)))


def _max_pool_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, sizes, strides, padding = n.inputs[0], n.attrs["sizes"], n.attrs["strides"], n.attrs["padding"]
    rank = len(sizes)
    seen = _seen(x, sizes, strides, padding)
    # The positions wait in memory for the cotangent: a byte each where windows are not very large.
    count = math.prod(sizes)
    narrow = "uint8" if count <= 256 else "int32"
    first = ops.cast(ops.argmax(seen, _window_axes(rank), keepdims=True), narrow)
    element = ops.reshape(ops.cast(ops.arange(count), narrow), (*sizes, 1))
    chosen = ops.where(ops.equal(first, element), ops.expand_dims(g, _window_axes(rank)), 0)
    space = tuple(low + d + high for d, (low, high) in zip(x.shape[1:-1], padding))
    return (crop_space(ops.overlap_add(chosen, space, strides, (1,) * rank), padding, x.shape[1:-1]),)


def _average_pool(x: Node, sizes: Ints, strides: Ints, padding: Padding) -> Node:
    rank = len(sizes)
    total = ops.sum(ops.windows(pad_space(x, padding), sizes, strides), _window_axes(rank))
    if all(width == 0 for pair in padding for width in pair):
        return total * (1.0 / math.prod(sizes))
    count: Node | None = None
    for axis, (d, size, stride, (low, _)) in enumerate(zip(x.shape[1:-1], sizes, strides, padding)):
        along = _real_elements(d, total.shape[1 + axis], size, stride, low)
        along = ops.reshape(along, (-1, *(1,) * (rank - axis)))
        count = along if count is None else count * along
    assert count is not None
    return total / ops.cast(count, x.dtype)


def _real_elements(d: Dim, windows: Dim, size: int, stride: int, low: Dim) -> Node:
    """Return how many elements of each window along an axis are not padding."""
    start = ops.arange(windows) * stride - ops.dimension(low)
    return ops.minimum(start + size, ops.dimension(d)) - ops.maximum(start, 0)


_SAMPLES = (
    *operands("float", (2, 7, 3), sizes=(4,), strides=(1,), padding=((2, 1),)),
    *operands("float", (2, 6, 9, 3), sizes=(2, 3), strides=(2, 3), padding=((0, 0), (0, 0))),
    *operands("float", (2, 7, 8, 3), sizes=(3, 2), strides=(2, 1), padding=((1, 1), (0, 1))),
    *operands("float", (2, 7, 8, 3), sizes=(2, 3), strides=(3, 3), padding=((0, 1), (0, 0))),
    *operands("float", (2, 4, 5, 6, 3), sizes=(2, 1, 3), strides=(2, 1, 2), padding=((0, 0), (0, 0), (1, 0))),
)
_MAX_POOL = register(
    Op(
        "max_pool",
        "composite",
        "The greatest element of each window that is not padding; its first greatest takes the gradient.",
        grad=_max_pool_grad,
        expand=_max_pool,
        samples=_SAMPLES,
    )
)
_AVERAGE_POOL = register(
    Op(
        "average_pool",
        "composite",
        "The mean of each window's elements that are not padding.",
        expand=_average_pool,
        samples=_SAMPLES,
    )
)


def _pool(
    op: Op, x: Node, sizes: int | Sequence[int], strides: int | Sequence[int] | None, padding: PaddingOption
) -> Node:
    rank = x.rank - 2
    if rank < 1:
        raise ShapeError(f"takes an array with axes of space between the first and the last, not {x.type}")
    window = per_axis(sizes, rank, "sizes")
    steps = window if strides is None else per_axis(strides, rank, "strides")
    ones = (1,) * rank
    widths = explicit_padding(padding, x.shape[1:-1], window, steps, ones)
    padded = tuple(low + d + high for d, (low, high) in zip(x.shape[1:-1], widths))
    window_counts(padded, window, steps, ones)
    return apply(op, x, sizes=window, strides=steps, padding=widths)


@builder
def max_pool(
    x: Operand,
    sizes: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingOption = "valid",
) -> Node:
    """Return the greatest element of each window of (n, s1..sk, c) as (n, o1..ok, c).

    Strides are the sizes by default; `padding` is as in `convolution`. Of equal greatest elements the first, row-major,
    takes the gradient. Raises ShapeError for a window larger than the padded array.
    """
    [n] = promoted(x, accepts="number")
    return _pool(_MAX_POOL, n, sizes, strides, padding)


@builder
def average_pool(
    x: Operand,
    sizes: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingOption = "valid",
) -> Node:
    """Return the mean of each window of (n, s1..sk, c) as (n, o1..ok, c); padding is not counted.

    Strides are the sizes by default; `padding` is as in `convolution`. Raises ShapeError for a window larger than the
    padded array.
    """
    [n] = promoted(x, accepts="float")
    return _pool(_AVERAGE_POOL, n, sizes, strides, padding)
