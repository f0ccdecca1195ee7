"""Sliding windows: every window of the spatial axes as a view, and the ways back.

Arrays are channels-last: (n, s1, .., sk, c). A window of size w_i and dilation d_i at output position o_i reads
the elements o_i * stride_i + j_i * d_i, j_i < w_i; only windows that lie inside the array count (pad before).
"""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import ops, symbolic
from graphc.errors import ShapeError
from graphc.graph import Node, TensorType, apply, as_node, require_at_least, same_dim, shape_text
from graphc.loopir import Expr
from graphc.ops.axes import Shape, as_shape
from graphc.ops.define import Array, Operand, Primitive, builder, operands
from graphc.ops.lift import lift_rows
from graphc.ops.lowering import LoadInput, Position, at_least, both, equal, guarded, less, literal
from graphc.symbolic import Dim

Ints = tuple[int, ...]


def window_extent(size: int, dilation: int) -> int:
    """Return the number of elements from the first to the last that a window reads."""
    return (size - 1) * dilation + 1


def window_count(space: Dim, size: int, stride: int, dilation: int) -> Dim:
    """Return the number of windows that fit an axis."""
    return symbolic.floordiv(space - window_extent(size, dilation), stride) + 1


def window_counts(space: Shape, sizes: Ints, strides: Ints, dilations: Ints) -> Shape:
    """Return the number of windows on each axis.

    Raises ShapeError for options below 1, one option for another number of axes, and a window that is larger than
    its axis.
    """
    rank = len(space)
    for name, values in (("sizes", sizes), ("strides", strides), ("dilations", dilations)):
        if len(values) != rank or any(v < 1 for v in values):
            raise ShapeError(f"needs one number above 0 for each of {rank} axes of space: {name} are {values}")
    for d, size, dilation in zip(space, sizes, dilations):
        extent = window_extent(size, dilation)
        what = (
            f"a window of {shape_text(sizes)} elements, {shape_text(dilations)} apart, is larger than its input of "
            f"{shape_text(space)}"
        )
        require_at_least(d, extent, what)
    return tuple(window_count(*axis) for axis in zip(space, sizes, strides, dilations))


def _read(position: Position, rank: int, strides: Ints, dilations: Ints) -> Position:
    """Return where the window element at `position` (o.., w..) lies."""
    return tuple(position[i] * strides[i] + position[rank + i] * dilations[i] for i in range(rank))


def _places(count: int, size: int, stride: int, dilation: int) -> Array:
    return np.arange(count)[:, None] * stride + np.arange(size) * dilation


