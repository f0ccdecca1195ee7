"""TFOptimizer: Keras's wrapper of TensorFlow's optimizers, which cannot work here and says what can."""

from __future__ import annotations

from typing import Any

from graphc.errors import DTypeError
from graphc.keras.optimizers.base import Optimizer
from graphc.keras.utils.location import located

_EQUALS = {
    "Adadelta": "Adadelta",
    "Adagrad": "Adagrad",
    "Adam": "Adam",
    "GradientDescent": "SGD",
    "Momentum": "SGD(momentum=...)",
    "RMSProp": "RMSprop",
}


class TFOptimizer(Optimizer):
    """Raises DTypeError (a TypeError): an optimizer of TensorFlow cannot compute on tensors that are not its own.

    The message names the equal in keras.optimizers.
    """

    def __init__(self, optimizer: Any) -> None:
        name = type(optimizer).__name__
        equal = _EQUALS.get(name.removesuffix("Optimizer"), "SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax or Nadam")
        raise DTypeError(
            located(
                f"{name} is no optimizer of keras and computes on TensorFlow's tensors: use keras.optimizers.{equal}"
            )
        )


def is_of_tensorflow(optimizer: Any) -> bool:
    """Tell whether an object is an optimizer of TensorFlow, by where its class comes from."""
    return any(c.__module__.partition(".")[0] == "tensorflow" for c in type(optimizer).__mro__)
