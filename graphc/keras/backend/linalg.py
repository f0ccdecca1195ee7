"""Products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.errors import OptionError
from graphc.graph import Node
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.utils.location import located


def dot(x: Any, y: Any) -> Tensor:
    """Return the product over the last axis of x and the last but one of y, whatever their ranks.

    Shapes (..., k) and (*b, k, n) give (..., *b, n).
    """
    return Tensor(ops.dot(*as_nodes(x, y)))


def batch_dot(x: Any, y: Any, axes: int | Sequence[int] | None = None) -> Tensor:
    """Return the product of each pair of samples over one axis of each.

    `axes` (one int for both, or a pair; by default the last of x and the last but one of y) count the batch as axis 0.
    Two matrices give (batch, 1): the dot products. Raises OptionError where an entry of `axes` is not an int.
    """
    left, right = as_nodes(x, y)
    if axes is None:
        axes = (left.rank - 1, right.rank - 2)
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if any(not isinstance(a, int) for a in pair):
        raise OptionError(
            located(f"Multiple target dimensions are not supported. Expected: None, int, (int, int), Provided: {axes}")
        )
    left_axis, right_axis = (a % n.rank for a, n in zip(pair, (left, right)))
    if left.rank == right.rank == 2:
        if left_axis != right_axis:
            left = ops.transpose(left)
        return Tensor(ops.expand_dims(ops.sum(ops.multiply(left, right), right_axis), 1))
    rank = max(left.rank, right.rank)
    added = rank - min(left.rank, right.rank)
    squeezed = left.rank + right.rank - 3 if left.rank > right.rank else left.rank - 1
    left, right = _with_rank(left, rank), _with_rank(right, rank)
    if left_axis != rank - 1:
        left = _swap_last(left)
    if right_axis == rank - 1:
        right = _swap_last(right)
    product = ops.matmul(left, right)
    if added:
        product = ops.squeeze(product, tuple(range(squeezed, squeezed + added)))
    return Tensor(ops.expand_dims(product, 1) if product.rank == 1 else product)


def _with_rank(n: Node, rank: int) -> Node:
    return ops.reshape(n, (*n.shape, *(1,) * (rank - n.rank))) if n.rank < rank else n


def _swap_last(n: Node) -> Node:
    return ops.transpose(n, (*range(n.rank - 2), n.rank - 1, n.rank - 2))


def transpose(x: Any) -> Tensor:
    """Return x with its axes in reverse order."""
    return Tensor(ops.transpose(as_node(x)))


def matmul(x: Any, y: Any) -> Tensor:
    """Return NumPy's product of stacks of matrices: (..., m, k) and (..., k, n) give (..., m, n)."""
    return Tensor(ops.matmul(*as_nodes(x, y)))


def tensordot(x: Any, y: Any, axes: Any = 2) -> Tensor:
    """Return NumPy's sum of products over pairs of axes (an int: the last of x with the first of y)."""
    left, right = as_nodes(x, y)
    return Tensor(ops.tensordot(left, right, axes))
