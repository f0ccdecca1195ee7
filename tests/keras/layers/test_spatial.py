"""Layers of images and sequences: errors that name the layer, orders of axes, configs, old spellings."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.layers import Input

RNG = np.random.default_rng(3)


def run(layer: Any, x: np.ndarray[Any, Any], **shape: Any) -> np.ndarray[Any, Any]:
    """Return the layer's output for an array; the input's shape is known but for the batch unless given."""
    source = Input(**(shape or {"shape": x.shape[1:]}))
    (result,) = K.function([source], [layer(source)])([x])
    return np.asarray(result)


FORMATS = [
    ("Conv1D", 1, {"filters": 4, "kernel_size": 3, "padding": "same"}),
    ("Conv1D", 1, {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    ("Conv2D", 2, {"filters": 4, "kernel_size": (3, 2), "strides": (1, 2), "activation": "relu"}),
    ("Conv3D", 3, {"filters": 4, "kernel_size": (3, 1, 2), "padding": "same"}),
    ("Conv2DTranspose", 2, {"filters": 4, "kernel_size": (3, 2), "strides": (2, 3), "output_padding": (1, 0)}),
    ("Conv3DTranspose", 3, {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("SeparableConv1D", 1, {"filters": 4, "kernel_size": 3, "depth_multiplier": 2}),
    ("SeparableConv2D", 2, {"filters": 4, "kernel_size": (3, 2)}),
    ("DepthwiseConv2D", 2, {"kernel_size": (3, 2), "depth_multiplier": 2, "padding": "same"}),
    ("MaxPooling1D", 1, {"pool_size": 2}),
    ("AveragePooling2D", 2, {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}),
    ("MaxPooling3D", 3, {"pool_size": (2, 1, 3)}),
    ("GlobalMaxPooling2D", 2, {}),
    ("GlobalAveragePooling3D", 3, {}),
    ("UpSampling2D", 2, {"size": (2, 3), "interpolation": "bilinear"}),
    ("UpSampling3D", 3, {"size": (1, 3, 2)}),
    ("ZeroPadding2D", 2, {"padding": ((1, 2), (0, 3))}),
    ("ZeroPadding3D", 3, {"padding": (1, 2, 0)}),
    ("Cropping2D", 2, {"cropping": ((1, 2), (0, 3))}),
    ("Cropping3D", 3, {"cropping": 1}),
]


@pytest.mark.parametrize(("kind", "rank", "options"), FORMATS, ids=lambda v: str(v) if isinstance(v, str) else "")
def test_channels_first_is_channels_last_transposed(kind: str, rank: int, options: dict[str, Any]) -> None:
    x = RNG.standard_normal((2, *(7, 6, 5)[:rank], 3)).astype("float32")
    last = getattr(layers, kind)(**options, data_format="channels_last")
    first = getattr(layers, kind)(**options, data_format="channels_first")
    expected = run(last, x)
    first.build((None, 3, *x.shape[1:-1]))
    first.set_weights(last.get_weights())
    got = run(first, np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(np.moveaxis(got, 1, -1) if got.ndim > 2 else got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "rank", "options"), FORMATS, ids=lambda v: str(v) if isinstance(v, str) else "")
def test_config_makes_the_same_layer(kind: str, rank: int, options: dict[str, Any]) -> None:
    layer = getattr(layers, kind)(**options, name="it")
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    shape = (None, *(7, 6, 5)[:rank], 3)
    assert again.compute_output_shape(shape) == layer.compute_output_shape(shape)


def test_images_of_unknown_size() -> None:
    x = RNG.standard_normal((2, 7, 6, 3)).astype("float32")
    layer = layers.Conv2D(4, (3, 2), strides=2, padding="same")
    expected = run(layer, x)
    assert layer.compute_output_shape((None, None, None, 3)) == (None, None, None, 4)
    np.testing.assert_allclose(run(layer, x, shape=(None, None, 3)), expected, rtol=1e-5, atol=1e-6)
    back = layers.Conv2DTranspose(5, (3, 2), strides=(2, 1), padding="same")
    known = run(back, x)
    np.testing.assert_allclose(run(back, x, shape=(None, None, 3)), known, rtol=1e-5, atol=1e-6)


def test_images_of_unknown_size_that_are_made_larger_smaller_and_padded() -> None:
    x = RNG.standard_normal((2, 5, 7, 3)).astype("float32")
    made = [layers.UpSampling2D(2), layers.Conv2D(4, 3, strides=2, padding="same"), layers.ZeroPadding2D(1)]
    results = []
    for shape in ((5, 7, 3), (None, None, 3)):
        source = result = Input(shape)
        for layer in made:
            result = layer(result)
        results += K.function([source], [result])([x])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)


def test_masked_mean_over_steps_in_both_orders() -> None:
    x = RNG.standard_normal((2, 4, 3)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)
    expected = np.stack([x[0, :2].mean(0), x[1, 1:].mean(0)])
    last = layers.GlobalAveragePooling1D().call(K.constant(x), mask=K.constant(mask, dtype="bool"))
    moved = K.constant(np.moveaxis(x, 1, 2))
    first = layers.GlobalAveragePooling1D(data_format="channels_first").call(moved, K.constant(mask, dtype="bool"))
    np.testing.assert_allclose(K.eval(last), expected, rtol=1e-6)
    np.testing.assert_allclose(K.eval(first), expected, rtol=1e-6)


IMPOSSIBLE = [
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 0}, "`strides` argument must be above 0"),
    ("Conv2D", {"filters": 4, "kernel_size": (3, 3, 3)}, "`kernel_size` argument must be a tuple of 2"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, "Conv2D has no padding 'causal'"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "wide"}, "Received: wide"),
    ("Conv2D", {"filters": 0, "kernel_size": 3}, "filters above 0"),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, "SeparableConv1D has no padding"),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, "depth_multiplier above 0"),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "output_padding": 1}, "must be greater than output padding"),
    ("LocallyConnected2D", {"filters": 4, "kernel_size": 3, "padding": "same"}, "LocallyConnected2D has no padding"),
    ("MaxPooling2D", {"pool_size": (2, -1)}, "`pool_size` argument must be above 0"),
    ("MaxPooling2D", {"padding": "causal"}, "MaxPooling2D has no padding"),
    ("UpSampling2D", {"interpolation": "cubic"}, "Received: 'cubic'"),
    ("UpSampling2D", {"size": 0}, "`size` argument must be above 0"),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, "`padding` should be"),
    ("ZeroPadding2D", {"padding": -1}, "no number below 0"),
    ("Cropping3D", {"cropping": ((1, 1), (2, 2))}, "`cropping` should be"),
]


@pytest.mark.parametrize(("kind", "options", "message"), IMPOSSIBLE)
def test_impossible_options(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        getattr(layers, kind)(**options)


@pytest.mark.parametrize("kind", ["Conv2D", "MaxPooling2D", "GlobalMaxPooling2D", "UpSampling2D", "Cropping2D"])
def test_unknown_order_of_axes(kind: str) -> None:
    options = {"filters": 4, "kernel_size": 3} if kind == "Conv2D" else {}
    with pytest.raises(ValueError, match="channels_middle"):
        getattr(layers, kind)(**options, data_format="channels_middle")


CALLS = [
    ("Conv2D", {"filters": 4, "kernel_size": (8, 2)}, (7, 6, 3), "8 > 7.*layer 'it'"),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (7, 6, None), "it: the channel dimension"),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (7, 3), "layer it: expected ndim=4"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, (7, 6, 3), "both be above 1"),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, (7, 3), "expected ndim=4"),
    ("LocallyConnected1D", {"filters": 4, "kernel_size": 3}, (None, 3), "it has a kernel for each position"),
    ("LocallyConnected1D", {"filters": 4, "kernel_size": 8}, (7, 3), "it: an input of shape"),
    ("AveragePooling1D", {"pool_size": 8}, (7, 3), "layer 'it'"),
    ("Cropping2D", {"cropping": ((4, 4), (0, 0))}, (7, 6, 3), r"it: cropping .* is more than"),
]


@pytest.mark.parametrize(("kind", "options", "shape", "message"), CALLS)
def test_inputs_that_do_not_fit(kind: str, options: dict[str, Any], shape: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        getattr(layers, kind)(**options, name="it")(Input(shape=shape))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: K.conv2d(np.zeros((2, 7, 6, 3)), np.zeros((3, 2, 3, 5)), padding="full"), "Invalid padding: 'full'"),
        (lambda: K.conv2d(np.zeros((2, 7, 3)), np.zeros((3, 3, 5))), "conv2d takes inputs of 4 axes"),
        (lambda: K.conv2d(np.zeros((2, 7, 6, 3)), np.zeros((3, 2, 3, 5)), (2, 2), dilation_rate=(2, 2)), "both be"),
        (lambda: K.conv2d(np.zeros((2, 7, 6, 3)), np.zeros((3, 2, 3, 5)), (0, 1)), "`strides` argument"),
        (lambda: K.conv2d_transpose(np.zeros((2, 7, 6, 5)), np.zeros((3, 2, 3, 5)), (2, 9, 3)), "output_shape of 4"),
        (lambda: K.conv2d_transpose(np.zeros((2, 7, 6, 5)), np.zeros((3, 2, 3, 5)), (2, 9, 8, 3)), "differ"),
        (lambda: K.pool2d(np.zeros((2, 7, 6, 3)), (2, 2), pool_mode="median"), "Invalid pooling mode: 'median'"),
        (lambda: K.pool3d(np.zeros((2, 7, 6, 3)), (2, 2, 2)), "pool3d takes inputs of 5 axes"),
    ],
)
def test_backend_functions_check_their_options(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


SPELLINGS = [
    ("Convolution1D", {"nb_filter": 4, "filter_length": 3, "subsample_length": 2, "border_mode": "same"},
     "Conv1D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}),
    ("Convolution1D", {"nb_filter": 4, "filter_length": 3, "input_dim": 3, "input_length": 9},
     "Conv1D", {"filters": 4, "kernel_size": 3, "input_shape": (9, 3)}),
    ("Convolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "dim_ordering": "th", "bias": False, "init": "normal"},
     "Conv2D", {"filters": 4, "kernel_size": (3, 2), "data_format": "channels_first", "use_bias": False,
                "kernel_initializer": "normal"}),
    ("AtrousConvolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "atrous_rate": (2, 1)},
     "Conv2D", {"filters": 4, "kernel_size": (3, 2), "dilation_rate": (2, 1)}),
    ("Convolution3D", {"nb_filter": 4, "kernel_dim1": 3, "kernel_dim2": 2, "kernel_dim3": 1, "subsample": (1, 2, 1)},
     "Conv3D", {"filters": 4, "kernel_size": (3, 2, 1), "strides": (1, 2, 1)}),
    ("Deconvolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "output_shape": (None, 9, 7, 4)},
     "Conv2DTranspose", {"filters": 4, "kernel_size": (3, 2)}),
    ("SeparableConvolution2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "init": "normal"},
     "SeparableConv2D", {"filters": 4, "kernel_size": (3, 2), "depthwise_initializer": "normal",
                         "pointwise_initializer": "normal"}),
    ("LocallyConnected2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "W_regularizer": "l2"},
     "LocallyConnected2D", {"filters": 4, "kernel_size": (3, 2), "kernel_regularizer": "l2"}),
    ("MaxPooling1D", {"pool_length": 3, "stride": 2, "border_mode": "same"},
     "MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("AveragePooling2D", {"border_mode": "same", "dim_ordering": "tf"},
     "AveragePooling2D", {"padding": "same", "data_format": "channels_last"}),
    ("GlobalMaxPooling2D", {"dim_ordering": "th"}, "GlobalMaxPooling2D", {"data_format": "channels_first"}),
    ("UpSampling1D", {"length": 3}, "UpSampling1D", {"size": 3}),
    ("UpSampling2D", {"dim_ordering": "th"}, "UpSampling2D", {"data_format": "channels_first"}),
    ("ZeroPadding2D", {"padding": (1, 2, 3, 4)}, "ZeroPadding2D", {"padding": ((1, 2), (3, 4))}),
    ("ZeroPadding2D", {"padding": {"top_pad": 1, "right_pad": 4}}, "ZeroPadding2D", {"padding": ((1, 0), (0, 4))}),
    ("Cropping3D", {"dim_ordering": "th"}, "Cropping3D", {"data_format": "channels_first"}),
]  # fmt: skip


@pytest.mark.parametrize(("old_kind", "old", "kind", "new"), SPELLINGS)
def test_old_spelling_warns_and_means_the_same(
    old_kind: str, old: dict[str, Any], kind: str, new: dict[str, Any]
) -> None:
    with pytest.warns(UserWarning, match="Keras 2 API"):
        before = getattr(layers, old_kind)(**old, name="x")
    assert before.get_config() == getattr(layers, kind)(**new, name="x").get_config()


@pytest.mark.parametrize(
    ("kind", "positions", "kernel_size"),
    [("Convolution2D", (4, 3, 2), (3, 2)), ("Convolution3D", (4, 3, 2, 1), (3, 2, 1)), ("Deconv2D", (4, 3, 2), (3, 2))],
)
def test_sizes_by_position(kind: str, positions: tuple[int, ...], kernel_size: tuple[int, ...]) -> None:
    with pytest.warns(UserWarning, match="kernel_size"):
        layer = getattr(layers, kind)(*positions)
    assert (layer.filters, layer.kernel_size) == (4, kernel_size)


def test_one_size_for_all_axes_is_todays_spelling(recwarn: pytest.WarningsRecorder) -> None:
    assert layers.Conv2D(4, 3).kernel_size == (3, 3)
    assert layers.Conv3D(4, (3, 2, 1)).kernel_size == (3, 2, 1)
    assert not recwarn.list


def test_wrong_old_spellings() -> None:
    with pytest.raises(TypeError, match="side_pad"):
        layers.ZeroPadding2D({"side_pad": 1})
    with pytest.raises(TypeError, match="at most 3 positional"):
        layers.Convolution2D(4, 3, 2, 1)


def test_images_are_turned_at_the_edges_alone_and_the_report_tells_what_that_costs() -> None:
    """The first convolution reads images as they lie; what the last one gives is turned once."""
    source = Input((3, 11, 13))
    options: dict[str, Any] = {"data_format": "channels_first", "padding": "same"}
    x = layers.Conv2D(8, 3, **options)(source)
    x = layers.Activation("relu")(layers.BatchNormalization(axis=1)(x))
    x = layers.MaxPooling2D(2, **options)(layers.SeparableConv2D(6, 3, **options)(x))
    x = layers.Add()([x, layers.Conv2D(6, 1, **options)(x)])
    report = K.function([source], [layers.Conv2D(5, 2, **options)(x)]).executable().report()
    turns = [line for line in report.splitlines() if line.startswith("     layout: transpose ")]
    assert len(turns) == 1
    assert re.search(r"float32\[.*, 5, 6, 7\]: moved, 1680\*.* bytes a call: the caller or a state wants it", turns[0])
    assert "after the passes: 1 moved in memory" in report


def test_every_layer_has_a_contract() -> None:
    spatial = ("Conv", "Pool", "Crop", "UpSamp", "ZeroPad", "Locally", "Atrous", "Separable", "Depthwise")
    kinds = {getattr(layers, name) for name in layers.__all__ if any(part in name for part in spatial)}
    assert len(kinds) > 30
    assert all(inspect.getdoc(kind).rstrip().endswith(".") for kind in kinds)
