"""Initializers: callables of a shape that give the first value of a weight."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, UsageError
from graphc.keras import backend as K
from graphc.keras.backend.sampling import Draw, draw_seed
from graphc.keras.backend.variables import fixed_value
from graphc.keras.utils.generic_utils import deserialize_keras_object, object_of, serialize_keras_object
from graphc.keras.utils.location import located

# Standard deviation of a unit normal that is cut off at two standard deviations.
_TRUNCATED_STD = 0.87962566103423978


class Initializer:
    """Base of initializers: `initializer(shape, dtype=None)` gives a tensor or an array of that shape."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return the first value of a weight of this shape."""
        raise UsageError(
            located(f"{type(self).__name__} does not say how to fill a weight: define `__call__(shape, dtype)`")
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal initializer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Return the initializer of a config; a `dtype` in it (tf.keras writes one) is ignored."""
        return cls(**{name: value for name, value in config.items() if name != "dtype"})


class FixedInitializer(Initializer):
    """Base of initializers that give a `value`, a number or an array of the weight's shape."""

    value: Any

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return K.constant(self.value, dtype, shape)


class Zeros(FixedInitializer):
    """All zeros."""

    value = 0


class Ones(FixedInitializer):
    """All ones."""

    value = 1


class Constant(FixedInitializer):
    """All `value`, a number or an array of the weight's shape."""

    def __init__(self, value: Any = 0) -> None:
        self.value = value

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomInitializer(Initializer):
    """Base of initializers that draw independent numbers, all of one distribution."""

    def draw(self, shape: Sequence[int]) -> Draw:
        """Return which numbers a weight of this shape starts with; a seed that is not given is drawn here."""
        raise UsageError(located(f"{type(self).__name__} does not say what to draw: define `draw(shape)`"))

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        return self.draw(shape).array(dtype)


class RandomNormal(RandomInitializer):
    """Normal numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: Sequence[int]) -> Draw:
        return Draw("normal", tuple(shape), self.stddev, self.mean, draw_seed(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class RandomUniform(RandomInitializer):
    """Uniform numbers in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: Sequence[int]) -> Draw:
        span = self.maxval - self.minval
        return Draw("uniform", tuple(shape), span, self.minval, draw_seed(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class TruncatedNormal(RandomInitializer):
    """Normal numbers limited to two standard deviations from the mean."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: Sequence[int]) -> Draw:
        return Draw("truncated", tuple(shape), self.stddev, self.mean, draw_seed(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class VarianceScaling(RandomInitializer):
    """Random numbers of variance scale / n, n being fan in, fan out or their mean.

    `normal` is cut off at two of its own standard deviations, which are widened so that the variance stays;
    `uniform` spans [-limit, limit] with limit = sqrt(3 * scale / n). Raises OptionError for arguments out of range.
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal", seed: int | None = None
    ) -> None:
        if scale <= 0.0:
            raise OptionError(located(f"`scale` must be a positive float. Got: {scale}"))
        mode, distribution = mode.lower(), distribution.lower()
        if mode not in {"fan_in", "fan_out", "fan_avg"}:
            raise OptionError(
                located(f'Invalid `mode` argument: expected one of "fan_in", "fan_out", "fan_avg" but got {mode}')
            )
        if distribution not in {"normal", "uniform"}:
            raise OptionError(
                located(f'Invalid `distribution` argument: expected one of "normal", "uniform" but got {distribution}')
            )
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def draw(self, shape: Sequence[int]) -> Draw:
        fan_in, fan_out = _compute_fans(shape)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        seed = draw_seed(self.seed)
        if self.distribution == "normal":
            return Draw("truncated", tuple(shape), math.sqrt(variance) / _TRUNCATED_STD, 0.0, seed)
        limit = math.sqrt(3.0 * variance)
        return Draw("uniform", tuple(shape), 2.0 * limit, -limit, seed)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


class Orthogonal(Initializer):
    """A matrix of orthonormal rows or columns (whichever are fewer) times `gain`; other shapes are folded into one."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        flat = (math.prod(shape[:-1]), shape[-1])
        if self.seed is not None:
            np.random.seed(self.seed)
        left, _, right = np.linalg.svd(np.random.normal(0.0, 1.0, flat), full_matrices=False)
        return self.gain * (left if left.shape == flat else right).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


class Identity(Initializer):
    """The identity matrix times `gain`, repeated along the longer side. Raises OptionError where it cannot be."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        if len(shape) != 2:
            raise OptionError(located("Identity matrix initializer can only be used for 2D matrices."))
        short, long = min(shape), max(shape)
        if long % short:
            raise OptionError(located("Long side should be multiple of short side."))
        return self.gain * np.concatenate([np.identity(short)] * (long // short), axis=0 if shape[0] > shape[1] else 1)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Return uniform numbers of variance 1 / fan_in."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Return truncated normal numbers of variance 1 / fan_in."""
    return VarianceScaling(1.0, "fan_in", "normal", seed)


def glorot_uniform(seed: int | None = None) -> VarianceScaling:
    """Return uniform numbers of variance 2 / (fan_in + fan_out)."""
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def glorot_normal(seed: int | None = None) -> VarianceScaling:
    """Return truncated normal numbers of variance 2 / (fan_in + fan_out)."""
    return VarianceScaling(1.0, "fan_avg", "normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Return uniform numbers of variance 2 / fan_in."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Return truncated normal numbers of variance 2 / fan_in."""
    return VarianceScaling(2.0, "fan_in", "normal", seed)


zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal


def _compute_fans(shape: Sequence[int], data_format: str = "channels_last") -> tuple[float, float]:
    """Return (fan in, fan out) of a weight: matrices, kernels of 1 to 3 axes of space; sqrt(size) twice for others.

    Raises OptionError for an unknown data format.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) not in (3, 4, 5):
        return math.sqrt(math.prod(shape)), math.sqrt(math.prod(shape))
    if data_format == "channels_first":
        field = math.prod(shape[2:])
        return shape[1] * field, shape[0] * field
    if data_format == "channels_last":
        field = math.prod(shape[:-2])
        return shape[-2] * field, shape[-1] * field
    raise OptionError(located(f"Invalid data_format: {data_format}"))


def serialize(initializer: Any) -> Any:
    """Return the config of an initializer, or the name of a function."""
    return serialize_keras_object(initializer)


def first_value(initializer: Any, shape: tuple[int, ...]) -> Any:
    """Return what an initializer starts a weight with; large draws are left to be made when the weight is needed."""
    if isinstance(initializer, RandomInitializer) and type(initializer).__call__ is RandomInitializer.__call__:
        draw = initializer.draw(shape)
        return draw if draw.is_large else draw.array()
    if isinstance(initializer, FixedInitializer) and type(initializer).__call__ is FixedInitializer.__call__:
        # Without a constant in the graph.
        return fixed_value(initializer.value, None, shape)
    return initializer(shape)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the initializer of a config. Raises OptionError for an unknown one."""
    return deserialize_keras_object(config, globals(), custom_objects, "initializer")


def get(identifier: Any) -> Any:
    """Return the initializer that a config, a name or a callable stands for. Raises OptionError for others.

    A function that asks for a `name` beside the shape, as those of Keras 1 may, is given None.
    """
    found = object_of(identifier, deserialize, "initializer")
    if not inspect.isfunction(found):
        return found
    name = inspect.signature(found).parameters.get("name")
    is_needed = name is not None and name.default is name.empty
    return functools.wraps(found)(functools.partial(found, name=None)) if is_needed else found
