"""Activation functions, dropout and what layers of neurons share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import ops
from graphc.errors import OptionError
from graphc.keras.backend.common import normalize_data_format
from graphc.keras.backend.random import random_state
from graphc.keras.backend.shape import as_dims
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.utils.generic_utils import transpose_shape
from graphc.keras.utils.location import located


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Return x above the threshold (limited to `max_value`), alpha * (x - threshold) at and below it."""
    n = as_node(x)
    above = ops.relu(n) if threshold == 0 else ops.where(ops.greater(n, threshold), n, 0.0)
    if max_value is not None:
        above = ops.clip(above, 0.0, max_value)
    if np.ndim(alpha) == 0 and alpha == 0:
        return Tensor(above)
    return Tensor(above - as_node(alpha, n) * ops.relu(threshold - n))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return Tensor(ops.elu(as_node(x), float(alpha)))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Return exp(x) / sum(exp(x)) over the axis, without overflow."""
    return Tensor(ops.softmax(as_node(x), axis))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """Return log(softmax(x)) over the axis, without the logarithm of a number rounded to 0."""
    return Tensor(ops.log_softmax(as_node(x), axis))


def leaky_relu(x: Any, alpha: float = 0.2) -> Tensor:
    """Return x where it is positive, alpha * x elsewhere."""
    return Tensor(ops.leaky_relu(as_node(x), float(alpha)))


def selu(x: Any) -> Tensor:
    """Return the scaled exponential linear unit, whose fixed point has mean 0 and variance 1."""
    return Tensor(ops.selu(as_node(x)))


def gelu(x: Any) -> Tensor:
    """Return x times the normal distribution function of x."""
    return Tensor(ops.gelu(as_node(x)))


def swish(x: Any) -> Tensor:
    """Return x * sigmoid(x)."""
    return Tensor(ops.swish(as_node(x)))


def softplus(x: Any) -> Tensor:
    """Return log(1 + exp(x)), without overflow."""
    return Tensor(ops.softplus(as_node(x)))


def softsign(x: Any) -> Tensor:
    """Return x / (1 + |x|)."""
    return Tensor(ops.softsign(as_node(x)))


def sigmoid(x: Any) -> Tensor:
    """Return 1 / (1 + exp(-x))."""
    return Tensor(ops.sigmoid(as_node(x)))


def hard_sigmoid(x: Any) -> Tensor:
    """Return 0.2 * x + 0.5, limited to [0, 1]."""
    return Tensor(ops.hard_sigmoid(as_node(x)))


def tanh(x: Any) -> Tensor:
    """Return the hyperbolic tangent."""
    return Tensor(ops.tanh(as_node(x)))


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Tensor:
    """Return x with a random share `level` of its elements zero and the others divided by 1 - level.

    `noise_shape` (None for a size of x) is the shape of the decision: axes of size 1 are dropped or kept as a whole.
    Raises OptionError where level is outside [0, 1).
    """
    if not 0.0 <= level < 1.0:
        raise OptionError(located(f"the level of dropout must be in [0, 1). Received: {level}"))
    n = as_node(x)
    shape = n.shape
    if noise_shape is not None:
        shape = as_dims([d if s is None else s for s, d in zip(noise_shape, n.shape)])
    noise = ops.random_uniform(shape, random_state(seed), 0.0, 1.0, n.dtype)
    return Tensor(ops.where(ops.greater_equal(noise, level), n * (1.0 / (1.0 - level)), 0.0))


def l2_normalize(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return x divided by its Euclidean norm over the axis (all elements for None); norms below 1e-6 count as 1e-6."""
    return Tensor(ops.l2_normalize(as_node(x), tuple(axis) if isinstance(axis, (list, tuple)) else axis))


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Tensor:
    """Return x plus a bias for each channel, or for each position and channel.

    Raises OptionError where the bias has neither 1 axis nor one less than x.
    """
    data_format = normalize_data_format(data_format)
    n, b = as_nodes(x, bias)
    if b.rank not in (1, n.rank - 1):
        raise OptionError(located(f"Unexpected bias dimensions {b.rank}, expect to be 1 or {n.rank - 1} dimensions"))
    if n.rank > 2:
        shape = (1,) * (n.rank - 1) + b.shape if b.rank == 1 else (1, *b.shape)
        b = ops.reshape(b, transpose_shape(shape, data_format, tuple(range(1, n.rank - 1))))
    return Tensor(n + b)
