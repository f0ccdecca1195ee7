"""Impossible options and inputs: every error is graphc's own and names the layer, the shapes and the user's line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, ShapeError
from graphc.keras import layers as L
from graphc.keras.layers import Input
from graphc.keras.models import Sequential

# Options that no input could make possible: the constructor refuses them.
_OPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "stride 0": (lambda: L.Conv2D(5, 2, strides=0, name="odd"), "`strides` argument must be above 0. Received: 0"),
    "stride -1": (lambda: L.Conv1D(5, 2, strides=-1, name="odd"), "`strides` .* above 0. Received: -1"),
    "strides of pooling": (lambda: L.MaxPooling2D(2, strides=(1, 0), name="odd"), r"`strides` .*\(1, 0\)"),
    "local strides": (lambda: L.LocallyConnected2D(5, 2, strides=0, name="odd"), "`strides` .* above 0"),
    "kernel 0": (lambda: L.Conv3D(5, (2, 0, 2), name="odd"), r"`kernel_size` .* above 0. Received: \(2, 0, 2\)"),
    "kernel of two axes": (lambda: L.Conv3D(5, (2, 3), name="odd"), r"tuple of 3 integers. Received: \(2, 3\)"),
    "pool 0": (lambda: L.AveragePooling1D(0, name="odd"), "`pool_size` argument must be above 0"),
    "dilation 0": (lambda: L.Conv2D(5, 2, dilation_rate=0, name="odd"), "`dilation_rate` argument must be above 0"),
    "filters 0": (lambda: L.Conv2D(0, 2, name="odd"), "filters above 0, not 0"),
    "depth 0": (lambda: L.DepthwiseConv2D(2, depth_multiplier=0, name="odd"), "depth_multiplier above 0, not 0"),
    "separable depth": (lambda: L.SeparableConv1D(5, 2, depth_multiplier=-2, name="odd"), "above 0, not -2"),
    "padding": (lambda: L.Conv2D(5, 2, padding="full", name="odd"), "one of valid, same, causal. Received: full"),
    "causal images": (lambda: L.Conv2D(5, 2, padding="causal", name="odd"), "Conv2D has no padding 'causal'"),
    "causal separable": (lambda: L.SeparableConv1D(5, 2, padding="causal", name="odd"), "no padding 'causal'"),
    "same local": (lambda: L.LocallyConnected1D(5, 2, padding="same", name="odd"), "no padding 'same'; it has valid"),
    "causal pooling": (lambda: L.MaxPooling1D(2, padding="causal", name="odd"), "no padding 'causal'"),
    "format": (lambda: L.Conv2D(5, 2, data_format="nchw", name="odd"), "`data_format` .* Received: nchw"),
    "format of pooling": (lambda: L.MaxPooling3D(2, data_format="x", name="odd"), "`data_format` .* Received: x"),
    "format of all": (lambda: L.GlobalMaxPooling2D(data_format="x", name="odd"), "`data_format` .* Received: x"),
    "format of padding": (lambda: L.ZeroPadding2D(data_format="x", name="odd"), "`data_format` .* Received: x"),
    "format of noise": (lambda: L.SpatialDropout2D(0.5, data_format="x", name="odd"), "`data_format` .* Received: x"),
    "format of flat": (lambda: L.Flatten(data_format="x", name="odd"), "`data_format` .* Received: x"),
    "output padding": (
        lambda: L.Conv2DTranspose(5, 2, strides=2, output_padding=(1, 2), name="odd"),
        r"Strides \(2, 2\) must be greater than output padding \(1, 2\)",
    ),
    "negative padding": (lambda: L.ZeroPadding1D(-1, name="odd"), "padding.* below 0"),
    "three paddings": (lambda: L.ZeroPadding2D((1, 2, 3), name="odd"), r"Received: \(1, 2, 3\)"),
    "negative cropping": (lambda: L.Cropping2D(((0, 1), (2, -3)), name="odd"), "no number below 0"),
    "size 0": (lambda: L.UpSampling3D((2, 0, 3), name="odd"), r"`size` .* above 0. Received: \(2, 0, 3\)"),
    "interpolation": (lambda: L.UpSampling2D(2, interpolation="cubic", name="odd"), "Received: 'cubic'"),
    "units 0": (lambda: L.Dense(0, name="odd"), "units must be a positive integer; got 0"),
    "empty table": (lambda: L.Embedding(0, 3, name="odd"), "input_dim and output_dim above 0, not 0 and 3"),
    "negative slope": (lambda: L.ReLU(negative_slope=-0.5, name="odd"), "cannot be negative: -0.5"),
}


@pytest.mark.parametrize("case", _OPTIONS)
def test_impossible_options(case: str) -> None:
    make, message = _OPTIONS[case]
    with pytest.raises(GraphcError, match=message) as caught:
        make()
    assert "odd" in str(caught.value)
    assert "test_bad_options.py:" in str(caught.value)


# Options that do not fit the input: the call refuses it, and shows its shape.
_INPUTS: dict[str, tuple[Callable[[], Any], list[tuple[int | None, ...]], str]] = {
    "dilation and stride": (
        lambda: L.Conv2D(5, 2, strides=3, dilation_rate=2, name="odd"),
        [(9, 8, 4)],
        r"strides \(3, 3\) and dilation_rate \(2, 2\) cannot both be above 1 .*\(None, 9, 8, 4\)",
    ),
    "transposed dilation": (
        lambda: L.Conv2DTranspose(5, 2, strides=3, dilation_rate=2, name="odd"),
        [(9, 8, 4)],
        r"cannot both be above 1 .*\(None, 9, 8, 4\)",
    ),
    "rank": (lambda: L.Conv2D(5, 2, name="odd"), [(9, 8)], r"ndim=4, found ndim=3, shape \(None, 9, 8\)"),
    "unknown channels": (lambda: L.Conv2D(5, 2, name="odd"), [(9, 8, None)], r"\(None, 9, 8, None\) is None"),
    "unknown channels, first": (
        lambda: L.SeparableConv2D(5, 2, data_format="channels_first", name="odd"),
        [(None, 9, 8)],
        r"axis 1 of \(None, None, 9, 8\) is None",
    ),
    "unknown positions": (lambda: L.LocallyConnected1D(5, 2, name="odd"), [(None, 4)], r"\(None, None, 4\)"),
    "small image": (lambda: L.Conv2D(5, (7, 2), name="odd"), [(6, 8, 4)], r"window of \(7, 2\).* input of \(6, 8\)"),
    "small volume": (lambda: L.Conv3D(5, (2, 3, 7), name="odd"), [(9, 8, 6, 4)], r"\(2, 3, 7\).*\(9, 8, 6\)"),
    "wide gaps": (lambda: L.Conv1D(5, 3, dilation_rate=4, name="odd"), [(8, 4)], r"window of \(3,\) .*\(8,\)"),
    "small pool": (lambda: L.MaxPooling2D((2, 9), name="odd"), [(9, 8, 4)], r"window of \(2, 9\).* of \(9, 8\)"),
    "small local": (lambda: L.LocallyConnected1D(5, 9, name="odd"), [(7, 4)], r"\(None, 7, 4\) is too small .*\(9,\)"),
    "cropped away": (
        lambda: L.Cropping2D(((3, 2), (2, 7)), name="odd"),
        [(9, 8, 4)],
        r"\(\(3, 2\), \(2, 7\)\) is more than an input \(None, 9, 8, 4\) has",
    ),
    "unknown channels to normalise": (lambda: L.BatchNormalization(name="odd"), [(9, None)], r"\(None, 9, None\)"),
    "no axis to normalise": (
        lambda: L.BatchNormalization(axis=3, name="odd"),
        [(9, 4)],
        r"shape \(None, 9, 4\) has no axis 3",
    ),
    "unknown slopes": (lambda: L.PReLU(name="odd"), [(None, 4)], r"shape \(None, None, 4\) leaves no known number"),
    "no axis to share": (lambda: L.PReLU(shared_axes=[3], name="odd"), [(9, 4)], r"\(None, 9, 4\) .* axes \[3\]"),
    "unknown features": (lambda: L.Dense(5, name="odd"), [(9, None)], r"known, got \(None, 9, None\)"),
    "length of words": (
        lambda: L.Embedding(5, 3, input_length=4, name="odd"),
        [(9,)],
        r"input_length is 4, but the input has shape \(None, 9\)",
    ),
    "reshape": (lambda: L.Reshape((5, 7), name="odd"), [(9, 4)], r"\(9, 4\) has 36 elements, \(5, 7\) does not"),
    "permute": (lambda: L.Permute((2, 2), name="odd"), [(9, 4)], r"\(0, 2, 2\) are not a permutation of the 3 axes"),
    "unknown to flatten": (lambda: L.Flatten(name="odd"), [(None, 4)], r"\(None, 4\)"),
    "sum": (lambda: L.Add(name="odd"), [(9, 4), (9, 5)], r"broadcast together with shapes \(9, 4\) \(9, 5\)"),
    "one to sum": (lambda: L.Add(name="odd"), [(9, 4)], "list of at least 2 inputs"),
    "three to subtract": (lambda: L.Subtract(name="odd"), [(4,), (4,), (4,)], "exactly 2 inputs, not 3"),
    "join": (lambda: L.Concatenate(name="odd"), [(9, 4), (8, 5)], r"axis -1.*\(None, 9, 4\), \(None, 8, 5\)"),
    "join of ranks": (lambda: L.Concatenate(name="odd"), [(9, 4), (9,)], r"\(None, 9, 4\), \(None, 9\)"),
    "no axis to join": (lambda: L.Concatenate(3, name="odd"), [(9, 4), (9, 5)], r"no axis 3 in .*\(None, 9, 5\)"),
    "dot": (lambda: L.Dot(1, name="odd"), [(9, 4), (8, 4)], r"9 != 8. .*\(None, 9, 4\), \(None, 8, 4\)"),
    "no axis to dot": (
        lambda: L.Dot((1, 3), name="odd"),
        [(9, 4), (9, 5)],
        r"\(1, 3\) are not all in .*\(None, 9, 5\)",
    ),
}


@pytest.mark.parametrize("case", _INPUTS)
def test_inputs_that_do_not_fit(case: str) -> None:
    make, shapes, message = _INPUTS[case]
    inputs = [Input(shape) for shape in shapes]
    layer = make()
    with pytest.raises(GraphcError, match=message) as caught:
        layer(inputs if len(inputs) > 1 else inputs[0])
    assert "odd" in str(caught.value)
    assert "test_bad_options.py:" in str(caught.value)


_SHARED: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...], str]] = {
    "convolution": (
        lambda: L.Conv2D(5, 2, name="odd"),
        (9, 8, 4),
        (9, 8, 3),
        r"axis -1 .* value 4 .*\(None, 9, 8, 3\)",
    ),
    "channels first": (
        lambda: L.Conv2D(5, 2, data_format="channels_first", name="odd"),
        (4, 9, 8),
        (3, 9, 8),
        r"axis 1 .* value 4 .*\(None, 3, 9, 8\)",
    ),
    "transposed": (lambda: L.Conv2DTranspose(5, 2, name="odd"), (9, 8, 4), (9, 8, 3), r"value 4 .*\(None, 9, 8, 3\)"),
    "separable": (lambda: L.SeparableConv2D(5, 2, name="odd"), (9, 8, 4), (9, 8, 3), r"value 4 .*\(None, 9, 8, 3\)"),
    "depthwise": (lambda: L.DepthwiseConv2D(2, name="odd"), (9, 8, 4), (9, 8, 3), r"value 4 .*\(None, 9, 8, 3\)"),
    "local": (lambda: L.LocallyConnected1D(5, 2, name="odd"), (9, 4), (8, 4), r"value 9 .*\(None, 8, 4\)"),
    "normalisation": (lambda: L.BatchNormalization(name="odd"), (9, 4), (9, 3), r"value 4 .*\(None, 9, 3\)"),
    "dense": (lambda: L.Dense(5, name="odd"), (9,), (8,), r"value 9 .*\(None, 8\)"),
    "steps": (lambda: L.TimeDistributed(L.Dense(5), name="odd"), (9, 4), (9, 3), r"\(None, None, 4\).*\(None, 9, 3\)"),
}


@pytest.mark.parametrize("case", _SHARED)
def test_weights_made_for_another_input(case: str) -> None:
    make, first, second, message = _SHARED[case]
    layer = make()
    layer(Input(first))
    with pytest.raises(ShapeError, match=f"layer odd: .*{message}"):
        layer(Input(second))


def test_layers_without_a_name_are_named_by_their_class() -> None:
    with pytest.raises(ShapeError, match=r"^Layer MaxPooling2D: The `strides` argument"):
        L.MaxPooling2D(2, strides=0)
    with pytest.raises(ShapeError, match=r"^Layer MaxPooling2D: The `strides` argument"):
        Sequential([L.Dense(3, input_dim=4), L.MaxPooling2D(2, strides=0)])


def test_the_layer_at_fault_is_named_and_not_the_model() -> None:
    with pytest.raises(ShapeError, match=r"^Input 0 is incompatible with layer odd: expected ndim=4"):
        Sequential([L.Dense(3, input_dim=4), L.Conv2D(5, 2, name="odd")])


def test_layers_may_be_abstract_classes() -> None:
    class Shape(L.Layer, ABC):
        @abstractmethod
        def area(self) -> float: ...

    class Square(Shape):
        def area(self) -> float:
            return 4.0

    assert Square(name="s").area() == 4.0
    with pytest.raises(TypeError, match="abstract"):
        Shape()


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ({"activation": "strange"}, "activation function"),
        ({"kernel_initializer": "strange"}, "initializer"),
        ({"kernel_regularizer": "strange"}, "regularizer"),
        ({"bias_constraint": "strange"}, "constraint"),
    ],
)
def test_unknown_names_are_those_of_a_layer(option: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=rf"^Layer odd: Unknown {what}: strange\..*test_bad_options\.py:\d+\]$"):
        L.Dense(3, name="odd", **option)


def test_numpy_integers_are_integers() -> None:
    three: Any = np.int64(3)
    five: Any = np.int32(5)
    convolution = L.Conv2D(five, (three, np.uint8(2)), strides=three, input_shape=(np.int64(9), 8, three))
    assert convolution.get_config()["kernel_size"] == (3, 2)
    assert [type(value) for value in convolution.get_config()["batch_input_shape"][1:]] == [int] * 3
    model = Sequential([convolution, L.MaxPooling2D(np.int16(1)), L.ZeroPadding2D(three), L.Flatten(), L.Dense(three)])
    assert model.output_shape == (None, 3)
    model.to_json()


def test_images_too_small_for_a_window() -> None:
    model = Sequential([L.Conv2D(4, 5, input_shape=(None, None, 3), name="odd")])
    with pytest.raises(ShapeError, match=r"sizes=\(5, 5\).*\[layer 'odd', .*needs .* to be at least 5; .* make it 3"):
        model.predict(np.zeros((2, 3, 7, 3), np.float32))
