"""What rules ask of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.dtypes import is_float
from graphc.graph import CONSTANT, Node

_UNIFORM_LIMIT = 64
_NONNEGATIVE_DEPTH = 6
_NONNEGATIVE = frozenset({
    "exp", "sqrt", "absolute", "sigmoid", "cosh", "softmax", "relu", "softplus", "iota", "dimension",
})  # fmt: skip
_KEEPS_SIGN = frozenset({
    "multiply", "divide", "minimum", "max", "min", "mean", "reshape", "transpose", "broadcast_to", "concatenate",
    "add", "sum", "prod", "cast",
})  # fmt: skip
_MAY_WRAP = frozenset({"add", "sum", "prod", "multiply", "cast"})


def is_op(n: Node, name: str) -> bool:
    """Tell whether the node is this op."""
    return n.op.name == name


def uniform_value(n: Node) -> Any | None:
    """Return the scalar that every element of n is, where that is plain to see, else None.

    Looks at constants of up to 64 elements, and through broadcast_to and reshape.
    """
    while n.op.name in ("broadcast_to", "reshape"):
        n = n.inputs[0]
    if n.op is not CONSTANT:
        return None
    array: np.ndarray[Any, Any] = n.attrs["value"]
    if array.size == 0 or array.size > _UNIFORM_LIMIT:
        return None
    flat = array.reshape(-1)
    first = flat[0]
    if array.size > 1 and flat.tobytes() != first.tobytes() * array.size:
        return None
    return first.item() if array.dtype.kind in "biuf" else float(first)


def is_uniform(n: Node, value: float) -> bool:
    """Tell whether every element of n plainly is this number."""
    found = uniform_value(n)
    return found is not None and bool(found == value)


def is_nonnegative(n: Node, depth: int = _NONNEGATIVE_DEPTH) -> bool:
    """Tell whether no element of n can plainly be below zero; nan and -0.0 may occur."""
    value = uniform_value(n)
    if value is not None:
        return bool(value >= 0)
    if n.dtype == "bool" or n.dtype.startswith("uint") or n.op.name in _NONNEGATIVE:
        return True
    if depth == 0:
        return False
    if n.op.name == "multiply" and n.inputs[0] is n.inputs[1] and is_float(n.dtype):
        return True
    if n.op.name == "maximum":
        return any(is_nonnegative(i, depth - 1) for i in n.inputs)
    if n.op.name == "where":
        return all(is_nonnegative(i, depth - 1) for i in n.inputs[1:])
    if n.op.name in _KEEPS_SIGN and (is_float(n.dtype) or n.op.name not in _MAY_WRAP):
        return all(is_nonnegative(i, depth - 1) for i in n.inputs)
    return False
