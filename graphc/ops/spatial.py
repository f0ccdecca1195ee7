"""What convolution and pooling share: options for each axis of space, and padding spelled out in elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphc import ops, symbolic
from graphc.errors import ShapeError
from graphc.graph import Node, shape_text
from graphc.ops.axes import Shape, as_dim
from graphc.ops.windows import Ints, window_extent
from graphc.symbolic import Dim

Padding: TypeAlias = tuple[tuple[Dim, Dim], ...]
PaddingOption: TypeAlias = str | Sequence[Sequence[Dim]]


def per_axis(value: int | Sequence[int], rank: int, name: str) -> Ints:
    """Return an option as one int above 0 for each of `rank` axes. Raises ShapeError where it is none."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(not isinstance(v, int) or v < 1 for v in values):
        raise ShapeError(f"{name} must be an int above 0, or one for each of {rank} axes of space, not {value}")
    return values


def explicit_padding(padding: PaddingOption, space: Shape, sizes: Ints, strides: Ints, dilations: Ints) -> Padding:
    """Return (low, high) elements of padding for each axis of space.

    `valid`: none. `same`: so many that there are ceil(size / stride) windows, half of them (rounded down) at the low
    end. `causal`: at the low end alone, so that a window ends at its own position. Or the pairs themselves.
    Raises ShapeError for anything else.
    """
    extents = tuple(map(window_extent, sizes, dilations))
    if padding == "valid":
        return ((0, 0),) * len(space)
    if padding == "same":
        totals = map(_same_total, space, extents, strides)
        return tuple((symbolic.floordiv(total, 2), total - symbolic.floordiv(total, 2)) for total in totals)
    if padding == "causal":
        return tuple((extent - 1, 0) for extent in extents)
    if isinstance(padding, str) or len(padding) != len(space) or any(len(pair) != 2 for pair in padding):
        raise ShapeError(
            f"padding must be 'valid', 'same', 'causal' or a pair (low, high) for each of {len(space)} axes of space, "
            f"not {padding!r}"
        )
    return tuple((as_dim(low), as_dim(high)) for low, high in padding)


def _same_total(d: Dim, extent: int, stride: int) -> Dim:
    """Return max(extent - 1 - (d - 1) % stride, 0): how many elements the last of ceil(d / stride) windows lacks."""
    rest = d - 1 - stride * symbolic.floordiv(d - 1, stride)
    if isinstance(rest, int):
        return max(extent - 1 - rest, 0)
    if extent >= stride:
        return extent - 1 - rest
    # The sum over the elements j of a window's tail of `rest <= j`, as algebra.
    total: Dim = 0
    for j in range(extent - 1):
        total = total + 1 - symbolic.floordiv(rest + stride - 1 - j, stride)
    return total


def pad_space(x: Node, padding: Padding, value: float = 0) -> Node:
    """Return (n, s.., c) with `value` around its axes of space."""
    return ops.pad(x, ((0, 0), *padding, (0, 0)), value)


def crop_space(x: Node, padding: Padding, space: Shape) -> Node:
    """Return the elements of a padded array that are not padding: the adjoint of `pad_space`."""
    starts = (0, *(low for low, _ in padding), 0)
    return ops.slice(x, starts, (x.shape[0], *space, x.shape[-1]))


def kernel_sizes(w: Node, rank: int) -> Ints:
    """Return the sizes of a kernel of this many axes of space. Raises ShapeError where it is none."""
    sizes = tuple(d for d in w.shape[:rank] if isinstance(d, int) and d > 0)
    if w.rank != rank + 2 or len(sizes) < rank:
        raise ShapeError(f"needs a kernel ({rank} sizes above 0, channels in, channels out), not {w.type}")
    return sizes


def checked_rank(x: Node, w: Node, channels: Dim) -> int:
    """Return the number of axes of space. Raises ShapeError where x and the kernel's channels do not fit."""
    if x.rank < 3:
        raise ShapeError(f"takes an array with axes of space between the first and the last, not {x.type}")
    if w.rank != x.rank:
        raise ShapeError(f"a kernel of rank {w.rank}, {shape_text(w.shape)}, does not fit an array {x.type}")
    if isinstance(x.shape[-1], int) and isinstance(channels, int) and x.shape[-1] != channels:
        raise ShapeError(
            f"an array of shape {shape_text(x.shape)} has {x.shape[-1]} channels; "
            f"a kernel of shape {shape_text(w.shape)} takes {channels}"
        )
    return x.rank - 2
