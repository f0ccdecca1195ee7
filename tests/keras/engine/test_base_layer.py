"""Layers: names, weights, masks, losses, connections, and what they refuse."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ExecutionError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer, snake_case
from graphc.keras.layers import Activation, Dense, Input, Lambda, Masking

HERE = Path(__file__).name


class Scale(Layer):
    """A user's layer: one weight, no shape rule of its own."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight("factor", (input_shape[-1],), initializer="ones", regularizer=lambda w: K.sum(w))
        super().build(input_shape)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return inputs * self.factor


def test_names_count_per_class() -> None:
    K.clear_session()
    assert [Dense(3).name, Dense(3).name, Scale().name, Activation("relu", name="a").name] == [
        "dense_1",
        "dense_2",
        "scale_1",
        "a",
    ]
    assert [snake_case(n) for n in ("BatchNormalization", "Conv2D", "_Hidden")] == [
        "batch_normalization",
        "conv2d",
        "private__hidden",
    ]


def test_weights_are_named_after_the_layer() -> None:
    layer = Dense(3, name="out")
    layer(Input((2,)))
    assert [w.name for w in layer.weights] == ["out/kernel:0", "out/bias:0"]
    assert layer.count_params() == 9


def test_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match=r"Dense does not take the keyword arguments \['colour'\]"):
        Dense(3, colour="red")


def test_user_layer_keeps_the_shape_its_call_gives() -> None:
    x = Input((4, 5))
    y = Scale()(x)
    z = Lambda(lambda t: K.sum(t, axis=1))(y)
    assert K.int_shape(y) == (None, 4, 5)
    assert K.int_shape(z) == (None, 5)
    assert y._keras_history[0]._inbound_nodes[0].input_tensors == [x]


def test_nodes_know_their_layer() -> None:
    y = Dense(3, name="hidden")(Input((2,)))
    assert y.node.provenance.layer == "hidden"
    assert HERE in (y.node.provenance.source or "")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (InputSpec(ndim=3), "expected ndim=3, found ndim=2"),
        (InputSpec(min_ndim=4), "expected min_ndim=4, found ndim=2"),
        (InputSpec(max_ndim=1), "expected max_ndim=1, found ndim=2"),
        (InputSpec(axes={-1: 7}), "expected axis -1 of input shape to have value 7 but got shape"),
        (InputSpec(shape=(None, 7)), "expected shape=\\(None, 7\\), found shape=\\(None, 5\\)"),
        ([InputSpec(), InputSpec()], "expects 2 inputs, but it received 1"),
    ],
)
def test_inputs_that_do_not_fit(spec: Any, expected: str) -> None:
    layer = Activation("relu", name="picky")
    layer.input_spec = spec
    with pytest.raises(ShapeError, match=f"picky.*{expected}.*{HERE}"):
        layer(Input((5,)))


def test_dtype_and_type_of_inputs() -> None:
    layer = Activation("relu", name="picky")
    layer.input_spec = InputSpec(dtype="int32")
    with pytest.raises(DTypeError, match="picky: expected dtype=int32, found dtype=float32"):
        layer(Input((5,)))
    with pytest.raises(ValueError, match="isn't a symbolic tensor"):
        Activation("relu")(np.zeros((2, 3)))


def test_wrong_size_after_building() -> None:
    layer = Dense(3, name="d")
    layer(Input((4,)))
    with pytest.raises(ShapeError, match=r"layer d: expected axis -1 .* value 4 but got shape \(None, 5\)"):
        layer(Input((5,)))


def test_failed_set_weights_changes_nothing() -> None:
    layer = Dense(3, name="d")
    layer(Input((4,)))
    before = layer.get_weights()
    with pytest.raises(ShapeError, match=r"\(3,\) of 'd/bias:0'.*\(2,\)"):
        layer.set_weights([np.ones((4, 3)), np.ones(2)])
    with pytest.raises(ShapeError, match='layer "d" with 1 arrays, but it has 2'):
        layer.set_weights([np.ones((4, 3))])
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_initial_weights() -> None:
    kernel, bias = np.full((2, 3), 4.0, "float32"), np.full(3, 5.0, "float32")
    layer = Dense(3, weights=[kernel, bias])
    layer(Input((2,)))
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    np.testing.assert_array_equal(layer.get_weights()[1], bias)


def test_frozen_layer_moves_its_weights_over() -> None:
    layer = Dense(3)
    layer(Input((2,)))
    kernel, bias = layer.weights
    layer.trainable = False
    assert layer.trainable_weights == []
    assert [id(w) for w in layer.non_trainable_weights] == [id(kernel), id(bias)]


def test_losses_belong_to_inputs() -> None:
    layer = Dense(3, kernel_regularizer="l2", activity_regularizer="l1")
    x, y = Input((2,)), Input((2,))
    layer(x), layer(y)
    assert [len(layer.get_losses_for(given)) for given in (None, x, y, Input((2,)))] == [1, 1, 1, 0]
    assert len(layer.losses) == 3


def test_masks_pass_where_supported() -> None:
    x = Masking()(Input((4, 5)))
    assert Scale(name="s").supports_masking is False
    with pytest.raises(TypeError, match="Layer s does not support masking"):
        Scale(name="s")(x)
    y = Dense(3)(x)
    assert y._keras_history[0].output_mask is not None


def test_attributes_of_calls() -> None:
    layer = Dense(3, name="d")
    with pytest.raises(AttributeError, match="Layer d is not connected"):
        layer.output  # noqa: B018
    with pytest.raises(ExecutionError, match="has never been called"):
        layer.get_output_at(0)
    with pytest.raises(ExecutionError, match="isn't built"):
        layer.count_params()
    x, y = Input((2,)), Input((2,))
    first, second = layer(x), layer(y)
    assert layer.output_shape == (None, 3)
    assert layer.get_output_at(1) is second
    assert layer.get_input_at(0) is x
    assert first is not second
    with pytest.raises(AttributeError, match="multiple inbound nodes"):
        layer.output  # noqa: B018
    with pytest.raises(GraphError, match="has only 2 inbound nodes"):
        layer.get_output_at(2)


def test_calls_on_equal_inputs_are_told_apart() -> None:
    layer = Activation("relu")
    x = Input((2,))
    first, second = layer(x), layer(x)
    assert first is not second
    assert first.node is second.node
    assert [first._keras_history[1], second._keras_history[1]] == [0, 1]


def test_config_round_trip() -> None:
    layer = Dense(3, activation="tanh", kernel_regularizer="l2", use_bias=False, input_shape=(2,), name="d")
    copy = Dense.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.get_config()["batch_input_shape"] == (None, 2)


def test_signature_of_a_layer_is_its_constructors() -> None:
    assert list(inspect.signature(Dense).parameters)[:3] == ["units", "activation", "use_bias"]
    assert inspect.signature(Dense).parameters["use_bias"].default is True
