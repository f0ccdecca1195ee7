"""Made-up data to try models on."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: tuple[int, ...] = (10,),
    output_shape: tuple[int, ...] = (2,),
    classification: bool = True,
    num_classes: int = 2,
    nb_train: int | None = None,
    nb_test: int | None = None,
    nb_class: int | None = None,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return ((x, y) to train on, (x, y) to test on): rows of `input_shape` around a number that y tells.

    With `classification` y are the classes, integers below `num_classes`, and a row is spread around its class; else y
    are rows of `output_shape` spread around the same number between 0 and 1 as x. The spread is 0.7; float32. Numbers
    are drawn by `numpy.random`, as Keras draws them. `nb_train`, `nb_test` and `nb_class` are Keras 1's names.
    """
    num_train, num_test = nb_train or num_train, nb_test or num_test
    num_classes = nb_class or num_classes
    count = num_train + num_test
    if classification:
        y = np.random.randint(0, num_classes, (count,))
        x = np.array([np.random.normal(c, 0.7, input_shape) for c in y], "float32")
    else:
        pairs = [
            (np.random.normal(c, 0.7, input_shape), np.random.normal(c, 0.7, output_shape))
            for c in np.random.random((count,))
        ]
        x, y = (np.array(rows, "float32") for rows in zip(*pairs))
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])
