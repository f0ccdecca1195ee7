"""Random tensors: each draws new numbers at each call of a compiled function, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.graph import State
from graphc.keras.backend.common import floatx
from graphc.keras.backend.sampling import draw_seed, sample_normal, sample_uniform
from graphc.keras.backend.shape import as_dims
from graphc.keras.backend.tensor import Tensor, Variable
from graphc.keras.backend.variables import variable
from graphc.keras.legacy.functions import legacy_random_function_support

_VARIABLE_SEEDS = 10**9


def random_state(seed: int | None) -> State:
    """Return the counter of a random op; without a seed, one drawn from `np.random`, so that its seed decides all."""
    return ops.random_state(draw_seed(seed))


@legacy_random_function_support
def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Tensor:
    """Return normal numbers of this mean and standard deviation."""
    return Tensor(ops.random_normal(as_dims(shape), random_state(seed), mean, stddev, dtype or floatx()))


@legacy_random_function_support
def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Tensor:
    """Return numbers uniform in [minval, maxval)."""
    return Tensor(ops.random_uniform(as_dims(shape), random_state(seed), minval, maxval, dtype or floatx()))


def random_binomial(shape: Any, p: float = 0.0, dtype: str | None = None, seed: int | None = None) -> Tensor:
    """Return ones with probability p and zeros."""
    dtype = dtype or floatx()
    uniform = ops.random_uniform(as_dims(shape), random_state(seed), 0.0, 1.0, "float32")
    return Tensor(ops.cast(ops.less(uniform, p), dtype))


@legacy_random_function_support
def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: int | None = None
) -> Tensor:
    """Return normal numbers limited to two standard deviations from the mean."""
    return Tensor(ops.random_truncated_normal(as_dims(shape), random_state(seed), mean, stddev, dtype or floatx()))


# The names of the ops.
random_bernoulli, random_truncated_normal = random_binomial, truncated_normal


def random_uniform_variable(
    shape: Sequence[int],
    low: float,
    high: float,
    dtype: str | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """Return a variable that starts with numbers uniform in [low, high)."""
    return variable(sample_uniform(shape, low, high, dtype, draw_seed(seed, _VARIABLE_SEEDS)), dtype, name)


def random_normal_variable(
    shape: Sequence[int],
    mean: float,
    scale: float,
    dtype: str | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """Return a variable that starts with normal numbers of this mean and standard deviation."""
    return variable(sample_normal(shape, mean, scale, dtype, draw_seed(seed, _VARIABLE_SEEDS)), dtype, name)
