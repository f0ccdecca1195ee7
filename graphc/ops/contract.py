"""contract: sums of products over pairs of axes of two arrays of any ranks."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc import dtypes, ops
from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, TensorType, apply, same_dim, shape_text
from graphc.loopir import Call, Expr
from graphc.ops.axes import normalize_axis
from graphc.ops.define import Array, Operand, Primitive, builder, in_compute_dtype, operands, promoted
from graphc.ops.lift import is_lifted
from graphc.ops.lowering import LoadInput, Position
from graphc.symbolic import Dim

Pairs: TypeAlias = tuple[tuple[int, int], ...]


def free_axes(rank: int, side: int, batch: Pairs, depth: Pairs) -> tuple[int, ...]:
    """Return the axes of the left (side 0) or right (1) operand that are neither batch nor summed."""
    used = {pair[side] for pair in (*batch, *depth)}
    return tuple(axis for axis in range(rank) if axis not in used)


class Contract(Primitive, name="contract", kind="contraction", cost=2):
    """The sum over the pairs of axes `depth` of products of a and b, in one dtype, with the pairs `batch` in step.

    Result axes: the batch pairs in order, then a's other axes, then b's. `lower` gives the product that is summed:
    its index is the result's, then one position along each pair of `depth`.
    """

    def infer(a: TensorType, b: TensorType, batch: Pairs, depth: Pairs) -> TensorType:
        if a.dtype != b.dtype or a.dtype == "bool":
            raise DTypeError(f"takes operands of one number dtype, not {a.dtype} and {b.dtype}")
        if not depth:
            raise ShapeError("sums over at least one pair of axes")
        for side, t in enumerate((a, b)):
            axes = [pair[side] for pair in (*batch, *depth)]
            if len(set(axes)) < len(axes) or any(not 0 <= axis < t.rank for axis in axes):
                raise ShapeError(f"axes {axes} of {t} are not distinct axes of it")
        text = f"{shape_text(a.shape)} and {shape_text(b.shape)} must agree"
        common = {(i, j): same_dim(a.shape[i], b.shape[j], f"axes {i} and {j} of {text}") for i, j in (*batch, *depth)}
        rows = tuple(a.shape[axis] for axis in free_axes(a.rank, 0, batch, depth))
        columns = tuple(b.shape[axis] for axis in free_axes(b.rank, 1, batch, depth))
        return TensorType((*(common[pair] for pair in batch), *rows, *columns), a.dtype)

    @in_compute_dtype
    def ref(a: Array, b: Array, batch: Pairs, depth: Pairs) -> Array:
        rows, columns = free_axes(a.ndim, 0, batch, depth), free_axes(b.ndim, 1, batch, depth)
        left = a.transpose([i for i, _ in batch] + list(rows) + [i for i, _ in depth])
        right = b.transpose([j for _, j in batch] + [j for _, j in depth] + list(columns))
        common = left.shape[: len(batch)]
        row_shape, column_shape = (
            left.shape[len(batch) : len(batch) + len(rows)],
            right.shape[right.ndim - len(columns) :],
        )
        count = math.prod(a.shape[i] for i, _ in depth)
        matrices = left.reshape(*common, math.prod(row_shape), count)
        others = right.reshape(*common, count, math.prod(column_shape))
        return np.asarray(np.matmul(matrices, others).reshape(*common, *row_shape, *column_shape))

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        (a, b), batch, depth = n.inputs, n.attrs["batch"], n.attrs["depth"]
        rows, columns = free_axes(a.rank, 0, batch, depth), free_axes(b.rank, 1, batch, depth)
        first_column = len(batch) + len(rows)
        to_columns = tuple((first_column + i, axis) for i, axis in enumerate(columns))
        to_rows = tuple((axis, len(batch) + i) for i, axis in enumerate(rows))
        da = contract(g, b, to_columns, tuple((i, j) for i, (_, j) in enumerate(batch)))
        db = contract(a, g, to_rows, tuple((i, position) for position, (i, _) in enumerate(batch)))
        # Of `da` the axes of the depth come in b's order, of `db` in a's.
        a_axes = (*(i for i, _ in batch), *rows, *(i for i, _ in sorted(depth, key=lambda pair: pair[1])))
        b_axes = (*(j for _, j in batch), *(j for _, j in sorted(depth)), *columns)
        return tuple(ops.transpose(d, np.argsort(axes).tolist()) for d, axes in ((da, a_axes), (db, b_axes)))

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        (a, b), batch, depth = n.inputs, n.attrs["batch"], n.attrs["depth"]
        rows, columns = free_axes(a.rank, 0, batch, depth), free_axes(b.rank, 1, batch, depth)
        row_start, column_start = len(batch), len(batch) + len(rows)
        left: dict[int, Dim] = {axis: index[row_start + i] for i, axis in enumerate(rows)}
        right: dict[int, Dim] = {axis: index[column_start + i] for i, axis in enumerate(columns)}
        for position, (i, j) in zip((*index[:row_start], *index[n.rank :]), (*batch, *depth)):
            left[i] = right[j] = position
        a_element = load(0, tuple(left[axis] for axis in range(a.rank)))
        b_element = load(1, tuple(right[axis] for axis in range(b.rank)))
        return Call("multiply", (a_element, b_element), n.dtype)

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        (a, b), rank = inputs, n.inputs[0].rank
        left, right = (int(is_lifted(x, y)) for x, y in zip(n.inputs, inputs))
        batch, depth = (tuple((i + left, j + right) for i, j in n.attrs[name]) for name in ("batch", "depth"))
        if left and right:
            return contract(a, b, depth, ((0, 0), *batch))
        # The leading axis is the first of one operand's free axes.
        rows = len(free_axes(rank, 0, n.attrs["batch"], n.attrs["depth"])) if right else 0
        return ops.moveaxis(contract(a, b, depth, batch), len(batch) + rows, 0)

    samples = (
        *operands("number", (3, 4), (4, 5), batch=(), depth=((1, 0),)),
        *operands("float", (3, 2, 4), (4, 5, 3), batch=(), depth=((0, 2), (2, 0))),
        *operands("float", (2, 3, 4), (4, 5, 2), batch=((0, 2),), depth=((2, 0),)),
        *operands("float", (2, 3, 4, 6), (6, 5, 3, 2), batch=((1, 2), (0, 3)), depth=((3, 0),)),
        *operands("float", (2, 3, 1), (3, 1, 2), batch=((0, 2),), depth=((1, 0), (2, 1))),
        *operands("float", (3,), (3, 5), batch=(), depth=((0, 0),)),
        *operands("float", (3, 0), (0, 5), batch=(), depth=((1, 0),)),
    )


@builder
def contract(a: Operand, b: Operand, depth: Sequence[tuple[int, int]], batch: Sequence[tuple[int, int]] = ()) -> Node:
    """Return the sum over the pairs of axes (of a, of b) `depth` of products of a and b.

    The axes paired in `batch` go in step; the result has them first, then a's other axes, then b's. Half floats are
    multiplied in float32 and rounded once. Raises ShapeError for paired axes of different sizes.
    """
    x, y = promoted(a, b, accepts="number")
    compute = dtypes.TABLE[x.dtype].compute
    if compute != x.dtype:
        return ops.cast(contract(ops.cast(x, compute), ops.cast(y, compute), depth, batch), x.dtype)
    together, summed = _normal_pairs(batch, x, y), _normal_pairs(depth, x, y)
    return apply(Contract.op, x, y, batch=together, depth=summed) if summed else _outer_product(x, y, together)


def _outer_product(x: Node, y: Node, batch: Pairs) -> Node:
    """Return the contraction that sums over nothing: the products of all pairs of a batch."""
    rows, columns = free_axes(x.rank, 0, batch, ()), free_axes(y.rank, 1, batch, ())
    left = ops.transpose(x, (*(i for i, _ in batch), *rows))
    right = ops.transpose(y, (*(j for _, j in batch), *columns))
    shape = (*left.shape, *(1,) * len(columns))
    return ops.reshape(left, shape) * ops.expand_dims(right, range(len(batch), len(batch) + len(rows)))


def _normal_pairs(pairs: Sequence[Any], x: Node, y: Node) -> Pairs:
    return tuple((normalize_axis(i, x.rank), normalize_axis(j, y.rank)) for i, j in pairs)
