"""Optimizers: from gradients to updates, with the formulas and defaults of Keras 2.2.4."""

from __future__ import annotations

from typing import Any

from graphc.errors import OptionError
from graphc.keras.optimizers.adam import Adam, Adamax, Nadam
from graphc.keras.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from graphc.keras.optimizers.base import Optimizer, clip_norm
from graphc.keras.optimizers.sgd import SGD
from graphc.keras.optimizers.tensorflow import TFOptimizer, is_of_tensorflow
from graphc.keras.utils.generic_utils import deserialize_keras_object, serialize_keras_object
from graphc.keras.utils.location import located

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "Optimizer", "RMSprop", "TFOptimizer", "adadelta",
    "adagrad", "adam", "adamax", "clip_norm", "deserialize", "get", "nadam", "rmsprop", "serialize", "sgd",
]  # fmt: skip

sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamax = Adamax
nadam = Nadam

_CLASSES = {c.__name__.lower(): c for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam)}


def serialize(optimizer: Optimizer) -> Any:
    """Return the config of an optimizer: {class_name, config}."""
    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the optimizer of a config. The case of its name does not matter; it is lowered in the config, as in Keras.

    Raises OptionError for an unknown one.
    """
    if config["class_name"].lower() in _CLASSES:
        config["class_name"] = config["class_name"].lower()
    return deserialize_keras_object(config, _CLASSES, custom_objects, "optimizer")


def get(identifier: Any) -> Any:
    """Return the optimizer that a config, a name or an optimizer stands for. Raises OptionError for others.

    Raises TypeError, which names the equal in Keras, for one of TensorFlow.
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, Optimizer):
        return identifier
    if is_of_tensorflow(identifier):
        return TFOptimizer(identifier)
    raise OptionError(located(f"Could not interpret optimizer identifier: {identifier!r}"))
