"""Made-up data: shapes, classes that can be learned, Keras 1's names."""

from __future__ import annotations

import numpy as np

from graphc.keras.utils.test_utils import get_test_data


def test_rows_lie_around_their_classes() -> None:
    np.random.seed(3)
    (x, y), (x_test, y_test) = get_test_data(300, 40, (4, 6), num_classes=3)
    assert x.shape == (300, 4, 6) and x_test.shape == (40, 4, 6) and x.dtype == np.float32
    assert set(y) == {0, 1, 2} and y_test.shape == (40,)
    assert np.abs(x.mean((1, 2)) - y).max() < 0.7


def test_rows_of_numbers_lie_around_the_same_number() -> None:
    np.random.seed(4)
    (x, y), (_, y_test) = get_test_data(200, 30, (50,), (70,), classification=False)
    assert y.shape == (200, 70) and y_test.shape == (30, 70)
    assert np.abs(x.mean(1) - y.mean(1)).max() < 0.6


def test_the_names_of_keras_1() -> None:
    np.random.seed(5)
    new = get_test_data(7, 3, num_classes=4)
    np.random.seed(5)
    old = get_test_data(nb_train=7, nb_test=3, nb_class=4)
    assert all(np.array_equal(a, b) for pair in zip(new, old) for a, b in zip(*pair))
