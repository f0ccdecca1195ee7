"""What a user may get wrong while building a network: each mistake is told at once, with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, GraphError, ShapeError
from graphc.keras import applications
from graphc.keras import layers as L
from graphc.keras.applications import imagenet_utils
from graphc.keras.models import Model, Sequential, clone_model


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
    (lambda: imagenet_utils.decode_predictions(np.ones((2, 7))), ShapeError, "expects a batch of predictions"),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES)
def test_a_mistake_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    with pytest.raises(error, match=message):
        mistake()


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
