"""Layers under their Keras 1 names, those of images and of recurrence aside, against what Keras 1.2.2 computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.layers import merge
from graphc.keras.models import Model, Sequential, model_from_json
from graphc.keras.utils.generic_utils import to_list
from tests.keras.oracle import load, names

_OTHERS = (
    "Atrous", "AveragePooling", "Bidirectional", "Conv", "Cropping", "Deconvolution", "GRU", "Global", "LSTM",
    "LocallyConnected", "MaxPooling", "SeparableConvolution", "SimpleRNN", "UpSampling", "ZeroPadding",
)  # fmt: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:Update your"),
    pytest.mark.filterwarnings("ignore:The .* layer is one of Keras 1"),
    pytest.mark.filterwarnings("ignore:.*is a function of Keras 1"),
]


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(layers, value["__layer__"])(**value["cfg"]) if isinstance(value, dict) else value
        for name, value in given.items()
    }


@pytest.mark.parametrize("name", names("keras1_layers", unless=_OTHERS))
def test_keras_1_layer(name: str) -> None:
    case = load("keras1_layers", name)
    facts, arrays = case.facts, case.arrays
    options = _arguments(facts["ctor_kwargs"])
    if name.startswith("SReLU") and name.endswith("theano"):
        options["is_capped"] = True
    layer = getattr(layers, facts["layer"]["class_name"])(**options)
    inputs = [layers.Input(shape=tuple(i["shape"][1:]), dtype=i["dtype"]) for i in facts["inputs"]]
    before = facts["pre_layer"]
    given = [layers.deserialize(before)(x) for x in inputs] if before else inputs
    (y,) = to_list(layer(given if len(given) > 1 else given[0]))
    weights = [arrays[f"weight_{i}"] for i in range(len(layer.weights))]
    layer.set_weights(weights)
    tensors = {f"grad_input_{i}": x for i, x in enumerate(inputs)}
    tensors.update({f"grad_weight_{i}": x for i, x in enumerate(layer.weights)})
    wanted = [key for key in tensors if key in arrays]
    gradients = K.gradients(K.sum(y * arrays["cotangent_0"]), [tensors[key] for key in wanted])
    mask = [] if layer.output_mask is None else [layer.output_mask]
    phase = facts["learning_phase"]
    function = K.function([*inputs, K.learning_phase()], [y, *gradients, *mask], updates=layer.updates if phase else [])
    output, *values = function([*(arrays[f"input_{i}"] for i in range(len(inputs))), phase])
    case.check(output, arrays["output_0"])
    assert K.int_shape(y)[1:] == output.shape[1:]
    for key, value in zip(wanted, values):
        case.check(value, arrays[key])
    assert bool(mask) == ("output_mask_0" in arrays)
    if mask:
        np.testing.assert_array_equal(values[-1], arrays["output_mask_0"])
    # Another version's rule: Keras 2 counts the variance as of a sample.
    if phase and name.startswith("BatchNormalization"):
        case.check(layer.get_weights()[2], arrays["weight_after_2"])
        assert not np.array_equal(layer.get_weights()[3], weights[3])
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def _branches() -> list[Sequential]:
    return [Sequential([layers.Dense(5, input_dim=size, name=f"from_{size}")]) for size in (3, 4)]


def test_sequential_that_starts_with_a_merge() -> None:
    branches = _branches()
    model = Sequential([layers.Merge(branches, mode="mul", name="m"), layers.Dense(2, name="d")])
    assert [layer.name for layer in model.layers] == ["from_3", "from_4", "m", "d"]
    assert model.input_shape == [(None, 3), (None, 4)]
    x = [np.random.rand(7, size).astype("float32") for size in (3, 4)]
    product = branches[0].predict(x[0]) * branches[1].predict(x[1])
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(model.predict(x), product @ kernel + bias, rtol=1e-5)
    model.compile("sgd", "mse")
    before = branches[1].get_weights()[0]
    model.fit(x, np.ones((7, 2)), verbose=0)
    assert not np.array_equal(branches[1].get_weights()[0], before)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    model.pop()
    assert model.output_shape == (None, 5)
    model.pop()
    assert model.layers == []


def test_branch_that_starts_with_a_merge() -> None:
    left = Sequential([layers.Merge(_branches(), name="inner"), layers.Dense(6)])
    right = Sequential([layers.Dense(6, input_dim=2)])
    model = Sequential([layers.Merge([left, right], mode="concat", name="outer"), layers.Activation("tanh")])
    assert model.output_shape == (None, 12)
    assert [layer["class_name"] for layer in model.get_config()["layers"]] == ["Merge", "Activation"]
    assert Sequential.from_config(model.get_config()).count_params() == model.count_params()


def test_merge_comes_with_all_layers() -> None:
    namespace: dict[str, Any] = {}
    exec("from graphc.keras.layers import *", namespace)
    a, b = layers.Input((5,)), layers.Input((5,))
    assert K.int_shape(namespace["merge"]([a, b], mode="concat")) == (None, 10)


def test_merge_by_functions() -> None:
    a, b = layers.Input((5, 2)), layers.Input((5, 2))
    wide = merge([a, b], mode=lambda tensors: K.concatenate([2 * tensors[0], tensors[1]], -1), name="wide")
    scaled = layers.Merge(mode=_scaled, arguments={"by": 3.0}, output_shape=(5, 2))([a, b])
    assert (K.int_shape(wide), K.int_shape(scaled)) == ((None, 5, 4), (None, 5, 2))
    model = Model([a, b], [wide, scaled])
    x, y = np.random.rand(2, 3, 5, 2).astype("float32")
    for network in (model, Model.from_config(model.get_config())):
        joined, differences = network.predict([x, y])
        np.testing.assert_allclose(joined, np.concatenate([2 * x, y], -1), rtol=1e-6)
        np.testing.assert_allclose(differences, 3 * (x - y), rtol=1e-5, atol=1e-6)


def _scaled(tensors: Any, by: float) -> Any:
    return by * (tensors[0] - tensors[1])


def test_masks_of_merges() -> None:
    a, b = layers.Input((5, 2)), layers.Input((5, 2))
    masked = [layers.Masking()(a), b]
    x, y = np.ones((2, 3, 5, 2), "float32")
    x[0, 1:] = 0.0
    expected = (x != 0).any(-1)
    for mode in ("sum", "max", "concat"):
        layer = layers.Merge(mode=mode)
        layer(masked)
        np.testing.assert_array_equal(K.function([a, b], [layer.output_mask])([x, y])[0], expected)
    longer = layers.Merge(mode="concat", concat_axis=1)
    longer(masked)
    both = np.concatenate([expected, np.ones((3, 5), bool)], 1)
    np.testing.assert_array_equal(K.function([a, b], [longer.output_mask])([x, y])[0], both)
    given = layers.Merge(mode=_scaled, arguments={"by": 1.0}, output_mask=lambda masks: masks[0])
    given(masked)
    np.testing.assert_array_equal(K.function([a], [given.output_mask])([x])[0], expected)


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        ({"mode": "sum"}, [(3, 4), (3, 5)], r"takes inputs of the same shape.*\(None, 3, 4\).*\(None, 3, 5\)"),
        ({"mode": "concat", "concat_axis": 1}, [(3, 4), (2, 5)], r"differ along axis 1 alone.*4\).*\(None, 2, 5\)"),
        ({"mode": "dot"}, [(3, 4), (3, 5)], r"dimension incompatibility 4 != 5.*\(None, 3, 4\)"),
    ],
)
def test_shapes_that_cannot_be_merged(options: dict[str, Any], shapes: list[Any], message: str) -> None:
    with pytest.raises(ShapeError, match=f"odd: .*{message}"):
        layers.Merge(name="odd", **options)([layers.Input(shape) for shape in shapes])


def test_merges_that_cannot_be() -> None:
    a, b = layers.Input((3,)), layers.Input((3,))
    with pytest.raises(GraphError, match="odd: mode 'add' is unknown; it may be sum, ave"):
        layers.Merge(mode="add", name="odd")
    with pytest.raises(GraphError, match="list of at least 2"):
        layers.Merge(name="odd")([a])
    with pytest.raises(GraphError, match="takes exactly 2 inputs, not 3"):
        layers.Merge(mode="cos", name="odd")([a, b, a])
    with pytest.raises(TypeError, match="`dot_axes` should be"):
        layers.Merge(mode="dot", dot_axes="last", name="odd")([a, b])
    with pytest.raises(GraphError, match="no_shape has not been called"):
        layers.Merge([Sequential([layers.Dense(2)], name="no_shape"), *_branches()])


def test_weights_need_known_sizes() -> None:
    with pytest.raises(ShapeError, match=r"odd.*\(None, None, 4\)"):
        layers.ParametricSoftplus(name="odd")(layers.Input((None, 4)))
    shared = layers.SReLU(shared_axes=(1,))
    shared(layers.Input((None, 4)))
    assert [w.shape for w in shared.get_weights()] == [(1, 4)] * 4
    with pytest.raises(ShapeError, match="odd needs inputs whose last size is known"):
        layers.MaxoutDense(3, name="odd")(layers.Input((None,)))
