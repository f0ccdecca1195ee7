"""The backend of Keras 1: old names of functions and of their arguments mean the same, and say the new ones."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K

GENERATOR = np.random.default_rng(31)
IMAGES = GENERATOR.normal(size=(2, 3, 7, 6)).astype("float32")
LAST = K.constant(IMAGES)
FIRST = K.constant(IMAGES.transpose(0, 3, 1, 2))
KERNEL = K.constant(GENERATOR.normal(size=(2, 3, 6, 5)))
VOLUMES = K.constant(GENERATOR.normal(size=(2, 3, 4, 5, 2)))
STEPS = K.constant(GENERATOR.normal(size=(2, 7, 6)))

RENAMED = [
    ("resize_images", {"X": FIRST, "height_factor": 2, "width_factor": 3, "dim_ordering": "th"},
     {"x": FIRST, "height_factor": 2, "width_factor": 3, "data_format": "channels_first"}),
    ("resize_volumes", {"X": VOLUMES, "depth_factor": 2, "height_factor": 1, "width_factor": 3, "dim_ordering": "tf"},
     {"x": VOLUMES, "depth_factor": 2, "height_factor": 1, "width_factor": 3, "data_format": "channels_last"}),
    ("spatial_2d_padding", {"x": FIRST, "padding": (1, 2), "dim_ordering": "th"},
     {"x": FIRST, "padding": ((1, 1), (2, 2)), "data_format": "channels_first"}),
    ("conv1d", {"x": STEPS, "kernel": K.constant(np.ones((3, 6, 4))), "stride": 2, "border_mode": "same"},
     {"x": STEPS, "kernel": K.constant(np.ones((3, 6, 4))), "strides": 2, "padding": "same"}),
    ("conv2d", {"x": LAST, "kernel": KERNEL, "border_mode": "same", "dim_ordering": "tf", "filter_dilation": (1, 2)},
     {"x": LAST, "kernel": KERNEL, "padding": "same", "data_format": "channels_last", "dilation_rate": (1, 2)}),
    ("conv2d", {"x": LAST, "kernel": KERNEL, "image_shape": (2, 3, 7, 6), "filter_shape": None},
     {"x": LAST, "kernel": KERNEL}),
    ("pool2d", {"x": FIRST, "pool_size": (2, 3), "border_mode": "same", "dim_ordering": "th", "pool_mode": "avg"},
     {"x": FIRST, "pool_size": (2, 3), "padding": "same", "data_format": "channels_first", "pool_mode": "avg"}),
    ("expand_dims", {"x": STEPS, "dim": 1}, {"x": STEPS, "axis": 1}),
    ("one_hot", {"indices": K.constant([1, 3], "int32"), "nb_classes": 5},
     {"indices": K.constant([1, 3], "int32"), "num_classes": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
def test_old_arguments_mean_the_same(name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match=f"Update your `{name}` call to the Keras 2 API"):
        result = K.eval(getattr(K, name)(**old))
    np.testing.assert_array_equal(result, K.eval(getattr(K, name)(**new)))


@pytest.mark.filterwarnings("ignore:Update your")
def test_old_names_of_random_numbers() -> None:
    normal = K.eval(K.random_normal((500, 40), mean=3.0, std=0.5, seed=7))
    np.testing.assert_array_equal(normal, K.eval(K.random_normal((500, 40), 3.0, 0.5, seed=7)))
    uniform = K.eval(K.random_uniform((500, 40), low=2.0, high=4.0))
    assert uniform.min() >= 2
    assert uniform.max() > 3.9


@pytest.mark.filterwarnings("ignore:Update your")
def test_old_functions() -> None:
    def equal(a: Any, b: Any) -> None:
        np.testing.assert_array_equal(K.eval(a), K.eval(b))

    equal(K.lesser(STEPS, 0.5), K.less(STEPS, 0.5))
    equal(K.lesser_equal(STEPS, 0.5), K.less_equal(STEPS, 0.5))
    equal(K.asymmetric_temporal_padding(STEPS, 2, 3), K.temporal_padding(STEPS, (2, 3)))
    equal(
        K.asymmetric_spatial_2d_padding(FIRST, 1, 2, 3, 4, dim_ordering="th"),
        K.spatial_2d_padding(FIRST, ((1, 2), (3, 4)), "channels_first"),
    )
    equal(
        K.atrous_conv2d(LAST, KERNEL, rate=2, border_mode="same", dim_ordering="tf"),
        K.conv2d(LAST, KERNEL, padding="same", dilation_rate=(2, 2)),
    )
    kernel = K.constant(GENERATOR.normal(size=(2, 3, 5, 6)))
    shape = (2, 6, 15, 5)
    equal(
        K.deconv2d(LAST, kernel, shape, strides=(2, 2), border_mode="valid", image_shape=None),
        K.conv2d_transpose(LAST, kernel, shape, (2, 2), "valid"),
    )