class Windows(Primitive, name="windows", kind="movement"):
    """(n, s1..sk, c) -> (n, o1..ok, w1..wk, c): element [n, o.., w.., c] is x[n, o * stride + w * dilation.., c]."""

    def infer(x: TensorType, sizes: Ints, strides: Ints, dilations: Ints) -> TensorType:
        if x.rank < 3:
            raise ShapeError(f"takes an array with axes of space between the first and the last, not {x}")
        counts = window_counts(x.shape[1:-1], sizes, strides, dilations)
        return TensorType((x.shape[0], *counts, *sizes, x.shape[-1]), x.dtype)

    def ref(x: Array, sizes: Ints, strides: Ints, dilations: Ints) -> Array:
        rank = len(sizes)
        extents = tuple(map(window_extent, sizes, dilations))
        every = np.lib.stride_tricks.sliding_window_view(x, extents, tuple(range(1, rank + 1)))
        steps = (np.s_[:], *(np.s_[::s] for s in strides), np.s_[:], *(np.s_[::d] for d in dilations))
        return np.moveaxis(every[steps], rank + 1, -1)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return (overlap_add(g, n.inputs[0].shape[1:-1], n.attrs["strides"], n.attrs["dilations"]),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        rank = len(n.attrs["sizes"])
        return load(0, (index[0], *_read(index[1:-1], rank, n.attrs["strides"], n.attrs["dilations"]), index[-1]))

    lift = lift_rows

    samples = (
        *operands("any", (2, 7, 3), sizes=(4,), strides=(1,), dilations=(1,)),
        *operands("float", (2, 7, 8, 3), sizes=(2, 4), strides=(2, 1), dilations=(1, 2)),
        *operands("float", (2, 6, 9, 3), sizes=(2, 3), strides=(2, 3), dilations=(1, 1)),
        *operands("float", (2, 7, 10, 3), sizes=(2, 3), strides=(3, 4), dilations=(1, 1)),
        *operands("float", (2, 4, 5, 6, 3), sizes=(1, 2, 3), strides=(1, 1, 2), dilations=(1, 1, 1)),
        *operands("float", (0, 5, 2), sizes=(3,), strides=(1,), dilations=(1,)),
    )


@builder
def windows(
    x: Operand, sizes: Sequence[int], strides: Sequence[int] | None = None, dilations: Sequence[int] | None = None
) -> Node:
    """Return every window of (n, s1..sk, c) as (n, o1..ok, w1..wk, c); strides and dilations are 1 by default.

    Raises ShapeError for a window larger than its input and for options below 1.
    """
    ones = (1,) * len(sizes)
    return apply(
        Windows.op, as_node(x), sizes=tuple(sizes), strides=tuple(strides or ones), dilations=tuple(dilations or ones)
    )


class SpreadWindows(Primitive, name="spread_windows", kind="movement"):
    """(n, o.., w.., c) -> (n, s.., w.., c): each window element where it was read, zero elsewhere.

    Element [n, y.., w.., c] is g[n, (y - w * dilation) / stride.., w.., c] where that is a position of g. Summed over
    the axes w this is the adjoint of `windows`.
    """

    def infer(g: TensorType, shape: Shape, strides: Ints, dilations: Ints) -> TensorType:
        rank = len(shape)
        if g.rank != 2 * rank + 2:
            raise ShapeError(f"takes (n, o.., w.., c) with {rank} axes o and w, not {g}")
        sizes = _sizes(g, rank)
        counts = window_counts(shape, sizes, strides, dilations)
        for given, count in zip(g.shape[1:], counts):
            same_dim(given, count, f"windows of {shape_text(sizes)} in {shape_text(shape)} are {shape_text(counts)}")
        return TensorType((g.shape[0], *shape, *sizes, g.shape[-1]), g.dtype)

    def ref(g: Array, shape: Ints, strides: Ints, dilations: Ints) -> Array:
        rank = len(shape)
        result = np.zeros((g.shape[0], *shape, *g.shape[rank + 1 :]), g.dtype)
        result[_diagonal(g.shape, rank, strides, dilations)] = g
        return result

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        counts = n.inputs[0].shape[1 : 1 + len(n.attrs["shape"])]
        return (collect_windows(g, counts, n.attrs["strides"], n.attrs["dilations"]),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        attrs, rank = n.attrs, len(n.attrs["shape"])
        counts = n.inputs[0].shape[1 : rank + 1]
        conditions: list[Expr] = []
        position: list[Dim] = []
        for axis in range(rank):
            first = index[1 + rank + axis] * attrs["dilations"][axis]
            offset, stride = index[1 + axis] - first, attrs["strides"][axis]
            place = symbolic.floordiv(offset, stride)
            conditions.append(at_least(index[1 + axis], first))
            conditions.append(equal(symbolic.modulo(offset, stride), 0))
            conditions.append(less(place, counts[axis]))
            position.append(place)
        here = load(0, (index[0], *position, *index[1 + rank :]))
        return guarded(both(*conditions), here, literal(0, n.dtype))

    lift = lift_rows

    samples = (
        *operands("number", (2, 4, 3, 5), shape=(6,), strides=(1,), dilations=(1,)),
        *operands("float", (2, 3, 5, 2, 3, 4), shape=(7, 9), strides=(2, 1), dilations=(1, 2)),
        *operands("float", (2, 3, 2, 1, 2, 5), shape=(8, 7), strides=(3, 4), dilations=(1, 1)),
    )


class CollectWindows(Primitive, name="collect_windows", kind="movement"):
    """(n, s.., w.., c) -> (n, o.., w.., c): element [n, o.., w.., c] is x[n, o * stride + w * dilation.., w.., c].

    The adjoint of `spread_windows`.
    """

    def infer(x: TensorType, counts: Shape, strides: Ints, dilations: Ints) -> TensorType:
        rank = len(counts)
        if x.rank != 2 * rank + 2:
            raise ShapeError(f"takes (n, s.., w.., c) with {rank} axes s and w, not {x}")
        sizes = _sizes(x, rank)
        for given, count in zip(counts, window_counts(x.shape[1 : rank + 1], sizes, strides, dilations)):
            same_dim(given, count, f"windows of {shape_text(sizes)} in {x}")
        return TensorType((x.shape[0], *counts, *sizes, x.shape[-1]), x.dtype)

    def ref(x: Array, counts: Ints, strides: Ints, dilations: Ints) -> Array:
        rank = len(counts)
        return np.asarray(x[_diagonal((x.shape[0], *counts, *x.shape[rank + 1 :]), rank, strides, dilations)])

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        space = n.inputs[0].shape[1 : 1 + len(n.attrs["counts"])]
        return (spread_windows(g, space, n.attrs["strides"], n.attrs["dilations"]),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        rank = len(n.attrs["counts"])
        places = _read(index[1:-1], rank, n.attrs["strides"], n.attrs["dilations"])
        return load(0, (index[0], *places, *index[1 + rank :]))

    lift = lift_rows

    samples = (
        *operands("number", (2, 6, 3, 5), counts=(4,), strides=(1,), dilations=(1,)),
        *operands("float", (2, 7, 9, 2, 3, 5), counts=(3, 5), strides=(2, 1), dilations=(1, 2)),
    )


def _sizes(x: TensorType, rank: int) -> Ints:
    """Return the sizes of windows, axes rank + 1 .. 2 * rank. Raises ShapeError where one is not known."""
    sizes: list[int] = []
    for d in x.shape[rank + 1 : -1]:
        if not isinstance(d, int):
            raise ShapeError(f"windows of unknown size: {x}")
        sizes.append(d)
    return tuple(sizes)


def _diagonal(shape: Ints, rank: int, strides: Ints, dilations: Ints) -> tuple[Any, ...]:
    """Return NumPy's index of (n, s.., w.., c) for elements (n, o.., w.., c) of the shape, each at its own place."""
    grid = list(np.ix_(*map(np.arange, shape)))
    for axis in range(rank):
        places = _places(shape[1 + axis], shape[1 + rank + axis], strides[axis], dilations[axis])
        broad = [1] * len(shape)
        broad[1 + axis], broad[1 + rank + axis] = places.shape
        grid[1 + axis] = places.reshape(broad)
    return tuple(grid)


@builder
def spread_windows(g: Operand, shape: Dim | Sequence[Dim], strides: Sequence[int], dilations: Sequence[int]) -> Node:
    """Return (n, o.., w.., c) as (n, *shape, w.., c): each window element at its place in the space, zero elsewhere."""
    return apply(
        SpreadWindows.op, as_node(g), shape=as_shape(shape), strides=tuple(strides), dilations=tuple(dilations)
    )


@builder
def collect_windows(x: Operand, counts: Dim | Sequence[Dim], strides: Sequence[int], dilations: Sequence[int]) -> Node:
    """Return (n, s.., w.., c) as (n, *counts, w.., c): each window element from its own array of the space."""
    return apply(
        CollectWindows.op, as_node(x), counts=as_shape(counts), strides=tuple(strides), dilations=tuple(dilations)
    )


@builder
def overlap_add(g: Operand, shape: Dim | Sequence[Dim], strides: Sequence[int], dilations: Sequence[int]) -> Node:
    """Return (n, o.., w.., c) added up at the places of the windows in (n, *shape, c): the adjoint of `windows`.

    Windows that do not overlap are moved, not added.
    """
    n, space = as_node(g), as_shape(shape)
    rank = len(space)
    sizes = _sizes(n.type, rank)
    counts = n.shape[1 : rank + 1]
    is_apart = all(size <= stride for size, stride in zip(sizes, strides)) and all(
        size == 1 or dilation == 1 for size, dilation in zip(sizes, dilations)
    )
    if not is_apart:
        return ops.sum(spread_windows(n, space, strides, dilations), tuple(range(rank + 1, 2 * rank + 1)))
    gaps = tuple((0, stride - size) for stride, size in zip(strides, sizes))
    tiles = ops.pad(n, ((0, 0), *((0, 0) for _ in gaps), *gaps, (0, 0)))
    between = tuple(axis for i in range(rank) for axis in (1 + i, 1 + rank + i))
    laid = ops.reshape(
        ops.transpose(tiles, (0, *between, 2 * rank + 1)),
        (n.shape[0], *(count * stride for count, stride in zip(counts, strides)), n.shape[-1]),
    )
    covered = tuple((count - 1) * stride + size for count, stride, size in zip(counts, strides, sizes))
    inside = ops.slice(laid, (0,) * laid.rank, (n.shape[0], *covered, n.shape[-1]))
    return ops.pad(inside, ((0, 0), *((0, d - end) for d, end in zip(space, covered)), (0, 0)))
