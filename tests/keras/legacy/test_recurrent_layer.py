"""Recurrent: layers of users that define a step."""

from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError
from graphc.keras import backend as K
from graphc.keras.layers import Dense, Input, Masking, SimpleRNN
from graphc.keras.layers.recurrent import Recurrent, time_distributed_dense
from graphc.keras.models import Model, Sequential

GENERATOR = np.random.default_rng(17)
X = GENERATOR.normal(size=(4, 5, 3)).astype("float32")


class Plain(Recurrent):
    """SimpleRNN, as it was written before there were cells."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        features = (input_shape[0] if isinstance(input_shape, list) else input_shape)[2]
        self.kernel = self.add_weight("kernel", (features, self.units), initializer="glorot_uniform")
        self.recurrent = self.add_weight("recurrent", (self.units, self.units), initializer="orthogonal")
        self.bias = self.add_weight("bias", (self.units,), initializer="zeros")
        self.states = [None]
        super().build(input_shape)

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        return time_distributed_dense(inputs, self.kernel, self.bias)

    def step(self, inputs: Any, states: Any) -> Any:
        now = K.tanh(inputs + K.dot(states[0], self.recurrent))
        return now, [now]


class Keras1(Recurrent):
    """A sum of steps, with a constant and a first state of its own, in the spelling of Keras 1."""

    def __init__(self, output_dim: int, **kwargs: Any) -> None:
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        self.states = [None]

    def get_initial_states(self, x: Any) -> Any:
        return [K.ones_like(x[:, 0, :])]

    def get_constants(self, x: Any) -> Any:
        return [2.0 * K.ones_like(x[:, 0, :])]

    def step(self, x: Any, states: Any) -> Any:
        total = states[0] + states[1] * x
        return total, [total]


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"go_backwards": True}, {"unroll": True}])
def test_a_step_computes_what_a_cell_does(options: dict[str, Any]) -> None:
    model = Sequential([Masking(input_shape=(5, 3)), Plain(7, **options)])
    reference = Sequential([Masking(input_shape=(5, 3)), SimpleRNN(7, **options)])
    reference.set_weights(model.get_weights())
    assert model.output_shape == reference.output_shape
    masked = X.copy()
    masked[1, 3:] = 0
    np.testing.assert_allclose(model.predict(masked), reference.predict(masked), rtol=1e-5)


def test_states_are_returned_and_given() -> None:
    x, start = Input((5, 3)), Input((7,))
    layer = Plain(7, return_state=True)
    output, state = layer(x, initial_state=start)
    first = GENERATOR.normal(size=(4, 7)).astype("float32")
    values = Model([x, start], [output, state]).predict([X, first])
    np.testing.assert_array_equal(*values)
    reference = SimpleRNN(7)
    expected = Model([x, start], reference(x, initial_state=start))
    reference.set_weights(layer.get_weights())
    np.testing.assert_allclose(values[0], expected.predict([X, first]), rtol=1e-5)
    with pytest.raises(GraphcError, match="1 states but was passed 2"):
        layer(x, initial_state=[start, start])


def test_a_stateful_layer_goes_on_where_it_was() -> None:
    model = Sequential([Plain(7, stateful=True, batch_input_shape=(4, 5, 3))])
    first, second = model.predict(X), model.predict(X)
    assert np.abs(first - second).max() > 1e-3
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X), first)


@pytest.mark.filterwarnings("ignore:Update your `Keras1` call")
def test_names_of_keras_1() -> None:
    model = Sequential([Keras1(3, input_dim=3, input_length=5, consume_less="gpu"), Dense(2)])
    assert model.layers[0].implementation == 2
    assert model.layers[0].output_shape == (None, 3)
    total = K.function([model.input], [model.layers[0].output])([X])[0]
    np.testing.assert_allclose(total, 1 + 2 * X.sum(axis=1), rtol=1e-5)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X, np.ones((4, 2))))


def test_config() -> None:
    config = Plain(7, return_sequences=True, implementation=1, name="p").get_config()
    assert "cell" not in config
    assert (config["return_sequences"], config["implementation"]) == (True, 1)
    copy = Recurrent.from_config(config)
    with pytest.raises(TypeError, match="Recurrent does not define `step`"):
        copy.step(None, [])


def test_dropout_of_a_dense_layer_over_steps_is_the_same_for_all_steps() -> None:
    x = K.constant(np.ones((4, 5, 300)))
    y = time_distributed_dense(x, K.constant(np.eye(300)), dropout=0.5, training=1)
    value = K.eval(y)
    assert set(np.unique(value)) == {0.0, 2.0}
    np.testing.assert_array_equal(value, np.repeat(value[:, :1], 5, axis=1))
