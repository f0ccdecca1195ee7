"""What a user may get wrong while building a network: each mistake is told at once, with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, GraphError, ShapeError
from graphc.keras import applications, datasets
from graphc.keras import layers as L
from graphc.keras.applications import imagenet_utils
from graphc.keras.layers.merge import _Merge
from graphc.keras.legacy.dense import _WeightedLayer
from graphc.keras.legacy.layers import Merge
from graphc.keras.models import Model, Sequential, clone_model


class _Undecided(_Merge):
    """Merges in no way."""


class _Weightless(_WeightedLayer):
    """Makes no weights."""


def pair() -> list[Any]:
    return [L.Input((3, 4)), L.Input((5, 7))]


MISTAKES: list[tuple[Callable[[], Any], type[GraphcError], str]] = [
    (lambda: L.Dense(0), ShapeError, "units must be a positive integer; got 0"),
    (lambda: L.Embedding(0, 5), ShapeError, "input_dim and output_dim above 0, not 0 and 5"),
    (lambda: L.LSTM(-2), ShapeError, "units must be a positive integer; got -2"),
    (lambda: L.UpSampling2D(2, interpolation="cubic"), ShapeError, "nearest.*bilinear.*'cubic'"),
    (lambda: L.MaxPooling1D(padding="causal"), ShapeError, "MaxPooling1D has no padding 'causal'"),
    (lambda: L.MaxPooling2D(7)(L.Input((5, 3, 2))), ShapeError, "is larger than its input of .5, 3.: 7 > 5"),
    (lambda: L.Conv2DTranspose(4, 3, strides=2, output_padding=5), ShapeError, "must be greater than output padding"),
    (lambda: L.Conv2DTranspose(4, 3)(L.Input((5, 3))), ShapeError, "expected ndim=4, found ndim=3"),
    (lambda: L.SeparableConv2D(4, 3, depth_multiplier=0), ShapeError, "depth_multiplier above 0, not 0"),
    (lambda: L.DepthwiseConv2D(3)(L.Input((5, 3))), ShapeError, "expected ndim=4, found ndim=3"),
    (lambda: L.ReLU(max_value=-1.0), GraphError, "max_value of ReLU layer .* cannot be negative: -1.0"),
    (lambda: L.Bidirectional(L.LSTM(3), merge_mode="max"), GraphError, "merge_mode must be one of .*, not 'max'"),
    (lambda: L.Bidirectional("lstm"), GraphError, "Bidirectional wraps a recurrent layer, not 'lstm'"),
    (lambda: L.RNN("lstm"), GraphError, "a cell has `call`"),
    (lambda: L.StackedRNNCells(["lstm"]), GraphError, "a cell has `call`"),
    (lambda: L.BatchNormalization(mode=3), GraphError, "`mode` may be 0, 1 or 2, not 3"),
    (lambda: L.Dot((1, 2, 3))(pair()), GraphError, "`axes` should be an int or a pair of ints"),
    (lambda: L.Dot(1)(L.Input((3, 4))), GraphError, "a `Dot` layer should be called on a list of 2 inputs"),
    (lambda: L.Add()(pair()), ShapeError, "could not be broadcast together"),
    (lambda: L.InputLayer(), GraphError, "needs either a `batch_input_shape` or an `input_shape`"),
    (lambda: clone_model("net"), GraphError, "clone_model expects a Model, got 'net'"),
    (
        lambda: clone_model(Sequential([L.Dense(3, input_shape=(2,))]), [L.Input((2,)), L.Input((2,))]),
        GraphError,
        "A Sequential is cloned on one input tensor, got 2",
    ),
    (lambda: Model(L.Input((3,)), L.Dense(2)(L.Input((5,)))), GraphError, "Graph disconnected: cannot obtain value"),
    (
        lambda: applications.VGG16(weights=None, input_shape=(9, 9, 3), include_top=False),
        ShapeError,
        "Input size must be at least 32x32",
    ),
    (lambda: applications.VGG16(weights="missing.h5"), GraphError, "`weights` must be None, .*missing.h5"),
    (lambda: applications.VGG16(weights="imagenet", classes=7), GraphError, "are for 1000 classes, not `classes=7`"),
    (
        lambda: imagenet_utils.preprocess_input(np.ones((2, 5, 7, 3)), mode="jax"),
        ShapeError,
        "has no mode 'jax'",
    ),
    (
        lambda: applications.MobileNet(weights="imagenet", depth_multiplier=2),
        GraphError,
        "ImageNet's weights are for a depth multiplier of 1, not 2",
    ),
    (
        lambda: applications.MobileNet(weights="imagenet", alpha=0.3),
        GraphError,
        r"weights are for `alpha` one of \[0.25, 0.5, 0.75, 1.0\], not 0.3",
    ),
    (
        lambda: applications.MobileNet(weights="imagenet", input_shape=(130, 130, 3), include_top=False),
        GraphError,
        r"for squares of \[128, 160, 192, 224\] pixels, not `input_shape=\(130, 130, 3\)`",
    ),
    (lambda: applications.MobileNet(weights=None, alpha=0.01), GraphError, "MobileNet: alpha=0.01 leaves no filters"),
    (
        lambda: applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), input_tensor=L.Input((64, 64, 3))),
        ShapeError,
        r"input_shape=\(96, 96, 3\) is not that of the input_tensor, \(64, 64, 3\)",
    ),
    (
        lambda: applications.NASNetMobile(weights="imagenet", input_shape=(None, None, 3)),
        GraphError,
        r"NASNet needs a static input_shape, not \(None, None, 3\)",
    ),
    (
        lambda: applications.nasnet.NASNet(penultimate_filters=25, weights=None),
        GraphError,
        "NASNet needs penultimate_filters divisible by 24, not 25",
    ),
    (
        lambda: datasets.boston_housing.load_data(test_split=1.5),
        GraphcError,
        r"test_split must be in \[0, 1\), got 1.5",
    ),
    (lambda: datasets.digits.load_data(test_split=-0.5), GraphcError, r"test_split must be in \[0, 1\), got -0.5"),
    (lambda: L.ConvLSTM2D(2, 3, unroll=True), GraphcError, "ConvLSTM2D is not unrolled, and takes one cell"),
    (
        lambda: L.ConvLSTM2D(2, 3, name="odd")(L.Input((4, 5, 6, None))),
        ShapeError,
        r"Layer odd needs images with a known number of channels, got \(None, 5, 6, None\)",
    ),
    (
        lambda: L.Conv2DTranspose(2, 3, name="odd").build((None, 4, 5)),
        ShapeError,
        r"Layer odd: inputs should have rank 4. Received: \(None, 4, 5\)",
    ),
    (
        lambda: L.DepthwiseConv2D(3, name="odd").build((None, 5, 3)),
        ShapeError,
        r"Layer odd: inputs should have rank 4. Received: \(None, 5, 3\)",
    ),
    (
        lambda: L.MaxPooling2D(7, name="odd").compute_output_shape((None, 5, 3, 2)),
        ShapeError,
        r"Layer odd: an input of shape \(None, 5, 3, 2\) is too small for a window of \(7, 7\), padding 'valid'",
    ),
    (
        lambda: L.Add(name="odd")([L.Input(batch_shape=(2, 3)), L.Input(batch_shape=(4, 3))]),
        ShapeError,
        r"odd: cannot merge tensors with different batch sizes: \[\(2, 3\), \(4, 3\)\]",
    ),
    (
        lambda: L.Add(name="odd").compute_mask(pair(), [None]),
        GraphError,
        "odd: `inputs` and `mask` should be lists of the same length.",
    ),
    (
        lambda: _Undecided(name="odd")([L.Input((3, 4)), L.Input((3, 4))]),
        GraphError,
        "Layer odd: _Undecided says no way to merge its inputs",
    ),
    (
        lambda: _Weightless(name="odd")(L.Input((4,))),
        GraphError,
        "Layer odd: _Weightless says no weights to make",
    ),
    (
        lambda: Merge([Sequential([L.Dense(2, input_shape=(3,))])] * 2, mode="join", name="odd"),
        GraphError,
        "odd: mode 'join' is unknown; it may be sum, ave, mul, max, concat, dot, cos or a function",
    ),
    (lambda: imagenet_utils.decode_predictions(np.ones((2, 7))), ShapeError, "expects a batch of predictions"),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES)
def test_a_mistake_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        mistake()
    assert "test_misuse.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 2, "steps_per_epoch": 3}, "If steps_per_epoch is set, the `batch_size` must be None"),
        ({"validation_data": (np.ones((6, 3)),)}, "validation_data must contain 2 .* it contains 1 items"),
        ({"x": {"other": np.ones((6, 3))}}, "Need data for each key in"),
        ({"sample_weight": np.ones(5)}, "shape .5,. for a target with shape .6, 2.: sample_weight cannot be broadcast"),
        ({"y": np.ones((6, 7))}, "expected net to have shape .None, 2. but got array with shape .6, 7."),
    ],
)
def test_data_that_does_not_fit_is_told(given: dict[str, Any], message: str) -> None:
    model = Sequential([L.Dense(2, input_shape=(3,), name="net")])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(GraphcError, match=message):
        model.fit(**{"x": np.ones((6, 3)), "y": np.ones((6, 2)), "verbose": 0, **given})
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
