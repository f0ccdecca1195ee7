"""Products of matrices and tensors."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc import dtypes, ops
from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, TensorType, apply, broadcast_shapes, same_dim, shape_text
from graphc.loopir import Call, Expr
from graphc.ops.axes import normalize_axis
from graphc.ops.define import Array, Operand, Primitive, builder, in_compute_dtype, operands, promoted
from graphc.ops.lift import aligned
from graphc.ops.lowering import LoadInput, Position, broadcast_index
from graphc.symbolic import product


class Matmul(Primitive, name="matmul", kind="contraction", cost=2):
    """The product of (..., m, k) and (..., k, n), in one dtype; leading axes broadcast.

    `lower` gives the product that is summed: its index is the output's, then the position along k.
    """

    def infer(x: TensorType, y: TensorType) -> TensorType:
        if x.dtype != y.dtype or x.dtype == "bool":
            raise DTypeError(f"takes operands of one number dtype, not {x.dtype} and {y.dtype}")
        if x.rank < 2 or y.rank < 2:
            raise ShapeError(f"takes operands of rank 2 or more, not {x.rank} and {y.rank}")
        same_dim(x.shape[-1], y.shape[-2], f"inner dims of {shape_text(x.shape)} and {shape_text(y.shape)} must agree")
        return TensorType((*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]), x.dtype)

    @in_compute_dtype
    def ref(x: Array, y: Array) -> Array:
        return np.asarray(np.matmul(x, y))

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        x, y = n.inputs
        dx = matmul(g, ops.swapaxes(y, -1, -2))
        dy = matmul(ops.swapaxes(x, -1, -2), g)
        return ops.sum_to(dx, x.shape), ops.sum_to(dy, y.shape)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        *batch, row, column, depth = index
        x, y = n.inputs
        left = load(0, (*broadcast_index(x.shape[:-2], tuple(batch)), row, depth))
        right = load(1, (*broadcast_index(y.shape[:-2], tuple(batch)), depth, column))
        return Call("multiply", (left, right), n.dtype)

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        return matmul(*(aligned(x, y, n.rank) for x, y in zip(n.inputs, inputs)))

    samples = (
        *operands("number", (3, 4), (4, 5)),
        *operands("float", (2, 3, 4), (2, 4, 5)),
        *operands("float", (2, 1, 3, 4), (6, 4, 5)),
        *operands("float", (1, 4), (4, 1)),
        *operands("float", (3, 0), (0, 5)),
        *operands("float", (0, 4), (4, 5)),
    )


@builder
def matmul(x: Operand, y: Operand) -> Node:
    """Return NumPy's matmul: (..., m, k) @ (..., k, n); a vector is a row on the left, a column on the right.

    Half floats are multiplied in float32 and rounded once. Raises ShapeError for scalars and for inner dims that
    differ.
    """
    a, b = promoted(x, y, accepts="number")
    if a.rank == 0 or b.rank == 0:
        raise ShapeError("takes no scalars: use multiply")
    compute = dtypes.TABLE[a.dtype].compute
    if compute != a.dtype:
        return ops.cast(matmul(ops.cast(a, compute), ops.cast(b, compute)), a.dtype)
    if a.rank == 1:
        return ops.squeeze(matmul(ops.expand_dims(a, 0), b), -1 if b.rank == 1 else -2)
    if b.rank == 1:
        return ops.squeeze(matmul(a, ops.expand_dims(b, 1)), -1)
    if a.rank > 2 and b.rank == 2:
        # One matrix for all: the leading axes are rows, so that the gradient of y is one product as well.
        rows = ops.reshape(a, (product(a.shape[:-1]), a.shape[-1]))
        return ops.reshape(matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    return apply(Matmul.op, a, b)


@builder
def dot(x: Operand, y: Operand) -> Node:
    """Return NumPy's dot: the last axis of x against the last but one of y (the only one of a vector)."""
    a, b = promoted(x, y, accepts="number")
    if a.rank == 0 or b.rank == 0:
        return ops.multiply(a, b)
    return tensordot(a, b, ((a.rank - 1,), (max(b.rank - 2, 0),)))


@builder
def tensordot(x: Operand, y: Operand, axes: int | Sequence[int | Sequence[int]] = 2) -> Node:
    """Return NumPy's tensordot: the sum over pairs of axes; an int pairs x's last with y's first."""
    a, b = promoted(x, y, accepts="number")
    left, right = _paired_axes(axes, a.rank, b.rank)
    rows = [axis for axis in range(a.rank) if axis not in left]
    columns = [axis for axis in range(b.rank) if axis not in right]
    for i, j in zip(left, right):
        same_dim(a.shape[i], b.shape[j], f"axis {i} of {shape_text(a.shape)} and axis {j} of {shape_text(b.shape)}")
    row_shape = tuple(a.shape[axis] for axis in rows)
    column_shape = tuple(b.shape[axis] for axis in columns)
    depth = product(a.shape[axis] for axis in left)
    matrix = ops.reshape(ops.transpose(a, [*rows, *left]), (product(row_shape), depth))
    other = ops.reshape(ops.transpose(b, [*right, *columns]), (depth, product(column_shape)))
    return ops.reshape(matmul(matrix, other), (*row_shape, *column_shape))


def _paired_axes(
    axes: int | Sequence[int | Sequence[int]], x_rank: int, y_rank: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int):
        if not 0 <= axes <= min(x_rank, y_rank):
            raise ShapeError(f"cannot pair {axes} axes of operands of rank {x_rank} and {y_rank}")
        return tuple(range(x_rank - axes, x_rank)), tuple(range(axes))
    left, right = (tuple(a) if isinstance(a, Sequence) else (a,) for a in axes)
    if len(left) != len(right):
        raise ShapeError(f"axes {left} and {right} do not pair up")
    return tuple(normalize_axis(a, x_rank) for a in left), tuple(normalize_axis(a, y_rank) for a in right)
