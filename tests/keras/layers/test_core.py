"""Core layers beyond the reference fixtures: Lambda, shapes that are not known, what is refused."""

from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.layers import (
    Add,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    Masking,
    Permute,
    RepeatVector,
    Reshape,
    Subtract,
)
from graphc.keras.models import Model

X = np.random.default_rng(2).normal(size=(3, 4, 5)).astype("float32")


def run(layer: Any, *arrays: Any) -> Any:
    inputs = [Input(a.shape[1:]) for a in arrays]
    return Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0])).predict(list(arrays))


def test_lambda_finds_its_shape_and_comes_back() -> None:
    layer = Lambda(lambda x, scale: K.sum(x, axis=1) * scale, arguments={"scale": 2.0})
    np.testing.assert_allclose(run(layer, X), 2 * X.sum(1), rtol=1e-4, atol=1e-5)
    copy = Lambda.from_config(layer.get_config())
    np.testing.assert_array_equal(run(copy, X), run(layer, X))
    assert layer.compute_output_shape((None, 4, 5)) == (None, 5)
    assert Lambda(lambda x: x, output_shape=(7,)).compute_output_shape((None, 4)) == (None, 7)
    assert Lambda(lambda x: x, output_shape=lambda s: [s[0], 3]).compute_output_shape((None, 4)) == (None, 3)


def double(x: Any) -> Any:
    return 2.0 * x


def test_lambda_of_several_inputs_and_masks() -> None:
    layer = Lambda(lambda pair: pair[0] - pair[1])
    np.testing.assert_allclose(run(layer, X, 3 * X), -2 * X, rtol=1e-6)
    masked = Lambda(lambda x, mask: x * K.expand_dims(K.cast(mask, "float32")), mask=lambda x, mask: mask)
    x = Input((4, 5))
    y = masked(Masking(0.0)(x))
    data = X.copy()
    data[:, 2] = 0.0
    np.testing.assert_array_equal(Model(x, y).predict(data), data)
    with pytest.raises(TypeError, match="`output_shape` must be"):
        Lambda(double, output_shape=3)
    with pytest.raises(ValueError, match="must return a tuple"):
        Lambda(double, output_shape=lambda s: 3).compute_output_shape((None, 4))


def test_lambda_with_a_user_function_by_name() -> None:
    config = {**Lambda(double).get_config(), "function": "double", "function_type": "function"}
    np.testing.assert_array_equal(run(Lambda.from_config(config, {"double": double}), X), 2 * X)


def test_unknown_steps() -> None:
    x = Input((None, 5))
    y = Dense(2)(Permute((2, 1))(Permute((2, 1))(x)))
    assert K.int_shape(y) == (None, None, 2)
    model = Model(x, y)
    assert [model.predict(X[:, :n]).shape for n in (1, 3)] == [(3, 1, 2), (3, 3, 2)]
    assert K.int_shape(Reshape((-1, 1))(x)) == (None, None, 1)


def test_shapes_that_cannot_be() -> None:
    with pytest.raises(ShapeError, match="is not fully defined"):
        Flatten()(Input((None, 5)))
    with pytest.raises(ShapeError, match="total size of new array must be unchanged"):
        Reshape((3, 7), name="r")(Input((4, 5)))
    with pytest.raises(ShapeError, match="only one size may be unknown"):
        Reshape((-1, -1)).compute_output_shape((None, 4, 5))
    with pytest.raises(ShapeError, match="last size is known"):
        Dense(3)(Input((None,)))
    with pytest.raises(ShapeError, match="input_length is 7"):
        Embedding(5, 3, input_length=7).compute_output_shape((None, 4))
    with pytest.raises(ShapeError, match="should have a defined dimension"):
        layers.BatchNormalization(axis=1)(Input((None, 5)))


def test_merge_ranks_and_masks() -> None:
    np.testing.assert_allclose(run(Add(), X, X[:, 0]), X + X[:, :1], rtol=1e-6)
    np.testing.assert_allclose(run(Subtract(), X, 3 * X), -2 * X, rtol=1e-6)
    a, b = Input((4, 5)), Input((3, 5))
    assert K.int_shape(Concatenate(axis=1)([a, b])) == (None, 7, 5)
    one_masked = Concatenate()([Masking()(a), a])
    data = X.copy()
    data[:, 1] = 0.0
    mask = one_masked._keras_history[0].output_mask
    (value,) = K.function([a], [mask])([data])
    np.testing.assert_array_equal(value, np.tile([True, False, True, True], (3, 1)))


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Add, [(4, 5), (4, 6)], "could not be broadcast together"),
        (Add, [(4, 5)], "at least 2 inputs"),
        (Subtract, [(4,), (4,), (4,)], "exactly 2 inputs"),
        (Concatenate, [(4, 5), (3, 6)], "matching shapes except for the concat axis"),
        (lambda: Dot(1), [(4, 5), (6, 5)], "dimension incompatibility 4 != 6"),
        (lambda: Dot((1,)), [(4,), (4,)], "pair of ints"),
    ],
)
def test_what_cannot_be_merged(layer: Any, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer()([Input(shape) for shape in shapes])


def test_dropout_outside_training_and_at_its_ends() -> None:
    for rate in (0.0, 0.5, 1.5):
        np.testing.assert_array_equal(run(Dropout(rate), X), X)
    assert Dropout(-1).rate == 0.0


def test_repeat_and_activation_layers() -> None:
    np.testing.assert_array_equal(run(RepeatVector(3), X[:, 0]), np.repeat(X[:, :1], 3, axis=1))
    with pytest.raises(ValueError, match=r"max_value of ReLU layer .* cannot be negative"):
        layers.ReLU(max_value=-1.0)
    prelu = layers.PReLU(shared_axes=[1], alpha_initializer="ones")
    np.testing.assert_allclose(run(prelu, X), X, rtol=1e-6)
    assert prelu.get_weights()[0].shape == (1, 5)


def test_every_layer_class_is_found_by_name() -> None:
    for name in ("Dense", "Dropout", "Concatenate", "Model", "Sequential", "InputLayer"):
        with pytest.raises((TypeError, KeyError, ValueError)) as caught:
            layers.deserialize({"class_name": name, "config": {"nonsense": 1}})
        assert "Unknown layer" not in str(caught.value)
    with pytest.raises(ValueError, match="Unknown layer"):
        layers.deserialize({"class_name": "Nothing", "config": {}})
