"""Loss functions: (y_true, y_pred) -> one number a sample (and step), reduced over the last axis."""

from __future__ import annotations

from typing import Any

from graphc.keras import backend as K
from graphc.keras.utils.generic_utils import deserialize_keras_object, object_of, serialize_keras_object


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return mean((y_pred - y_true)^2)."""
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return mean(|y_pred - y_true|)."""
    return K.mean(K.abs(y_pred - y_true), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Return 100 * mean(|y_true - y_pred| / max(|y_true|, epsilon))."""
    relative = K.abs((y_true - y_pred) / K.clip(K.abs(y_true), K.epsilon(), None))
    return 100.0 * K.mean(relative, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Return mean((log(y_pred + 1) - log(y_true + 1))^2), both at least epsilon."""
    predicted = K.log(K.clip(y_pred, K.epsilon(), None) + 1.0)
    wanted = K.log(K.clip(y_true, K.epsilon(), None) + 1.0)
    return K.mean(K.square(predicted - wanted), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return mean(max(1 - y_true * y_pred, 0)^2)."""
    return K.mean(K.square(K.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return mean(max(1 - y_true * y_pred, 0))."""
    return K.mean(K.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return max(0, 1 + the best score of another class - the score of the target class)."""
    target = K.sum(y_true * y_pred, axis=-1)
    best_other = K.max((1.0 - y_true) * y_pred, axis=-1)
    return K.maximum(0.0, best_other - target + 1.0)


def logcosh(y_true: Any, y_pred: Any) -> Any:
    """Return mean(log(cosh(y_pred - y_true))), without overflow."""
    x = y_pred - y_true
    return K.mean(x + K.softplus(-2.0 * x) - K.log(2.0), axis=-1)


def categorical_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Return the cross-entropy of one-hot (or soft) targets and class probabilities."""
    return K.categorical_crossentropy(y_true, y_pred)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Return the cross-entropy of target classes and class probabilities."""
    return K.sparse_categorical_crossentropy(y_true, y_pred)


def binary_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Return the mean cross-entropy of targets in [0, 1] and probabilities."""
    return K.mean(K.binary_crossentropy(y_true, y_pred), axis=-1)


def kullback_leibler_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return sum(y_true * log(y_true / y_pred)), both limited to [epsilon, 1]."""
    y_true = K.clip(y_true, K.epsilon(), 1)
    y_pred = K.clip(y_pred, K.epsilon(), 1)
    return K.sum(y_true * K.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return mean(y_pred - y_true * log(y_pred + epsilon))."""
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), axis=-1)


def cosine_proximity(y_true: Any, y_pred: Any) -> Any:
    """Return minus the cosine of the angle between y_true and y_pred."""
    return -K.sum(K.l2_normalize(y_true, axis=-1) * K.l2_normalize(y_pred, axis=-1), axis=-1)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_proximity


def serialize(loss: Any) -> Any:
    """Return the function's name, or the config of an object that has one."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the loss of a name or config. Raises ValueError for an unknown one."""
    return deserialize_keras_object(name, globals(), custom_objects, "loss function")


def get(identifier: Any) -> Any:
    """Return the loss that a name, a config or a callable stands for; None for None. Raises ValueError for others."""
    return None if identifier is None else object_of(identifier, deserialize, "loss function", by_name=True)
