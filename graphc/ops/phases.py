"""The adjoint of a convolution with strides, without the zeros that lie between the elements of the cotangent.

Element y of the array lies in window o as its element j where o * stride + j * dilation = y + low. Elements with one
remainder of y by the stride, a phase, meet the same elements j of the kernel, and neighbours among them neighbouring
windows. Along each axis

    x[stride * q + r] = sum over t of g[q + start + t * gap] * w[taps[t]]

with taps, start and gap that depend on r alone: a convolution of the cotangent that is as dense as one without strides.
What is summed is the convolution's in all, each phase with its part of the kernel.

Where the phases have equal parts of the kernel, or nearly so, they are columns of one product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product as every

from graphc import ops, symbolic
from graphc.graph import Node
from graphc.ops.axes import Shape
from graphc.ops.interleave import turn_count
from graphc.ops.spatial import Padding, kernel_sizes, pad_space
from graphc.ops.windows import Ints, window_extent
from graphc.records import record
from graphc.symbolic import Dim

# Columns that cost as much as one: a vector of most processors.
_LANES = 16
# Phases that are worth a program each: compile time grows with them.
_MOST_PHASES = 16


@record
class Phase:
    """The `count` elements of an axis with one remainder, and where they meet which elements of the kernel.

    The first of them lies in the windows `start`, `start + gap`, .., as the elements `taps`, the last one first; each
    next one in those that follow.
    """

    count: Dim
    taps: range
    start: int
    gap: int

    @property
    def reach(self) -> Dim:
        """The number of windows from the first that is met to the last."""
        return self.count + (len(self.taps) - 1) * self.gap


@record
class Axis:
    """An axis of the array: its size, how far its first element is from the first window's, and the options.

    Of the elements, the first `rest` are padding; `room` is a bound of how many windows beyond the last one are met.
    """

    d: Dim
    low: int
    rest: Dim
    size: int
    stride: int
    dilation: int
    room: int

    def phases(self) -> list[Phase]:
        """Return the phases by their remainder; one that meets no element of the kernel has no taps."""
        common = math.gcd(self.stride, self.dilation)
        found = []
        for remainder in range(self.stride):
            place = remainder + self.low
            taps = [j for j in range(self.size) if (place - j * self.dilation) % self.stride == 0]
            met = range(taps[0], taps[-1] + 1, self.stride // common) if taps else range(0)
            start = (place - taps[-1] * self.dilation) // self.stride if taps else 0
            count = turn_count(self.d, remainder, self.stride)
            found.append(Phase(count, met, start, self.dilation // common))
        return found

    def whole(self) -> Phase:
        """Return what all phases meet together, counted from the element of the kernel that the stride divides."""
        taps = range(-(-self.size // self.stride))
        first, rest = divmod(self.low, self.stride)
        start = first - (len(taps) - 1) * self.dilation
        return Phase(symbolic.ceildiv(self.d + rest, self.stride), taps, start, self.dilation)


def axes_of(w: Node, shape: Shape, strides: Ints, padding: Padding, dilations: Ints) -> list[Axis]:
    """Return the axes of the array of space `shape` that a convolution with the kernel w takes."""
    found = []
    for d, size, stride, (low, high), dilation in zip(shape, kernel_sizes(w, len(shape)), strides, padding, dilations):
        # What only a call knows of the padding at the low end counts as elements, which `_without_rest` takes away.
        known, rest = (low, 0) if isinstance(low, int) else (0, low)
        found.append(Axis(d + rest, known, rest, size, stride, dilation, _room(high, size, stride, dilation)))
    return found


def _room(high: Dim, size: int, stride: int, dilation: int) -> int:
    """Return a bound of how far the windows that the last elements meet lie beyond the last window."""
    known = high if isinstance(high, int) else 0
    return max(0, (window_extent(size, dilation) + 2 * (stride - 1) - known) // stride - 1)


def is_one_product(w: Node, axes: Sequence[Axis]) -> bool:
    """Tell whether one product of all phases, with zeros for the elements that some lack, is less work than each."""
    strides = math.prod(axis.stride for axis in axes)
    if strides == 1 or any(axis.stride > 1 and axis.dilation > 1 for axis in axes):
        return False
    channels = w.shape[-2] if isinstance(w.shape[-2], int) else _LANES
    apart = math.prod(axis.size for axis in axes) * _vectors(channels)
    together = math.prod(len(axis.whole().taps) for axis in axes) * _vectors(strides * channels)
    return together <= apart or strides > _MOST_PHASES


def _vectors(columns: int) -> int:
    return -(-columns // _LANES)


def in_one_product(g: Node, w: Node, axes: Sequence[Axis]) -> Node:
    """Return the adjoint of a convolution from one contraction, whose columns are the phases and channels of each."""
    rank = len(axes)
    chosen = [axis.whole() for axis in axes]
    lacking = [(0, len(phase.taps) * axis.stride - axis.size) for axis, phase in zip(axes, chosen)]
    split = [part for axis, phase in zip(axes, chosen) for part in (len(phase.taps), axis.stride)]
    # (t1, r1, t2, r2, .., channels in, channels out): element t * stride + r of each axis; then a matrix for each t.
    kernel = ops.reshape(ops.pad(w, (*lacking, (0, 0), (0, 0))), (*split, *w.shape[-2:]))
    order = (*range(0, 2 * rank, 2), 2 * rank + 1, *range(1, 2 * rank, 2), 2 * rank)
    turned = ops.transpose(ops.flip(kernel, range(0, 2 * rank, 2)), order)
    matrices = ops.reshape(turned, (*turned.shape[: rank + 1], -1))
    seen = _Cotangent(g, axes, [[phase] for phase in chosen]).seen(chosen)
    products = ops.contract(seen, matrices, [(1 + rank + i, i) for i in range(rank + 1)])
    # (n, q1, q2, .., r1, r2, .., channels): the element q * stride + r of each axis.
    apart = ops.reshape(products, (*products.shape[:-1], *(axis.stride for axis in axes), w.shape[-2]))
    side_by_side = ops.transpose(apart, (0, *(a for i in range(rank) for a in (1 + i, 1 + rank + i)), 2 * rank + 1))
    space = tuple(phase.count * axis.stride for axis, phase in zip(axes, chosen))
    laid = ops.reshape(side_by_side, (g.shape[0], *space, w.shape[-2]))
    return _without_rest(laid, axes, tuple(axis.low % axis.stride for axis in axes))


def in_phases(g: Node, w: Node, axes: Sequence[Axis], products: Callable[[Node, Node], Node]) -> Node:
    """Return the adjoint of a convolution, for the cotangent g, each phase by itself.

    `products` sums the products of the windows (n, q.., t.., channels out) that a phase meets with the part of the
    kernel w, (t.., channels, ..), that it meets them with: (n, q.., channels).
    """
    of_axes = [axis.phases() for axis in axes]
    cotangent = _Cotangent(g, axes, of_axes)
    parts = []
    for chosen in every(*of_axes):
        if any(len(phase.taps) == 0 or phase.count == 0 for phase in chosen):
            parts.append(ops.zeros((g.shape[0], *(phase.count for phase in chosen), w.shape[-2]), g.dtype))
            continue
        parts.append(products(cotangent.seen(chosen), _turned_part(w, chosen)))
    whole = ops.interleave(parts, [axis.d for axis in axes], [axis.stride for axis in axes])
    return _without_rest(whole, axes, (0,) * len(axes))


def _without_rest(whole: Node, axes: Sequence[Axis], starts: Ints) -> Node:
    """Return the elements of the array that are not padding, of which the first lies at `starts`."""
    first = (start + axis.rest for start, axis in zip(starts, axes))
    space = (axis.d - axis.rest for axis in axes)
    return ops.slice(whole, (0, *first, 0), (whole.shape[0], *space, whole.shape[-1]))


def _turned_part(w: Node, chosen: Sequence[Phase]) -> Node:
    """Return the elements of a kernel that a phase meets, the last one first."""
    last = (*(phase.taps[-1] for phase in chosen), 0, 0)
    sizes = (*(len(phase.taps) for phase in chosen), *w.shape[-2:])
    return ops.slice(w, last, sizes, (*(-phase.taps.step for phase in chosen), 1, 1))


class _Cotangent:
    """The cotangent with zeros for the windows that phases of its axes meet beyond its ends."""

    def __init__(self, g: Node, axes: Sequence[Axis], of_axes: Sequence[Sequence[Phase]]) -> None:
        self._before: list[int] = []
        widths = []
        for axis, of_axis, count in zip(axes, of_axes, g.shape[1:-1]):
            met = [phase for phase in of_axis if phase.taps]
            ends = [phase.start + phase.reach - count for phase in met]
            after = [max(end, 0) if isinstance(end, int) else axis.room for end in ends]
            self._before.append(max(0, *(-phase.start for phase in met)))
            widths.append((self._before[-1], max(after)))
        self._padded = pad_space(g, tuple(widths))

    def seen(self, chosen: Sequence[Phase]) -> Node:
        """Return the windows (n, q.., t.., channels) that a phase of each axis meets."""
        starts = (0, *(before + phase.start for before, phase in zip(self._before, chosen)), 0)
        sizes = (self._padded.shape[0], *(phase.reach for phase in chosen), self._padded.shape[-1])
        part = ops.slice(self._padded, starts, sizes)
        return ops.windows(part, [len(phase.taps) for phase in chosen], None, [phase.gap for phase in chosen])
