"""Arrays made of nothing: counts, filled arrays, ranges."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes, ops
from graphc.errors import ShapeError
from graphc.graph import Node, TensorType, apply, as_node, constant
from graphc.loopir import Expr
from graphc.ops.axes import as_dim, as_shape
from graphc.ops.define import Array, Operand, Primitive, builder
from graphc.ops.lowering import LoadInput, Position, as_value
from graphc.symbolic import Dim, ceildiv


class Dimension(Primitive, name="dimension", kind="movement"):
    """A dim, or algebra on dims, as a scalar: the number of rows of this call's batch."""

    def infer(value: Dim, dtype: str) -> TensorType:
        return TensorType((), dtype)

    def ref(value: int, dtype: str) -> Array:
        return np.asarray(value, dtypes.numpy_dtype(dtype))

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return as_value(n.attrs["value"], n.dtype)

    samples = (lambda rng: ((), {"value": 7, "dtype": "float32"}), lambda rng: ((), {"value": 3, "dtype": "int64"}))


class Iota(Primitive, name="iota", kind="movement"):
    """The numbers 0, 1, ... size - 1."""

    def infer(size: Dim, dtype: str) -> TensorType:
        return TensorType((size,), dtype)

    def ref(size: int, dtype: str) -> Array:
        return np.arange(size).astype(dtypes.numpy_dtype(dtype))

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return as_value(index[0], n.dtype)

    samples = (lambda rng: ((), {"size": 7, "dtype": "float32"}), lambda rng: ((), {"size": 0, "dtype": "int32"}))


@builder
def dimension(value: Dim, dtype: Any = "int64") -> Node:
    """Return a dim as a scalar of the dtype; a constant where it is known."""
    dim, name = as_dim(value), dtypes.canonical(dtype)
    return constant(dim, name) if isinstance(dim, int) else apply(Dimension.op, value=dim, dtype=name)


@builder
def arange(start: Dim, stop: Dim | None = None, step: int = 1, dtype: Any = "int64") -> Node:
    """Return start, start + step, ... below stop (above, for a negative step); `arange(stop)` starts at 0.

    Start and stop are dims, step a nonzero int. Raises ShapeError for a step of 0.
    """
    first, last = (0, as_dim(start)) if stop is None else (as_dim(start), as_dim(stop))
    if step == 0:
        raise ShapeError("needs a step that is not 0")
    size = ceildiv(last - first, step) if step > 0 else ceildiv(first - last, -step)
    name = dtypes.canonical(dtype)
    counted = apply(Iota.op, size=max(size, 0) if isinstance(size, int) else size, dtype=name)
    scaled = counted if step == 1 else counted * step
    return scaled if first == 0 else scaled + dimension(first, name)


@builder
def full(shape: Dim | Sequence[Dim], value: Operand, dtype: Any = "float32") -> Node:
    """Return an array of this shape filled with a number (or a scalar node)."""
    scalar = as_node(value) if isinstance(value, Node) else constant(value, dtypes.canonical(dtype))
    return ops.broadcast_to(ops.cast(scalar, dtype), as_shape(shape))


@builder
def zeros(shape: Dim | Sequence[Dim], dtype: Any = "float32") -> Node:
    """Return zeros of this shape."""
    return full(shape, 0, dtype)


@builder
def ones(shape: Dim | Sequence[Dim], dtype: Any = "float32") -> Node:
    """Return ones of this shape."""
    return full(shape, 1, dtype)


@builder
def full_like(x: Operand, value: Operand, dtype: Any = None) -> Node:
    """Return an array of x's shape filled with a number, in x's dtype unless another is given."""
    n = as_node(x)
    return full(n.shape, value, dtype or n.dtype)


@builder
def zeros_like(x: Operand, dtype: Any = None) -> Node:
    """Return zeros of x's shape, and its dtype unless another is given."""
    return full_like(x, 0, dtype)


@builder
def ones_like(x: Operand, dtype: Any = None) -> Node:
    """Return ones of x's shape, and its dtype unless another is given."""
    return full_like(x, 1, dtype)


@builder
def eye(rows: Dim, columns: Dim | None = None, k: int = 0, dtype: Any = "float32") -> Node:
    """Return the matrix with ones on the k-th diagonal (k > 0: above the main one), zeros elsewhere."""
    down = ops.reshape(arange(rows), (as_dim(rows), 1))
    across = arange(rows if columns is None else columns)
    return ops.cast(ops.equal(across, down + k), dtype)
