"""Variables, constants and placeholders; their values, shapes and updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import graphc
from graphc import dtypes, graph, ops
from graphc.errors import GraphError, OptionError
from graphc.graph import CONSTANT, PLACEHOLDER, State
from graphc.keras.backend.common import floatx
from graphc.keras.backend.function import function
from graphc.keras.backend.session import get_uid, scoped_name
from graphc.keras.backend.shape import as_dims
from graphc.keras.backend.tensor import Tensor, Variable, as_node, static_shape, value_of
from graphc.keras.utils.location import located


class Update(NamedTuple):
    """A variable and its new value."""

    variable: Variable
    value: Tensor


def variable(value: Any, dtype: str | None = None, name: str | None = None, constraint: Any = None) -> Variable:
    """Return a variable that starts as `value`: an array, a number, a SciPy sparse matrix (made dense) or a tensor.

    A tensor is computed once, here; a `graph.FirstValue` when it is needed. `dtype` is `floatx()` unless given.
    """
    value = value_of(value)
    full_name = scoped_name(name, "Variable")
    dense = value.toarray() if hasattr(value, "tocoo") else value
    made = Variable(State(dense, full_name.removesuffix(":0"), dtype or floatx()), full_name, constraint)
    made.is_sparse = dense is not value
    return made


def constant(
    value: Any, dtype: str | None = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Tensor:
    """Return a constant tensor of `value`, repeated or reshaped to `shape` where that is given."""
    return Tensor(graph.constant(fixed_value(value, dtype, shape), dtype or floatx()), f"{name}:0" if name else None)


def fixed_value(value: Any, dtype: str | None, shape: Sequence[int] | None) -> np.ndarray[Any, Any]:
    """Return the array that `constant` is of."""
    array = np.asarray(value, dtypes.numpy_dtype(dtype or floatx()))
    if shape is None:
        return array
    return np.full(shape, array) if array.size == 1 else array.reshape(shape)


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return a tensor that stands for an array given at each call.

    `shape` has None for sizes known at run time only; `ndim` alone makes them all so. With `sparse`, SciPy sparse
    matrices are fed; they are made dense. Raises OptionError where neither is given.
    """
    if shape is None:
        if ndim is None:
            raise OptionError(located("K.placeholder needs `shape` or `ndim`"))
        shape = (None,) * ndim
    full_name = f"{name}:0" if name else f"Placeholder_{get_uid('Placeholder')}:0"
    made = Tensor(graphc.placeholder(tuple(shape), dtype or floatx(), full_name.removesuffix(":0")), full_name)
    made.is_sparse = sparse
    return made


def is_placeholder(x: Any) -> bool:
    """Tell whether `x` is a placeholder."""
    return isinstance(x, Tensor) and x.node.op is PLACEHOLDER


def is_tensor(x: Any) -> bool:
    """Tell whether `x` is a tensor (a variable is one)."""
    return isinstance(x, Tensor)


def is_variable(x: Any) -> bool:
    """Tell whether `x` is a variable."""
    return isinstance(x, Variable)


def is_keras_tensor(x: Any) -> bool:
    """Tell whether a layer (or Input) made the tensor `x`. Raises OptionError where it is no tensor."""
    if not is_tensor(x):
        raise OptionError(
            located(f"Unexpectedly found an instance of type `{type(x)}`. Expected a symbolic tensor instance.")
        )
    return hasattr(x, "_keras_history")


def is_sparse(tensor: Any) -> bool:
    """Tell whether the tensor stands for a sparse one. Its values are stored and computed dense."""
    return isinstance(tensor, Tensor) and tensor.is_sparse


def to_dense(tensor: Tensor) -> Tensor:
    """Return the tensor as one that does not stand for a sparse one."""
    return Tensor(tensor.node) if is_sparse(tensor) else tensor


def int_shape(x: Any) -> tuple[int | None, ...]:
    """Return the static shape, None for sizes known at run time only."""
    return tuple(x._keras_shape) if isinstance(x, Tensor) else tuple(static_shape(as_node(x).shape))


def get_variable_shape(x: Any) -> tuple[int | None, ...]:
    """Return the shape of a variable."""
    return int_shape(x)


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return as_node(x).rank


def dtype(x: Any) -> str:
    """Return the dtype's name."""
    return as_node(x).dtype


