"""Weights of another backend or order of axes: turned and reordered, the network computes what it should."""

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras.layers import Conv2D, Dense, Flatten
from graphc.keras.models import Sequential
from graphc.keras.utils.layer_utils import convert_all_kernels_in_model, convert_dense_weights_data_format


def test_kernels_are_turned_and_turned_back() -> None:
    model = Sequential([Conv2D(4, (3, 2), input_shape=(7, 6, 3)), Flatten(), Dense(5)])
    before = model.get_weights()
    convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0][::-1, ::-1])
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
def test_dense_behind_flatten(target: str) -> None:
    images = np.random.default_rng(2).standard_normal((2, 7, 6, 3)).astype("float32")
    moved = np.moveaxis(images, -1, 1)
    old, new = (images, moved) if target == "channels_first" else (moved, images)
    dense = Dense(5, input_shape=(126,))
    model = Sequential([dense])
    expected = model.predict(old.reshape(2, -1))
    convert_dense_weights_data_format(dense, new.shape[1:], target)
    np.testing.assert_allclose(model.predict(new.reshape(2, -1)), expected, rtol=1e-5, atol=1e-5)


def test_shapes_that_do_not_fit() -> None:
    dense = Dense(5, input_shape=(126,), name="it")
    Sequential([dense])
    with pytest.raises(ShapeError, match="126 inputs of layer 'it'"):
        convert_dense_weights_data_format(dense, (7, 6, 4), "channels_last")
    with pytest.raises(ShapeError, match="channels_middle"):
        convert_dense_weights_data_format(dense, (7, 6, 3), "channels_middle")
