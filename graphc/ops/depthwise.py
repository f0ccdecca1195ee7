"""Convolution of each channel by itself: a sum over windows, no contraction."""

from __future__ import annotations

from collections.abc import Sequence

from graphc import dtypes, ops
from graphc.graph import Node, Op, apply, register
from graphc.ops.define import Operand, builder, operands, promoted
from graphc.ops.phases import axes_of, in_phases
from graphc.ops.spatial import (
    Padding,
    PaddingOption,
    checked_rank,
    explicit_padding,
    kernel_sizes,
    pad_space,
    per_axis,
)
from graphc.ops.windows import Ints


def _depthwise_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    (x, w), attrs = n.inputs, n.attrs
    strides, padding, dilations = attrs["strides"], attrs["padding"], attrs["dilations"]
    rank = len(strides)
    sizes, counts = kernel_sizes(w, rank), g.shape[1:-1]
    channels, multiplier = w.shape[-2:]
    dx = in_phases(g, w, axes_of(w, x.shape[1:-1], strides, padding, dilations), _products_by_channel)
    windows = ops.windows(pad_space(x, padding), sizes, strides, dilations)
    by_channel = ops.reshape(g, (g.shape[0], *counts, *(1,) * rank, channels, multiplier))
    dw = ops.sum(ops.expand_dims(windows, windows.rank) * by_channel, tuple(range(1 + rank)))
    return dx, dw


def _products_by_channel(seen: Node, w: Node) -> Node:
    """Return the products of windows and a kernel, (w.., channels, multiplier), summed over all but the channels."""
    rank = w.rank - 2
    products = ops.reshape(seen, (*seen.shape[:-1], *w.shape[-2:])) * w
    return ops.sum(products, (*range(1 + rank, 1 + 2 * rank), products.rank - 1))


def _depthwise(x: Node, w: Node, strides: Ints, padding: Padding, dilations: Ints) -> Node:
    rank = len(strides)
    windows = ops.windows(pad_space(x, padding), kernel_sizes(w, rank), strides, dilations)
    products = ops.expand_dims(windows, windows.rank) * w
    return ops.flatten(ops.sum(products, tuple(range(1 + rank, 1 + 2 * rank))), 1 + rank)


_DEPTHWISE = register(
    Op(
        "depthwise_convolution",
        "composite",
        "The convolution of each channel by itself; result channel c * multiplier + m comes from c and w[.., c, m].",
        grad=_depthwise_grad,
        expand=_depthwise,
        samples=(
            *operands("float", (2, 7, 3), (4, 3, 1), strides=(1,), padding=((3, 0),), dilations=(1,)),
            *operands("float", (2, 7, 8, 3), (3, 2, 3, 4), strides=(2, 1), padding=((1, 1), (0, 1)), dilations=(1, 1)),
            *operands("float", (2, 7, 9, 3), (3, 2, 3, 1), strides=(1, 1), padding=((2, 2), (0, 0)), dilations=(2, 3)),
        ),
    )
)


@builder
def depthwise_convolution(
    x: Operand,
    w: Operand,
    strides: int | Sequence[int] = 1,
    padding: PaddingOption = "valid",
    dilations: int | Sequence[int] = 1,
) -> Node:
    """Return the convolution of each channel of (n, s1..sk, c) by itself, with a kernel (w1..wk, c, multiplier).

    The result is (n, o1..ok, c * multiplier), a channel's results side by side; the options are as in `convolution`.
    """
    a, b = promoted(x, w, accepts="number")
    compute = dtypes.TABLE[a.dtype].compute
    if compute != a.dtype:
        wide = depthwise_convolution(ops.cast(a, compute), ops.cast(b, compute), strides, padding, dilations)
        return ops.cast(wide, a.dtype)
    rank = checked_rank(a, b, b.shape[-2] if b.rank > 1 else 0)
    steps, gaps = per_axis(strides, rank, "strides"), per_axis(dilations, rank, "dilations")
    widths = explicit_padding(padding, a.shape[1:-1], kernel_sizes(b, rank), steps, gaps)
    return apply(_DEPTHWISE, a, b, strides=steps, padding=widths, dilations=gaps)
