"""Activation functions."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.errors import OptionError
from graphc.keras import backend as K
from graphc.keras.utils.generic_utils import deserialize_keras_object
from graphc.keras.utils.location import located

# The fixed point of the self-normalizing network: mean 0 and variance 1 are kept (Klambauer et al., 2017).
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) / sum(exp(x)) over the axis. Raises OptionError for a tensor of one axis."""
    if K.ndim(x) < 2:
        raise OptionError(located(f"Cannot apply softmax to a tensor that is 1D. Received input: {x}"))
    return K.softmax(x, axis=axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return K.elu(x, alpha)


def selu(x: Any) -> Any:
    """Return the scaled exponential linear unit."""
    return _SELU_SCALE * K.elu(x, _SELU_ALPHA)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x))."""
    return K.softplus(x)


def softsign(x: Any) -> Any:
    """Return x / (1 + |x|)."""
    return K.softsign(x)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Return x above the threshold (limited to `max_value`), alpha * (x - threshold) at and below it."""
    return K.relu(x, alpha=alpha, max_value=max_value, threshold=threshold)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return K.tanh(x)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return K.sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """Return 0.2 * x + 0.5, limited to [0, 1]."""
    return K.hard_sigmoid(x)


def exponential(x: Any) -> Any:
    """Return exp(x)."""
    return K.exp(x)


def linear(x: Any) -> Any:
    """Return x."""
    return x


def serialize(activation: Any) -> str:
    """Return the function's name."""
    return str(activation.__name__)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the function of this name. Raises OptionError for an unknown one."""
    return deserialize_keras_object(name, globals(), custom_objects, "activation function")


def get(identifier: Any) -> Any:
    """Return the function that a name or a callable stands for, `linear` for None. Raises OptionError for others."""
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return deserialize(identifier)
    if not callable(identifier):
        raise OptionError(located(f"Could not interpret activation function identifier: {identifier!r}"))
    if hasattr(identifier, "_inbound_nodes"):
        warnings.warn(
            f"Do not pass a layer instance (such as {type(identifier).__name__}) as the activation argument of another "
            "layer. Instead, advanced activation layers should be used just like any other layer in a model.",
            stacklevel=2,
        )
    return identifier
