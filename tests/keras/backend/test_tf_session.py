"""The session of scripts that speak to TensorFlow's."""

import numpy as np
import pytest

from graphc.errors import DTypeError
from graphc.keras import backend as K
from graphc.keras.backend import tf_session
from graphc.keras.backend.session import programs
from graphc.keras.layers import Dense, Dropout
from graphc.keras.models import Sequential

X = np.array([[0.5, -2.0, 3.25], [1.5, 4.0, -0.75]], "float32")


@pytest.fixture(autouse=True)
def _fresh_session() -> object:
    K.clear_session()
    yield
    K.clear_session()


def test_a_structure_of_tensors_is_computed() -> None:
    x, v = K.placeholder(shape=(None, 3)), K.variable([1.0, 2.0, 3.0])
    values = K.get_session().run({"sum": x + v, "both": [(x, v), K.sum(x)]}, feed_dict={x: X})
    np.testing.assert_array_equal(values["sum"], X + [1, 2, 3])
    first, total = values["both"]
    assert isinstance(first, tuple)
    np.testing.assert_array_equal(first[0], X)
    np.testing.assert_array_equal(first[1], [1, 2, 3])
    assert total == X.sum()


def test_the_learning_phase_is_fed_like_a_tensor() -> None:
    model = Sequential([Dense(50, input_shape=(3,)), Dropout(0.5)])
    feeds = {model.input: X, K.learning_phase(): 0}
    np.testing.assert_allclose(K.get_session().run(model.output, feeds), model.predict(X))
    feeds[K.learning_phase()] = 1
    assert (K.get_session().run(model.output, feeds) == 0).mean() > 0.2


def test_updates_are_done_after_all_is_read() -> None:
    v = K.variable(1.0)
    assert K.get_session().run([K.update_add(v, 2.0), v]) == [None, 1.0]
    assert K.get_value(v) == 3


def test_the_initializer_of_a_weight_draws_again() -> None:
    model = Sequential([Dense(4, input_shape=(3,), bias_initializer="ones"), Dense(2)])
    layer = model.layers[0]
    before = layer.get_weights()[0]
    layer.set_weights([before, np.zeros(4)])
    layer.kernel.initializer.run(session=K.get_session())
    assert np.all(layer.get_weights()[0] != before)
    assert K.get_session().run([w.initializer for w in model.weights]) == [None] * 4
    np.testing.assert_array_equal(layer.get_weights()[1], np.ones(4))
    with pytest.raises(AttributeError, match="made from a value"):
        K.variable(1.0).initializer  # noqa: B018


def test_an_initializer_of_the_user_may_return_a_tensor() -> None:
    layer = Dense(4, kernel_initializer=lambda shape: K.constant(np.full(shape, 0.25)))
    layer.build((None, 3))
    layer.set_weights([np.zeros((3, 4)), np.zeros(4)])
    layer.kernel.initializer.run()
    np.testing.assert_array_equal(layer.get_weights()[0], np.full((3, 4), 0.25))


def test_programs_are_kept_until_the_session_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf_session, "_KEPT_PROGRAMS", 3)
    x = K.placeholder(shape=(None, 3))
    outputs = [x + i for i in range(5)]
    for y in outputs:
        K.get_session().run(y, {x: X})
    kept = list(programs.values())
    assert len(kept) == 3
    K.get_session().run(outputs[-1], {x: X[:1]})
    assert list(programs.values()) == kept
    K.clear_session()
    assert programs == {}


def test_sessions_are_one_and_closing_means_nothing() -> None:
    session = K.get_session()
    K.set_session(object())
    with K.get_session() as entered, session.as_default() as default:
        assert entered is default is session
    assert K.get_session().run(K.constant(2.0)) == 2


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(DTypeError, match=r"'dense_1/kernel:0' is none \[.*test_tf_session.py"):
        K.get_session().run("dense_1/kernel:0")
