"""One-hot classes and normalised rows."""

import numpy as np
import pytest

from graphc.keras.utils import normalize, to_categorical
from graphc.keras.utils.np_utils import categorical_probas_to_classes, probas_to_classes


@pytest.mark.parametrize("shape", [(), (5,), (5, 1), (2, 3), (2, 3, 1)])
def test_one_hot_shapes(shape: tuple[int, ...]) -> None:
    classes = np.random.default_rng(0).integers(0, 4, shape)
    rows = to_categorical(classes, 7)
    kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
    assert rows.shape == (*kept, 7)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.argmax(-1), classes.reshape(kept))
    np.testing.assert_array_equal(rows.sum(-1), np.ones(kept))


def test_classes_are_counted() -> None:
    np.testing.assert_array_equal(to_categorical([0, 2], dtype="int8"), [[1, 0, 0], [0, 0, 1]])


def test_norms() -> None:
    rows = normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(
        normalize(np.array([[3.0, 4.0], [1.0, 4.0]]), axis=0, order=1), [[0.75, 0.5], [0.25, 0.5]]
    )


def test_probabilities_to_classes() -> None:
    rows = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    np.testing.assert_array_equal(probas_to_classes(rows), [1, 0])
    np.testing.assert_array_equal(categorical_probas_to_classes(rows), [1, 0])
    np.testing.assert_array_equal(probas_to_classes(np.array([[0.2], [0.7], [0.5]])), [[0], [1], [0]])
