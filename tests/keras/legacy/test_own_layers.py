"""Layers of users, as Keras 1's guide shows them."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import initializations
from graphc.keras.engine.topology import Layer
from graphc.keras.layers import Dense, Input, TimeDistributed
from graphc.keras.models import Model, Sequential

X = np.random.default_rng(5).normal(size=(4, 6, 3)).astype("float32")


class Halves(Layer):
    """The positive and the negative part, side by side."""

    def get_output_shape_for(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2 * input_shape[-1])

    def call(self, x: Any, mask: Any = None) -> Any:
        return K.concatenate([K.relu(x), K.relu(-x)], axis=-1)


class Own(Layer):
    """Dense, with weights that an initialiser of Keras 1 makes."""

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        self.output_dim = output_dim
        self.init = initializations.get("glorot_uniform")
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        self.W = self.init((input_shape[1], self.output_dim), name=f"{self.name}_W")
        self.b = K.zeros((self.output_dim,), name=f"{self.name}_b")
        self.scale = self.add_weight((self.output_dim,), initializer="one", name=f"{self.name}_scale")
        self.trainable_weights = [self.W, self.b, self.scale]

    def call(self, x: Any, mask: Any = None) -> Any:
        return (K.dot(x, self.W) + self.b) * self.scale

    def get_output_shape_for(self, input_shape: Any) -> Any:
        return (input_shape[0], self.output_dim)


def test_the_old_rule_of_shapes_is_the_rule() -> None:
    x = Input((6, 3))
    y = TimeDistributed(Halves())(x)
    assert K.int_shape(y) == (None, 6, 6)
    np.testing.assert_array_equal(Model(x, y).predict(X), np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], -1))
    assert Halves().compute_output_shape((None, 5)) == (None, 10)


def test_layers_answer_to_the_old_name() -> None:
    assert Dense(7).get_output_shape_for((None, 3)) == (None, 7)

    class Doubled(Halves):
        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], 4 * input_shape[-1])

    assert Doubled().compute_output_shape((None, 5)) == (None, 20)


@pytest.mark.filterwarnings("ignore:Update your")
def test_weights_that_the_layer_lists_are_trained() -> None:
    model = Sequential([Own(4, input_shape=(3,)), Halves(), Dense(2, init="zero")])
    assert model.layers[1].output_shape == (None, 8)
    layer = model.layers[0]
    assert layer.weights == [layer.W, layer.b, layer.scale]
    rows = X[:, 0]
    np.testing.assert_allclose(
        K.function([model.input], [layer.output])([rows])[0], rows @ K.get_value(layer.W), rtol=1e-5
    )
    model.compile("sgd", "mse")
    model.fit(rows, np.ones((4, 2)), epochs=3, verbose=0)
    assert np.abs(K.get_value(layer.b)).max() > 0
