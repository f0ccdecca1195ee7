import numpy as np
import pytest

from graphc.keras import backend as K

X = np.array([[0.5, -2.0, 3.25], [1.5, 4.0, -0.75]], "float32")


def test_gradients_sum_what_is_no_scalar() -> None:
    x = K.variable(X)
    np.testing.assert_allclose(K.eval(K.gradients(K.square(x), x)[0]), 2 * X)


def test_gradients_by_intermediate_tensors() -> None:
    x = K.variable(X)
    hidden = K.exp(x)
    by_hidden, by_x = K.gradients(K.sum(hidden * 3.0), [hidden, x])
    np.testing.assert_array_equal(K.eval(by_hidden), np.full((2, 3), 3))
    np.testing.assert_allclose(K.eval(by_x), 3 * np.exp(X), rtol=1e-5)


def test_none_stands_for_no_gradient() -> None:
    x, other = K.variable(X), K.variable(1.0)
    loss = K.sum(x * 2.0) + K.cast(K.argmax(x)[0], "float32")
    assert K.gradients(loss, [other])[0] is None
    assert K.gradients(K.cast(K.argmax(x)[0], "float32"), [x])[0] is None
    by_other, by_x = K.gradients(loss, [other, x])
    assert by_other is None
    np.testing.assert_array_equal(K.eval(by_x), np.full((2, 3), 2))


def test_second_derivatives() -> None:
    x = K.variable(X)
    first = K.gradients(K.sum(x**3), [x])[0]
    np.testing.assert_allclose(K.eval(K.gradients(K.sum(first), [x])[0]), 6 * X, rtol=1e-5)


def test_stopped_gradients() -> None:
    x = K.variable(X)
    loss = K.sum(x * K.stop_gradient(x))
    np.testing.assert_allclose(K.eval(K.gradients(loss, [x])[0]), X)
    stopped = K.stop_gradient([x, x * 2.0])
    assert [K.int_shape(s) for s in stopped] == [(2, 3), (2, 3)]


def test_switch() -> None:
    x, y = K.variable(X), K.variable(-X)
    np.testing.assert_array_equal(K.eval(K.switch(K.constant(True, "bool"), lambda: x, lambda: y)), X)
    np.testing.assert_array_equal(K.eval(K.switch(K.constant(0), x, y)), -X)
    rows = K.switch(K.constant([0, 1]), x, y)
    np.testing.assert_array_equal(K.eval(rows), [-X[0], X[1]])
    np.testing.assert_array_equal(K.eval(K.switch(x > 1.0, x, 0.0)), np.where(X > 1, X, 0))
    with pytest.raises(ValueError, match="Rank"):
        K.switch(x > 1.0, x[0], y[0])
