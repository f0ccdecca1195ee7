"""Sequential: adding, popping, deferred building, classes and probabilities."""

import numpy as np
import pytest

from graphc.keras.layers import Activation, Dense, Input, InputLayer
from graphc.keras.models import Model, Sequential, clone_model

X = np.random.default_rng(5).normal(size=(9, 4)).astype("float32")


def test_weights_appear_with_the_input_shape() -> None:
    model = Sequential([Dense(3), Dense(2)])
    assert model.weights == []
    model.build((None, 4))
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    assert Sequential([Dense(3, input_dim=4)]).count_params() == 15


def test_data_build_it() -> None:
    model = Sequential([Dense(3), Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((9, 2)), verbose=0)
    assert model.output_shape == (None, 2)
    assert Sequential.from_config(model.get_config()).get_config() == model.get_config()


def test_pop_and_add() -> None:
    model = Sequential([Dense(3, input_shape=(4,)), Dense(2), Dense(5)])
    model.pop()
    assert model.output_shape == (None, 2)
    model.add(Activation("relu"))
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense", "Activation"]
    assert model.predict(X).min() >= 0
    for _ in range(3):
        model.pop()
    with pytest.raises(TypeError, match="no layers"):
        model.pop()


def test_input_layer_comes_first() -> None:
    model = Sequential([InputLayer((4,)), Dense(3)])
    assert model.input_shape == (None, 4)
    assert len(model.layers) == 1


def test_first_layer_may_be_a_model() -> None:
    a = Input((4,))
    model = Sequential([Model(a, Dense(3)(a)), Dense(2)])
    assert model.predict(X).shape == (9, 2)
    deferred = Sequential([Sequential([Dense(3)]), Dense(2)])
    deferred.build((None, 4))
    assert deferred.predict(X).shape == (9, 2)


def test_what_cannot_be_added() -> None:
    with pytest.raises(TypeError, match="must be an instance of class Layer"):
        Sequential([3])
    a = Input((4,))
    with pytest.raises(ValueError, match="single output"):
        Sequential([Model(a, [Dense(3)(a), Dense(2)(a)])])
    with pytest.raises(ValueError, match="empty model"):
        Sequential([Sequential()])


def test_classes_and_probabilities() -> None:
    many = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    np.testing.assert_array_equal(many.predict_classes(X), many.predict(X).argmax(-1))
    np.testing.assert_array_equal(many.predict_proba(X), many.predict(X))
    one = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    np.testing.assert_array_equal(one.predict_classes(X), one.predict(X) > 0.5)
    with pytest.warns(UserWarning, match="outside \\[0, 1\\]"):
        Sequential([Dense(2, input_shape=(4,), bias_initializer="ones")]).predict_proba(100 * X)


def test_clone_has_weights_of_its_own() -> None:
    model = Sequential([Dense(3, input_shape=(4,), name="d")])
    copy = clone_model(model)
    assert copy.get_config() == model.get_config()
    assert not np.array_equal(copy.get_weights()[0], model.get_weights()[0])
    on_tensor = clone_model(model, Input((4,)))
    on_tensor.set_weights(model.get_weights())
    np.testing.assert_array_equal(on_tensor.predict(X), model.predict(X))
