"""Regularizers: penalties on weights and activities, added to the loss."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras import backend as K
from graphc.keras.utils.generic_utils import deserialize_keras_object, object_of, serialize_keras_object


class Regularizer:
    """Base of regularizers: `regularizer(x)` gives a scalar."""

    def __call__(self, x: Any) -> Any:
        return 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Return the regularizer of a config."""
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x * x)."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = K.cast_to_floatx(l1)
        self.l2 = K.cast_to_floatx(l2)

    def __call__(self, x: Any) -> Any:
        penalty: Any = 0.0
        if self.l1:
            penalty += K.sum(self.l1 * K.abs(x))
        if self.l2:
            penalty += K.sum(self.l2 * K.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal regularizer."""
        return {"l1": float(self.l1), "l2": float(self.l2)}


def l1(l: float = 0.01) -> L1L2:  # noqa: E741  the argument's name in Keras
    """Return the penalty l * sum(|x|)."""
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741  the argument's name in Keras
    """Return the penalty l * sum(x * x)."""
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Return the penalty l1 * sum(|x|) + l2 * sum(x * x)."""
    return L1L2(l1, l2)


def _renamed(old: str, new: str) -> None:
    warnings.warn(f"`{old}` is the Keras 1 spelling of `{new}`", UserWarning, stacklevel=3)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Keras 1 name of `l1_l2`."""
    _renamed("l1l2", "l1_l2")
    return L1L2(l1, l2)


def activity_l1(l: float = 0.01) -> L1L2:  # noqa: E741  the argument's name in Keras
    """Keras 1 name of `l1` on activities."""
    _renamed("activity_l1", "l1")
    return L1L2(l1=l)


def activity_l2(l: float = 0.01) -> L1L2:  # noqa: E741  the argument's name in Keras
    """Keras 1 name of `l2` on activities."""
    _renamed("activity_l2", "l2")
    return L1L2(l2=l)


def activity_l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Keras 1 name of `l1_l2` on activities."""
    _renamed("activity_l1l2", "l1_l2")
    return L1L2(l1, l2)


def WeightRegularizer(l1: float = 0.0, l2: float = 0.0) -> L1L2:
    """Keras 1 name of `L1L2` on weights."""
    _renamed("WeightRegularizer", "L1L2")
    return L1L2(l1, l2)


def ActivityRegularizer(l1: float = 0.0, l2: float = 0.0) -> L1L2:
    """Keras 1 name of `L1L2` on activities."""
    _renamed("ActivityRegularizer", "L1L2")
    return L1L2(l1, l2)


L1L2Regularizer = L1L2


def serialize(regularizer: Any) -> Any:
    """Return the config of a regularizer, or the name of a function."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the regularizer of a config; Keras 1 configs, {name, l1, l2}, are understood.

    Raises ValueError for an unknown one.
    """
    if isinstance(config, dict) and "class_name" not in config and "name" in config:
        arguments = {name: value for name, value in config.items() if name != "name"}
        config = {"class_name": config["name"], "config": arguments}
    return deserialize_keras_object(config, globals(), custom_objects, "regularizer")


def get(identifier: Any) -> Any:
    """Return the regularizer that a config, a name or a callable stands for; None for None.

    Raises ValueError for others.
    """
    return None if identifier is None else object_of(identifier, deserialize, "regularizer")
