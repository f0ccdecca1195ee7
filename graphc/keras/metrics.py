"""Metrics: (y_true, y_pred) -> one number a sample, or one for the batch."""

from __future__ import annotations

from typing import Any

from graphc.errors import OptionError
from graphc.keras import backend as K
from graphc.keras.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    cosine_proximity,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from graphc.keras.utils.generic_utils import deserialize_keras_object, object_of, serialize_keras_object
from graphc.keras.utils.location import located

__all__ = [
    "MAE", "MAPE", "MSE", "MSLE", "binary_accuracy", "binary_crossentropy", "categorical_accuracy",
    "categorical_crossentropy", "cosine", "cosine_proximity", "deserialize", "fbeta_score", "fmeasure", "get", "hinge",
    "kullback_leibler_divergence", "logcosh", "mae", "mape", "matthews_correlation", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle", "poisson",
    "precision", "recall", "serialize", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
]  # fmt: skip


def binary_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return the share of outputs whose rounded prediction is the target."""
    return K.mean(K.equal(y_true, K.round(y_pred)), axis=-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1 where the first best class is the first best class of the target."""
    return K.cast(K.equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1)), K.floatx())


def _classes(y_true: Any, y_pred: Any) -> Any:
    """Return target classes without the last axis (of size 1) that they may have."""
    return y_true[..., 0] if K.ndim(y_true) == K.ndim(y_pred) else y_true


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1 where the first best class is the target class."""
    best = K.cast(K.argmax(y_pred, axis=-1), K.floatx())
    return K.cast(K.equal(_classes(y_true, y_pred), best), K.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return the share of the batch whose target class is among the k best; ties at the k-th place count."""
    return K.mean(K.in_top_k(y_pred, K.argmax(y_true, axis=-1), k), axis=-1)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return the share of the batch whose target class is among the k best; ties at the k-th place count."""
    return K.mean(K.in_top_k(y_pred, K.cast(_classes(y_true, y_pred), "int32"), k), axis=-1)


def _positives(y: Any) -> Any:
    return K.round(K.clip(y, 0, 1))


def precision(y_true: Any, y_pred: Any) -> Any:
    """Return the share of the batch's positive predictions that are right (a metric of Keras 1)."""
    return K.sum(_positives(y_true * y_pred)) / (K.sum(_positives(y_pred)) + K.epsilon())


def recall(y_true: Any, y_pred: Any) -> Any:
    """Return the share of the batch's positive targets that are found (a metric of Keras 1)."""
    return K.sum(_positives(y_true * y_pred)) / (K.sum(_positives(y_true)) + K.epsilon())


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1) -> Any:
    """Return the weighted harmonic mean of precision and recall, 0 without positive targets (a metric of Keras 1).

    Raises OptionError for a negative beta.
    """
    if beta < 0:
        raise OptionError(located(f"The lowest choosable beta is zero (only precision). Received: {beta}"))
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    score = (1 + beta**2) * (p * r) / (beta**2 * p + r + K.epsilon())
    return K.switch(K.equal(K.sum(_positives(y_true)), 0.0), 0.0 * score, score)


def fmeasure(y_true: Any, y_pred: Any) -> Any:
    """Return the harmonic mean of precision and recall (a metric of Keras 1)."""
    return fbeta_score(y_true, y_pred, beta=1)


def matthews_correlation(y_true: Any, y_pred: Any) -> Any:
    """Return the correlation of binary targets and predictions over the batch (a metric of Keras 1)."""
    predicted, actual = _positives(y_pred), _positives(y_true)
    hits, rejections = K.sum(actual * predicted), K.sum((1.0 - actual) * (1.0 - predicted))
    false_alarms, misses = K.sum((1.0 - actual) * predicted), K.sum(actual * (1.0 - predicted))
    spread = (hits + false_alarms) * (hits + misses) * (rejections + false_alarms) * (rejections + misses)
    return (hits * rejections - false_alarms * misses) / (K.sqrt(spread) + K.epsilon())


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
cosine = cosine_proximity


def serialize(metric: Any) -> Any:
    """Return the function's name, or the config of an object that has one."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the metric of a name or config. Raises OptionError for an unknown one."""
    return deserialize_keras_object(config, globals(), custom_objects, "metric function")


def get(identifier: Any) -> Any:
    """Return the metric that a name, a config or a callable stands for. Raises OptionError for others."""
    return object_of(identifier, deserialize, "metric function", by_name=True)
