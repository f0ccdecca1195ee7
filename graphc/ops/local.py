"""Convolution with a kernel of its own at each position."""

from __future__ import annotations

from collections.abc import Sequence

from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node, shape_text
from graphc.ops.define import Operand, builder, promoted
from graphc.ops.spatial import per_axis
from graphc.symbolic import product


@builder
def local_convolution(
    x: Operand, w: Operand, sizes: int | Sequence[int], strides: int | Sequence[int] = 1, channels_first: bool = False
) -> Node:
    """Return the convolution of (n, s1..sk, channels in) with a kernel of its own at each position.

    `w` is (positions, window elements * channels in, channels out): positions row-major, within one the window's
    elements row-major and the channels last, or first with `channels_first`. The result is (n, o1..ok, channels out).
    Raises ShapeError where w's shape is another.
    """
    a, b = promoted(x, w, accepts="number")
    rank = a.rank - 2
    seen = ops.windows(a, per_axis(sizes, rank, "sizes"), per_axis(strides, rank, "strides"))
    counts, window, channels = seen.shape[1 : 1 + rank], seen.shape[1 + rank : -1], seen.shape[-1]
    expected = (product(counts), product(window) * channels)
    if b.rank != 3 or b.shape[:2] != expected:
        raise ShapeError(f"needs a kernel of shape {shape_text(expected)} and the channels out, not {b.type}")
    patch = (channels, *window) if channels_first else (*window, channels)
    kernel = ops.reshape(b, (*counts, *patch, b.shape[-1]))
    elements = (
        (2 * rank + 1, *range(1 + rank, 1 + 2 * rank)) if channels_first else tuple(range(1 + rank, 2 * rank + 2))
    )
    depth = [(axis, rank + i) for i, axis in enumerate(elements)]
    result = ops.contract(seen, kernel, depth, batch=[(1 + i, i) for i in range(rank)])
    return ops.moveaxis(result, rank, 0)
