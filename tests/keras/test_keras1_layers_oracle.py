"""Layers of images, of sequences and with states, under Keras 1 names, against what Keras 1.2.2 computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.saving.convert_weights import Origin, convert_weights
from tests.keras.oracle import Case, load, names

_CLASSES = (
    "AtrousConvolution", "AveragePooling", "Convolution", "Cropping", "Deconvolution", "Global", "LocallyConnected",
    "MaxPooling", "SeparableConvolution", "UpSampling", "ZeroPadding",
)  # fmt: skip
_RECURRENT = ("Bidirectional", "ConvLSTM2D", "GRU", "LSTM", "SimpleRNN")
# Theano pads half a kernel on both sides, so strided windows of `same` start elsewhere.
_OTHER_PADDING = ("Convolution1D__same_sub2__theano", "Convolution2D__tf_same_sub2__theano",
                  "Convolution2D__th_same_sub2__theano")  # fmt: skip


def _kernel(case: Case, array: Any) -> Any:
    """Return a kernel (or its gradient) as Keras 1 keeps it, as (sizes, channels in, channels out) of a correlation."""
    class_name, options = case.facts["layer"]["class_name"], case.facts["ctor_kwargs"]
    if array.ndim < 4:
        return array
    if options.get("dim_ordering") == "th":
        array = np.moveaxis(array, (1, 0), (-2, -1))
    if case.name.endswith("theano"):
        array = np.flip(array, tuple(range(array.ndim - 2)))
    if class_name == "Deconvolution2D":
        array = np.swapaxes(array, -1, -2)
    return array[:, 0] if class_name.endswith("1D") else array


@pytest.mark.parametrize(
    "name", [n for n in names("keras1_layers") if str(n).startswith(_CLASSES) and n not in _OTHER_PADDING]
)
@pytest.mark.filterwarnings("ignore:Update your")
def test_keras_1_layer(name: str) -> None:
    case = load("keras1_layers", name)
    layer = getattr(layers, case.facts["layer"]["class_name"])(**case.facts["ctor_kwargs"])
    x = layers.Input(shape=tuple(case.facts["inputs"][0]["shape"][1:]))
    y = layer(x)
    layer.set_weights([_kernel(case, case.arrays[f"weight_{i}"]) for i in range(len(layer.weights))])
    wanted = [x, *layer.weights]
    gradients = K.gradients(K.sum(y * case.arrays["cotangent_0"]), wanted)
    output, *values = K.function([x], [y, *gradients])([case.arrays["input_0"]])
    case.check(output, case.arrays["output_0"])
    assert layer.compute_output_shape(K.int_shape(x))[1:] == output.shape[1:]
    case.check(values[0], case.arrays["grad_input_0"])
    for i, value in enumerate(values[1:]):
        case.check(value, _kernel(case, case.arrays[f"grad_weight_{i}"]))


@pytest.mark.parametrize("name", [n for n in names("keras1_layers") if str(n).startswith(_RECURRENT)])
@pytest.mark.filterwarnings("ignore:Update your", "ignore:SimpleRNN takes no")
def test_keras_1_recurrent_layer(name: str) -> None:
    case = load("keras1_layers", name)
    options = dict(case.facts["ctor_kwargs"])
    if "layer" in options:
        inner = options["layer"]
        options["layer"] = getattr(layers, inner["__layer__"])(**inner["cfg"])
    layer = getattr(layers, case.facts["layer"]["class_name"])(**options)
    x = layers.Input(shape=tuple(case.facts["inputs"][0]["shape"][1:]))
    y = layer(layers.deserialize(case.facts["pre_layer"])(x) if case.facts["pre_layer"] else x)
    layer.set_weights(_in_keras_2_layout(case, layer, "weight"))
    gradients = K.gradients(K.sum(y * case.arrays["cotangent_0"]), [x, *layer.weights])
    output, by_input, *by_weights = K.function([x], [y, *gradients])([case.arrays["input_0"]])
    case.check(output, case.arrays["output_0"])
    case.check(by_input, case.arrays["grad_input_0"])
    for value, expected in zip(by_weights, _in_keras_2_layout(case, layer, "grad_weight"), strict=True):
        case.check(value, expected)


def _in_keras_2_layout(case: Case, layer: Any, prefix: str) -> list[Any]:
    """Return weights, or their gradients, which lie as the weights do."""
    count = sum(key.startswith("weight_") for key in case.arrays)
    arrays = [case.arrays[f"{prefix}_{i}"] for i in range(count)]
    return convert_weights(layer, arrays, Origin(1, case.name.rsplit("__", 1)[1]))
