"""Elementwise functions of the backend: each is one op, under Keras's name or NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc import ops
from graphc.graph import Node
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes, binary


def _unary(build: Callable[[Node], Node], doc: str) -> Callable[[Any], Tensor]:
    def apply(x: Any) -> Tensor:
        return Tensor(build(as_node(x)))

    apply.__doc__ = doc
    return apply


def _binary(build: Callable[[Node, Node], Node], doc: str) -> Callable[[Any, Any], Tensor]:
    def apply(x: Any, y: Any) -> Tensor:
        return binary(build, x, y)

    apply.__doc__ = doc
    return apply


abs = _unary(ops.absolute, "Return |x|.")
square = _unary(ops.square, "Return x * x.")
exp = _unary(ops.exp, "Return e to the power of x.")
log = _unary(ops.log, "Return the natural logarithm.")
round = _unary(ops.rint, "Return the nearest integer, halves to the even one.")
sign = _unary(ops.sign, "Return -1, 0 or 1.")
sin = _unary(ops.sin, "Return the sine.")
cos = _unary(ops.cos, "Return the cosine.")

expm1 = _unary(ops.expm1, "Return exp(x) - 1, exact near 0.")
log1p = _unary(ops.log1p, "Return log(1 + x), exact near 0.")
rsqrt = _unary(ops.rsqrt, "Return 1 / sqrt(x).")
erf = _unary(ops.erf, "Return the error function.")
erfinv = _unary(ops.erfinv, "Return the inverse of the error function.")
tan = _unary(ops.tan, "Return the tangent.")
arcsin = _unary(ops.arcsin, "Return the inverse sine.")
arccos = _unary(ops.arccos, "Return the inverse cosine.")
arctan = _unary(ops.arctan, "Return the inverse tangent.")
sinh = _unary(ops.sinh, "Return the hyperbolic sine.")
cosh = _unary(ops.cosh, "Return the hyperbolic cosine.")
floor = _unary(ops.floor, "Return the largest integer not above x.")
ceil = _unary(ops.ceil, "Return the smallest integer not below x.")
negative = _unary(ops.negative, "Return -x.")
reciprocal = _unary(lambda n: 1.0 / n, "Return 1 / x.")
isnan = _unary(ops.isnan, "Tell where x is not a number.")
isinf = _unary(ops.isinf, "Tell where x is infinite.")
isfinite = _unary(ops.isfinite, "Tell where x is neither infinite nor not a number.")
logical_not = _unary(ops.logical_not, "Return the negation.")

equal = _binary(ops.equal, "Tell where x == y.")
not_equal = _binary(ops.not_equal, "Tell where x != y.")
greater = _binary(ops.greater, "Tell where x > y.")
greater_equal = _binary(ops.greater_equal, "Tell where x >= y.")
less = _binary(ops.less, "Tell where x < y.")
less_equal = _binary(ops.less_equal, "Tell where x <= y.")
maximum = _binary(ops.maximum, "Return the larger of x and y.")
minimum = _binary(ops.minimum, "Return the smaller of x and y.")
add = _binary(ops.add, "Return x + y.")
subtract = _binary(ops.subtract, "Return x - y.")
multiply = _binary(ops.multiply, "Return x * y.")
divide = _binary(ops.divide, "Return x / y.")
floor_divide = _binary(ops.floor_divide, "Return the floor of x / y.")
remainder = _binary(ops.remainder, "Return x - y * floor(x / y).")
arctan2 = _binary(ops.arctan2, "Return the angle of the point (y, x): arctan2(x, y) of NumPy.")
logical_and = _binary(ops.logical_and, "Tell where both hold.")
logical_or = _binary(ops.logical_or, "Tell where at least one holds.")
logical_xor = _binary(ops.logical_xor, "Tell where exactly one holds.")

bitwise_and = _binary(ops.bitwise_and, "Return the bits set in both integers.")
bitwise_or = _binary(ops.bitwise_or, "Return the bits set in either integer.")
bitwise_xor = _binary(ops.bitwise_xor, "Return the bits set in exactly one of the integers.")
bitwise_not = _unary(ops.bitwise_not, "Return the bits not set in the integer.")
left_shift = _binary(ops.left_shift, "Return x's bits moved y places up.")
right_shift = _binary(ops.right_shift, "Return x's bits moved y places down; signed numbers keep their sign.")


def pow(x: Any, a: Any) -> Tensor:
    """Return x to the power of a."""
    return binary(ops.power, x, a)


# NumPy's names.
absolute, rint, power = abs, round, pow


def sqrt(x: Any) -> Tensor:
    """Return the square root; 0 for negative elements."""
    return Tensor(ops.sqrt(ops.maximum(*as_nodes(as_node(x), 0.0))))


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """Return x limited to [min_value, max_value]; None means no limit on that side.

    A maximum below the minimum is taken to be the minimum. Limits may be tensors.
    """
    if _is_number(min_value) and _is_number(max_value) and max_value < min_value:
        max_value = min_value
    n = as_node(x)
    low, high = (None if limit is None else as_node(limit, n) for limit in (min_value, max_value))
    if low is None or high is None:
        n = n if low is None else ops.maximum(n, low)
        return Tensor(n if high is None else ops.minimum(n, high))
    return Tensor(ops.clip(n, low, high))


def _is_number(limit: Any) -> bool:
    return isinstance(limit, (int, float, np.number))


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """Return x where the condition holds, y elsewhere."""
    return Tensor(ops.where(as_node(condition), *as_nodes(x, y)))


# Configs and profiles know functions by their names.
for _name, _function in list(globals().items()):
    if getattr(_function, "__name__", None) == "apply":
        _function.__name__ = _function.__qualname__ = _name