def count_params(x: Any) -> int:
    """Return the number of elements. Raises OptionError where a size is known at run time only."""
    shape = int_shape(x)
    if None in shape:
        raise OptionError(located(f"the number of elements of {x!r} is known at run time only"))
    return math.prod(d for d in shape if d is not None)


def _filled(shape: Any, value: float, dtype: str | None, name: str | None) -> Tensor:
    dims = as_dims((shape,) if isinstance(shape, int) else shape)
    if all(isinstance(d, int) for d in dims):
        return variable(np.full(dims, value), dtype, name)
    return Tensor(ops.full(dims, value, dtype or floatx()))


def zeros(shape: Any, dtype: str | None = None, name: str | None = None) -> Tensor:
    """Return a variable of zeros; a plain tensor where a size is known at run time only."""
    return _filled(shape, 0.0, dtype, name)


def ones(shape: Any, dtype: str | None = None, name: str | None = None) -> Tensor:
    """Return a variable of ones; a plain tensor where a size is known at run time only."""
    return _filled(shape, 1.0, dtype, name)


def eye(size: int, dtype: str | None = None, name: str | None = None) -> Variable:
    """Return a variable that is the identity matrix."""
    return variable(np.eye(size), dtype, name)


def zeros_like(x: Any, dtype: str | None = None, name: str | None = None) -> Tensor:
    """Return zeros of the shape of `x` (and of its dtype unless given)."""
    n = as_node(x)
    return Tensor(ops.full(n.shape, 0, dtype or n.dtype), name)


def ones_like(x: Any, dtype: str | None = None, name: str | None = None) -> Tensor:
    """Return ones of the shape of `x` (and of its dtype unless given)."""
    n = as_node(x)
    return Tensor(ops.full(n.shape, 1, dtype or n.dtype), name)


def full(shape: Any, value: Any, dtype: str | None = None) -> Tensor:
    """Return a tensor of this shape, every element of it `value`."""
    return Tensor(ops.full(as_dims(shape), as_node(value), dtype or floatx()))


def full_like(x: Any, value: Any, dtype: str | None = None) -> Tensor:
    """Return a tensor of the shape of `x` (and of its dtype unless given), every element of it `value`."""
    return Tensor(ops.full_like(as_node(x), as_node(value), dtype))


def identity(x: Any, name: str | None = None) -> Tensor:
    """Return a new tensor of the same value."""
    return Tensor(as_node(x), name)


def cast(x: Any, dtype: str) -> Tensor:
    """Return `x` converted to `dtype`."""
    return Tensor(ops.cast(as_node(x), dtype))


def get_value(x: Any) -> np.ndarray[Any, Any]:
    """Return the value of a variable; a tensor is computed."""
    return x.get_value() if isinstance(x, Variable) else eval(x)


def batch_get_value(ops: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
    """Return the values of variables."""
    return [get_value(x) for x in ops]


def set_value(x: Variable, value: Any) -> None:
    """Replace the value of a variable. Raises ShapeError where the shape differs."""
    if not isinstance(x, Variable):
        raise GraphError(f"K.set_value needs a variable, not {x!r}")
    x.set_value(value)


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Replace the values of variables: all of them, or none where a shape differs (ShapeError)."""
    before = [(x, x.get_value()) for x, _ in tuples]
    try:
        for x, value in tuples:
            set_value(x, value)
    except Exception:
        for x, value in before:
            x.set_value(value)
        raise


def eval(x: Any) -> np.ndarray[Any, Any]:
    """Return the value of a tensor that depends on no placeholder (but the learning phase, taken as 0)."""
    if isinstance(x, Variable):
        return x.get_value()
    n = as_node(x)
    value: np.ndarray[Any, Any] = n.attrs["value"].copy() if n.op is CONSTANT else function([], [Tensor(n)])([])[0]
    return value


def update(x: Variable, new_x: Any) -> Update:
    """Return the update that sets `x` to `new_x`."""
    return Update(x, Tensor(as_node(new_x, x.node)))


def update_add(x: Variable, increment: Any) -> Update:
    """Return the update that adds `increment` to `x`."""
    return Update(x, x + increment)


def update_sub(x: Variable, decrement: Any) -> Update:
    """Return the update that subtracts `decrement` from `x`."""
    return Update(x, x - decrement)


def moving_average_update(x: Variable, value: Any, momentum: float) -> Update:
    """Return the update `x <- x * momentum + value * (1 - momentum)`."""
    return Update(x, x * momentum + value * (1.0 - momentum))
