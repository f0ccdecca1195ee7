"""Elementwise functions of one float operand; integers are lifted to float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc import ops
from graphc.graph import Node
from graphc.ops import special
from graphc.ops.define import Array, Gradient, Unary, between, unary

_ROOT_PI = math.sqrt(math.pi)
_POSITIVE = (between(0.5, 3.0, (3, 5)),)
_INSIDE = (between(-0.9, 0.9, (3, 5)),)


def _derivative(rule: Callable[[Node, Node], Node]) -> Gradient:
    """Return the gradient whose factor is `rule(x, n)`: the derivative by the operand or by the result."""
    return lambda n, g: (g * rule(n.inputs[0], n),)


def _sigmoid(x: Array) -> Array:
    # Each half with the exponential that cannot overflow.
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def _rsqrt(x: Array) -> Array:
    return np.asarray(1 / np.sqrt(x))


exp = unary("exp", np.exp, "e to the power x.", _derivative(lambda x, n: n), cost=10)
expm1 = unary("expm1", np.expm1, "exp(x) - 1, precise near 0.", _derivative(lambda x, n: n + 1.0), cost=14)
log = unary("log", np.log, "The natural logarithm; -inf at 0, nan below.", lambda n, g: (g / n.inputs[0],), cost=12,
            samples=_POSITIVE)  # fmt: skip
log1p = unary("log1p", np.log1p, "log(1 + x), precise near 0.", lambda n, g: (g / (n.inputs[0] + 1.0),), cost=14,
              samples=_POSITIVE)  # fmt: skip
sqrt = unary("sqrt", np.sqrt, "The square root; nan below 0.", lambda n, g: (g * 0.5 / n,), cost=4, samples=_POSITIVE)
rsqrt = unary("rsqrt", _rsqrt, "1 / sqrt(x).", _derivative(lambda x, n: n * n * n * -0.5), cost=6, samples=_POSITIVE)
tanh = unary("tanh", np.tanh, "The hyperbolic tangent.", _derivative(lambda x, n: 1.0 - n * n), cost=12)
sigmoid = unary("sigmoid", _sigmoid, "1 / (1 + exp(-x)).", _derivative(lambda x, n: n * (1.0 - n)), cost=12)
erf = unary("erf", special.erf, "The error function, 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.",
            _derivative(lambda x, n: exp(-(x * x)) * (2.0 / _ROOT_PI)), cost=15)  # fmt: skip
erfinv = unary("erfinv", special.erfinv, "The inverse of erf; infinite at -1 and 1.",
               _derivative(lambda x, n: exp(n * n) * (_ROOT_PI / 2.0)), cost=30, samples=_INSIDE)  # fmt: skip
sin = unary("sin", np.sin, "The sine.", _derivative(lambda x, n: cos(x)), cost=15)
cos: Unary = unary("cos", np.cos, "The cosine.", _derivative(lambda x, n: -sin(x)), cost=15)
tan = unary("tan", np.tan, "The tangent.", _derivative(lambda x, n: n * n + 1.0), cost=25, samples=_INSIDE)
arcsin = unary("arcsin", np.arcsin, "The angle in [-pi / 2, pi / 2] whose sine is x.",
               _derivative(lambda x, n: ops.rsqrt(1.0 - x * x)), cost=20, samples=_INSIDE)  # fmt: skip
arccos = unary("arccos", np.arccos, "The angle in [0, pi] whose cosine is x.",
               _derivative(lambda x, n: -ops.rsqrt(1.0 - x * x)), cost=20, samples=_INSIDE)  # fmt: skip
arctan = unary("arctan", np.arctan, "The angle in [-pi / 2, pi / 2] whose tangent is x.",
               lambda n, g: (g / (n.inputs[0] * n.inputs[0] + 1.0),), cost=20)  # fmt: skip
sinh = unary("sinh", np.sinh, "The hyperbolic sine.", _derivative(lambda x, n: cosh(x)), cost=20)
cosh: Unary = unary("cosh", np.cosh, "The hyperbolic cosine.", _derivative(lambda x, n: sinh(x)), cost=20)
