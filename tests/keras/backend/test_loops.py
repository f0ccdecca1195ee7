"""K.rnn, folds and maps against loops in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, ShapeError
from graphc.keras import backend as K

X = np.array([[0.5, -2.0, 3.25], [1.5, 4.0, -0.75]], "float32")
BATCH, STEPS, ROWS, COLUMNS = 2, 5, 3, 4


def test_folds_and_maps_over_rows() -> None:
    x = K.variable(X)
    np.testing.assert_allclose(K.eval(K.map_fn(lambda row: K.sum(row), x)), X.sum(1))
    np.testing.assert_array_equal(K.eval(K.map_fn(lambda row: row > 1.0, x, dtype="int32")), X > 1)
    np.testing.assert_allclose(K.eval(K.foldl(lambda a, row: a * 2.0 + row, x)), 2 * X[0] + X[1])
    np.testing.assert_allclose(K.eval(K.foldr(lambda a, row: a * 2.0 + row, x)), 2 * X[1] + X[0])
    np.testing.assert_allclose(K.eval(K.foldl(lambda a, row: a - row, x, initializer=K.zeros(3))), -X.sum(0))
    pairs = K.map_fn(lambda rows: rows[0] * rows[1], (x, x))
    np.testing.assert_allclose(K.eval(pairs), X * X)
    with pytest.raises(GraphcError, match="scalar"):
        K.map_fn(K.square, K.placeholder(shape=()))


def test_folds_and_maps_over_a_number_of_rows_known_at_run_time() -> None:
    rows = K.placeholder(shape=(None, 3))
    last_first = K.foldr(lambda a, row: a * 2.0 + row, rows)
    sums = K.map_fn(K.sum, rows)
    pair = K.foldl(lambda a, r: (a[0] + r[0], a[1] * r[1]), (rows, rows + 1.0))
    for count in (1, 2, 5):
        data = np.random.RandomState(count).normal(size=(count, 3)).astype("float32")
        weights = 2.0 ** np.arange(count)
        results = K.function([rows], [last_first, sums, *pair])([data])
        np.testing.assert_allclose(results[0], weights @ data, rtol=1e-5)
        np.testing.assert_allclose(results[1], data.sum(1), rtol=1e-5)
        np.testing.assert_allclose(results[2], data.sum(0), rtol=1e-5)
        np.testing.assert_allclose(results[3], (data + 1.0).prod(0), rtol=1e-5)


def _data(*shape: int) -> Any:
    return np.random.RandomState(3).normal(size=shape).astype("float32")


def _step(x: Any, states: Any) -> tuple[Any, list[Any]]:
    """Two states, a constant: the output is not a state."""
    fast, slow, constant = states
    fast, slow = 0.5 * fast + x, slow + fast * constant
    return fast - slow, [fast, slow]


@pytest.mark.parametrize("unroll", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_a_step_over_matrices_is_repeated(unroll: bool, go_backwards: bool) -> None:
    data, constant = _data(BATCH, STEPS, ROWS, COLUMNS), _data(BATCH, ROWS, COLUMNS)
    x = K.placeholder(shape=data.shape)
    initial = [K.constant(np.zeros_like(constant)), K.constant(np.ones_like(constant))]
    results = K.rnn(_step, x, initial, go_backwards, constants=[K.constant(constant)], unroll=unroll)
    last, outputs, states = results
    values = K.function([x], [last, outputs, *states])([data])
    fast, slow, expected = np.zeros_like(constant), np.ones_like(constant), []
    for position in reversed(range(STEPS)) if go_backwards else range(STEPS):
        output, (fast, slow) = _step(data[:, position], (fast, slow, constant))
        expected.append(output)
    for value, right in zip(values, [expected[-1], np.stack(expected, 1), fast, slow], strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axes", [2, 3])
def test_masked_steps_keep_the_states(axes: int) -> None:
    data, initial = _data(BATCH, STEPS, ROWS), _data(BATCH, ROWS)
    mask = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]], bool)
    given = K.placeholder(shape=(None, *mask.shape[1:], *(1,) * (axes - 2)), dtype="bool")
    x = K.placeholder(shape=(None, STEPS, ROWS))
    start = K.constant(initial)
    last, outputs, (state,) = K.rnn(lambda now, states: (now + states[0], [now + states[0]]), x, [start], mask=given)
    shaped = mask.reshape(*mask.shape, *(1,) * (axes - 2))
    values = K.function([x, given], [last, outputs, state])([data, shaped])
    expected = initial[:, None] + (data * mask[:, :, None]).cumsum(1)
    np.testing.assert_allclose(values[1], expected, rtol=1e-5)
    for value in (values[0], values[2]):
        np.testing.assert_allclose(value, expected[:, -1], rtol=1e-5)


def test_steps_without_states() -> None:
    x = K.placeholder(shape=(None, None, ROWS))
    last, outputs, states = K.rnn(lambda now, states: (2.0 * now, []), x, [])
    data = _data(BATCH, STEPS, ROWS)
    values = K.function([x], [last, outputs])([data])
    assert states == []
    np.testing.assert_array_equal(values[0], 2 * data[:, -1])
    np.testing.assert_array_equal(values[1], 2 * data)


def test_what_a_recurrence_cannot_do() -> None:
    def double(now: Any, states: Any) -> Any:
        return 2.0 * now, states

    sequence = K.placeholder(shape=(None, None, ROWS))
    with pytest.raises(ShapeError, match="at least 3 axes"):
        K.rnn(double, K.placeholder(shape=(None, ROWS)), [])
    with pytest.raises(ShapeError, match="a known number of steps above 0"):
        K.rnn(double, sequence, [], unroll=True)
    mask = K.placeholder(shape=(None, None), dtype="bool")
    with pytest.raises(ShapeError, match="initial states where there is a mask"):
        K.rnn(double, sequence, [], mask=mask)
    with pytest.raises(ShapeError, match="must have the shape of its first state"):
        K.rnn(double, sequence, [K.zeros((BATCH, ROWS + 1))], mask=mask)
