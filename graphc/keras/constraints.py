"""Constraints: what an optimizer does to the new value of a weight."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras import backend as K
from graphc.keras.utils.generic_utils import deserialize_keras_object, object_of, serialize_keras_object


def _norms(w: Any, axis: Any) -> Any:
    return K.sqrt(K.sum(K.square(w), axis=axis, keepdims=True))


class Constraint:
    """Base of constraints: `constraint(w)` gives the weight that takes the place of w."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal constraint."""
        return {}


class MaxNorm(Constraint):
    """Scales weights whose norm over `axis` is above `max_value` down to it."""

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        return w * (K.clip(norms, 0, self.max_value) / (K.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Makes negative weights zero."""

    def __call__(self, w: Any) -> Any:
        return w * K.cast(K.greater_equal(w, 0.0), K.floatx())


class UnitNorm(Constraint):
    """Divides weights by their norm over `axis`."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return w / (K.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the norm over `axis` the share `rate` of the way into [min_value, max_value]."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        desired = self.rate * K.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (K.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm


def maxnorm(max_value: float = 2, axis: Any = 0, m: float | None = None) -> MaxNorm:
    """Keras 1 name of `max_norm`; `m` is its old name of `max_value`."""
    if m is not None:
        warnings.warn("`m` is the Keras 1 spelling of `max_value`", UserWarning, stacklevel=2)
    return MaxNorm(max_value if m is None else m, axis)


def serialize(constraint: Any) -> Any:
    """Return the config of a constraint, or the name of a function."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the constraint of a config. Raises ValueError for an unknown one."""
    return deserialize_keras_object(config, globals(), custom_objects, "constraint")


def get(identifier: Any) -> Any:
    """Return the constraint that a config, a name or a callable stands for; None for None.

    Raises ValueError for others.
    """
    return None if identifier is None else object_of(identifier, deserialize, "constraint")
