"""Ops that move elements and keep all of them: reshape, transpose, broadcast_to and their kin."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc import ops, symbolic
from graphc.errors import ShapeError
from graphc.graph import Node, TensorType, apply, as_node, broadcast_shapes, same_dim, shape_text
from graphc.loopir import Expr
from graphc.ops.axes import Shape, as_dim, as_shape, normalize_axes, normalize_axis
from graphc.ops.define import Array, Operand, Primitive, builder, operands
from graphc.ops.lift import aligned
from graphc.ops.lowering import LoadInput, Position, broadcast_index
from graphc.symbolic import Dim, product


class Reshape(Primitive, name="reshape", kind="movement"):
    """The same elements in row-major order with other dims."""

    def infer(x: TensorType, shape: Shape) -> TensorType:
        result = TensorType(shape, x.dtype)
        same_dim(x.size, result.size, f"cannot reshape {shape_text(x.shape)} to {shape_text(shape)}: the sizes")
        return result

    def ref(x: Array, shape: tuple[int, ...]) -> Array:
        return x.reshape(shape)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return (reshape(g, n.inputs[0].shape),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, _reshaped_index(n.inputs[0].shape, n.shape, index))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        [x] = inputs
        return reshape(x, (x.shape[0], *n.shape))

    samples = (
        *operands("any", (3, 4), shape=(2, 6)),
        *operands("float", (2, 3, 5), shape=(6, 5)),
        *operands("float", (6, 5), shape=(1, 2, 3, 1, 5)),
        *operands("float", (4, 6), shape=(6, 4)),
        *operands("float", (1, 1), shape=()),
        *operands("float", (0, 3), shape=(3, 0, 2)),
    )


def _reshaped_index(source: Shape, target: Shape, index: Position) -> Position:
    """Return the source position of a target index. Runs of axes of equal product are mapped one by one."""
    if 0 in target:
        # Never read; bound to the empty loop, so that nobody hoists the read out of it.
        return (index[target.index(0)], *(0,) * (len(source) - 1))
    position: list[Dim] = []
    for start, stop, target_start, target_stop in _matched_runs(source, target):
        flat: Dim = 0
        for axis in range(target_start, target_stop):
            flat = flat * target[axis] + index[axis]
        position.extend(_unravel(flat, source[start:stop]))
    return tuple(position)


def _matched_runs(source: Shape, target: Shape) -> list[tuple[int, int, int, int]]:
    """Split two shapes of one size into the shortest runs of axes whose products are equal."""
    runs: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(source) or j < len(target):
        start, target_start = i, j
        left: Dim = 1
        right: Dim = 1
        while left != right or (i, j) == (start, target_start):
            if i < len(source) and (
                j == len(target) or symbolic.divide_exactly(right, left) is not None or _below(left, right)
            ):
                left, i = left * source[i], i + 1
            elif j < len(target):
                right, j = right * target[j], j + 1
            else:
                break
        runs.append((start, i, target_start, j))
    return runs


def _below(a: Dim, b: Dim) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a < b


def _unravel(flat: Dim, shape: Shape) -> Position:
    """Return the index in `shape` of a row-major position."""
    index: list[Dim] = []
    for axis in range(len(shape) - 1, 0, -1):
        index.append(symbolic.modulo(flat, shape[axis]))
        flat = symbolic.floordiv(flat, shape[axis])
    return (flat, *reversed(index)) if shape else ()


@builder
def reshape(x: Operand, shape: Dim | Sequence[Dim]) -> Node:
    """Return x's elements in row-major order with the dims `shape`, one of which may be -1: what is left.

    Raises ShapeError where the sizes differ, or -1 stands twice or cannot be solved.
    """
    n = as_node(x)
    dims = _solve_unknown(n.type, as_shape(shape))
    return n if dims == n.shape else apply(Reshape.op, n, shape=dims)


def _solve_unknown(x: TensorType, shape: Shape) -> Shape:
    if -1 not in shape:
        return shape
    known = product(d for d in shape if d != -1)
    unknown = symbolic.divide_exactly(x.size, known) if known != 0 else None
    if unknown is None and not isinstance(x.size, int):
        # Divisible at run time or not at all: the equality of the sizes is recorded by the shape rule.
        unknown = symbolic.floordiv(x.size, known)
    if unknown is None or shape.count(-1) > 1:
        raise ShapeError(f"cannot solve -1 in {shape_text(shape)} for {shape_text(x.shape)}")
    return tuple(unknown if d == -1 else d for d in shape)


class Transpose(Primitive, name="transpose", kind="movement"):
    """The axes in another order: output axis i is input axis axes[i]."""

    def infer(x: TensorType, axes: tuple[int, ...]) -> TensorType:
        if sorted(axes) != list(range(x.rank)):
            raise ShapeError(f"axes {axes} are not a permutation of the {x.rank} axes of {x}")
        return TensorType(tuple(x.shape[axis] for axis in axes), x.dtype)

    def ref(x: Array, axes: tuple[int, ...]) -> Array:
        return x.transpose(axes)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return (transpose(g, _inverse(n.attrs["axes"])),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, tuple(index[axis] for axis in _inverse(n.attrs["axes"])))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        return transpose(inputs[0], (0, *(axis + 1 for axis in n.attrs["axes"])))

    samples = (*operands("any", (3, 5), axes=(1, 0)), *operands("float", (2, 3, 5), axes=(2, 0, 1)))


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


@builder
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Node:
    """Return x with its axes in this order; reversed by default."""
    n = as_node(x)
    order = tuple(range(n.rank))[::-1] if axes is None else tuple(normalize_axis(axis, n.rank) for axis in axes)
    return n if order == tuple(range(n.rank)) else apply(Transpose.op, n, axes=order)


@builder
def swapaxes(x: Operand, axis1: int, axis2: int) -> Node:
    """Return x with two axes exchanged."""
    n = as_node(x)
    order = list(range(n.rank))
    first, second = normalize_axis(axis1, n.rank), normalize_axis(axis2, n.rank)
    order[first], order[second] = second, first
    return transpose(n, order)


@builder
def moveaxis(x: Operand, source: int, destination: int) -> Node:
    """Return x with one axis moved, the others in their order."""
    n = as_node(x)
    moved = normalize_axis(source, n.rank)
    order = [axis for axis in range(n.rank) if axis != moved]
    order.insert(normalize_axis(destination, n.rank), moved)
    return transpose(n, order)


class BroadcastTo(Primitive, name="broadcast_to", kind="movement"):
    """x repeated along axes of size 1 and along new leading axes until it has the shape."""

    def infer(x: TensorType, shape: Shape) -> TensorType:
        what = f"cannot broadcast {shape_text(x.shape)} to {shape_text(shape)}"
        if len(shape) < x.rank:
            raise ShapeError(what)
        broadcast = broadcast_shapes(x.shape, shape, what="cannot broadcast to one shape the")
        if any(d == 1 and b != 1 for d, b in zip(shape, broadcast)):
            raise ShapeError(what)
        return TensorType(shape, x.dtype)

    def ref(x: Array, shape: tuple[int, ...]) -> Array:
        return np.ascontiguousarray(np.broadcast_to(x, shape)).reshape(shape)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return (ops.sum_to(g, n.inputs[0].shape),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, broadcast_index(n.inputs[0].shape, index))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        x = aligned(n.inputs[0], inputs[0], n.rank)
        return broadcast_to(x, (x.shape[0], *n.shape))

    samples = (
        *operands("any", (5,), shape=(3, 5)),
        *operands("float", (3, 1), shape=(2, 3, 5)),
        *operands("float", (), shape=(4,)),
        *operands("float", (1, 3), shape=(0, 3)),
    )


@builder
def broadcast_to(x: Operand, shape: Dim | Sequence[Dim]) -> Node:
    """Return x broadcast to the shape. Raises ShapeError where it does not broadcast to it."""
    n, dims = as_node(x), as_shape(shape)
    return n if dims == n.shape else apply(BroadcastTo.op, n, shape=dims)


@builder
def expand_dims(x: Operand, axis: int | Sequence[int]) -> Node:
    """Return x with new axes of size 1 at these positions of the result."""
    n = as_node(x)
    count = len(axis) if isinstance(axis, Sequence) else 1
    axes = normalize_axes(axis, n.rank + count)
    dims = iter(n.shape)
    return reshape(n, tuple(1 if position in axes else next(dims) for position in range(n.rank + count)))


@builder
def squeeze(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """Return x without these axes of size 1; by default without all of them. Raises ShapeError for another size.

    An axis of unknown size that is named is taken to be 1.
    """
    n = as_node(x)
    axes = tuple(a for a, d in enumerate(n.shape) if d == 1) if axis is None else normalize_axes(axis, n.rank)
    for a in axes:
        same_dim(n.shape[a], 1, f"cannot squeeze axis {a} of {shape_text(n.shape)}")
    return reshape(n, tuple(d for a, d in enumerate(n.shape) if a not in axes))


@builder
def flatten(x: Operand, first_axis: int = 0) -> Node:
    """Return x with the axes from `first_axis` on as one."""
    n = as_node(x)
    kept = n.shape[: normalize_axis(first_axis, n.rank + 1)]
    return reshape(n, (*kept, product(n.shape[len(kept) :])))


@builder
def repeat(x: Operand, repeats: Dim, axis: int | None = None) -> Node:
    """Return x with each element repeated this many times along the axis; by default x is flattened first."""
    n = as_node(x)
    if axis is None:
        return repeat(flatten(n), repeats, 0)
    position, count = normalize_axis(axis, n.rank), as_dim(repeats)
    before, size, after = n.shape[:position], n.shape[position], n.shape[position + 1 :]
    stretched = broadcast_to(expand_dims(n, position + 1), (*before, size, count, *after))
    return reshape(stretched, (*before, size * count, *after))


@builder
def tile(x: Operand, repetitions: Dim | Sequence[Dim]) -> Node:
    """Return x laid out this many times along each axis; the shorter of shape and repetitions gets leading ones."""
    n, counts = as_node(x), as_shape(repetitions)
    rank = max(n.rank, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - n.rank) + n.shape
    apart = reshape(n, tuple(d for size in shape for d in (1, size)))
    stretched = broadcast_to(apart, tuple(d for pair in zip(counts, shape) for d in pair))
    return reshape(stretched, tuple(count * size for count, size in zip(counts, shape)))
