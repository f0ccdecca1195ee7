"""Functions of positions: gather and scatter, classes and ranks."""

from __future__ import annotations

from typing import Any

from graphc import ops
from graphc.keras.backend.common import floatx
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.legacy.functions import legacy_shape_function_support


def gather(reference: Any, indices: Any) -> Tensor:
    """Return the rows of `reference` at `indices`: shapes (n, *rest) and s give s + rest."""
    return Tensor(ops.gather(as_node(reference), as_node(indices), axis=0))


def scatter_add(x: Any, positions: Any, updates: Any, axis: int = 0) -> Tensor:
    """Return x with updates added at these positions of the axis."""
    base, added = as_nodes(x, updates)
    return Tensor(ops.scatter_add(base, as_node(positions), added, axis))


def take_along_axis(x: Any, positions: Any, axis: int = -1) -> Tensor:
    """Return along the axis each row of x at its own row of positions."""
    return Tensor(ops.take_along_axis(as_node(x), as_node(positions), axis))


def top_k(x: Any, k: int) -> tuple[Tensor, Tensor]:
    """Return (values, int32 positions) of the k greatest of the last axis, greatest first."""
    values, positions = ops.top_k(as_node(x), k)
    return Tensor(values), Tensor(positions)


def in_top_k(predictions: Any, targets: Any, k: int) -> Tensor:
    """Tell for each row whether fewer than k classes score above the target class; ties at the k-th place count.

    `predictions` has shape (batch, classes), `targets` (batch,) holds classes.
    """
    return Tensor(ops.in_top_k(as_node(predictions), ops.cast(as_node(targets), "int64"), k))


@legacy_shape_function_support
def one_hot(indices: Any, num_classes: int) -> Tensor:
    """Return zeros with a one at each index, in a new last axis of size `num_classes`."""
    return Tensor(ops.one_hot(ops.cast(as_node(indices), "int64"), num_classes, floatx()))
