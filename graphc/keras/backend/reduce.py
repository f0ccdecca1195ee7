"""Reductions and cumulative functions of the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from graphc import ops
from graphc.graph import Node
from graphc.keras.backend.common import floatx
from graphc.keras.backend.tensor import Tensor, as_node

Axis = Union[int, Sequence[int], None]


def _axes(axis: Axis) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _numeric(x: Any) -> Node:
    n = as_node(x)
    return ops.cast(n, floatx()) if n.dtype == "bool" else n


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the maximum over the axes (all of them for None)."""
    return Tensor(ops.max(as_node(x), _axes(axis), keepdims))


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the minimum over the axes (all of them for None)."""
    return Tensor(ops.min(as_node(x), _axes(axis), keepdims))


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum over the axes (all of them for None)."""
    return Tensor(ops.sum(_numeric(x), _axes(axis), keepdims))


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the product over the axes (all of them for None)."""
    return Tensor(ops.prod(_numeric(x), _axes(axis), keepdims))


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean over the axes (all of them for None)."""
    return Tensor(ops.mean(_numeric(x), _axes(axis), keepdims))


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the (biased) variance over the axes (all of them for None)."""
    return Tensor(ops.var(_numeric(x), _axes(axis), keepdims))


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the (biased) standard deviation over the axes (all of them for None)."""
    return Tensor(ops.sqrt(ops.var(_numeric(x), _axes(axis), keepdims)))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return log(sum(exp(x))) over the axes (all of them for None), without overflow."""
    return Tensor(ops.logsumexp(_numeric(x), _axes(axis), keepdims))


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Tell whether any element over the axes is not zero."""
    return Tensor(ops.any(ops.cast(as_node(x), "bool"), _axes(axis), keepdims))


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Tell whether all elements over the axes are not zero."""
    return Tensor(ops.all(ops.cast(as_node(x), "bool"), _axes(axis), keepdims))


def argmax(x: Any, axis: int = -1) -> Tensor:
    """Return the position (int64) of the first maximum along the axis."""
    return Tensor(ops.argmax(as_node(x), axis))


def argmin(x: Any, axis: int = -1) -> Tensor:
    """Return the position (int64) of the first minimum along the axis."""
    return Tensor(ops.argmin(as_node(x), axis))


def cumsum(x: Any, axis: int = 0) -> Tensor:
    """Return the running sum along the axis."""
    return Tensor(ops.cumsum(as_node(x), axis))


def cumprod(x: Any, axis: int = 0) -> Tensor:
    """Return the running product along the axis."""
    return Tensor(ops.cumprod(as_node(x), axis))
