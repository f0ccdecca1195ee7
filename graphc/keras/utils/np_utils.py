"""Arrays prepared for training: one-hot classes, normalised rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def to_categorical(y: Any, num_classes: int | None = None, dtype: str = "float32") -> Array:
    """Return integer classes as rows with a single 1: shape `y.shape + (num_classes,)`.

    A last axis of size 1 is dropped first. `num_classes` is the largest class + 1 unless given.
    """
    classes = np.array(y, dtype="int")
    shape = classes.shape[:-1] if classes.ndim > 1 and classes.shape[-1] == 1 else classes.shape
    flat = classes.ravel()
    count = int(num_classes or flat.max() + 1)
    rows = np.zeros((flat.size, count), dtype=dtype)
    rows[np.arange(flat.size), flat] = 1
    return rows.reshape((*shape, count))


def normalize(x: Any, axis: int = -1, order: int = 2) -> Array:
    """Return `x` divided by its norm of this order along the axis; zero vectors stay zero."""
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    result: Array = x / np.expand_dims(norms, axis)
    return result


def probas_to_classes(y_pred: Any) -> Array:
    """Return the classes of rows of probabilities; of a single column, 1 where it is above a half. Keras 1's."""
    probabilities = np.asarray(y_pred)
    if probabilities.ndim > 1 and probabilities.shape[1] > 1:
        return categorical_probas_to_classes(probabilities)
    return (probabilities > 0.5).astype("int")


def categorical_probas_to_classes(p: Any) -> Array:
    """Return the class of each row of probabilities. Keras 1's."""
    classes: Array = np.asarray(p).argmax(axis=1)
    return classes
