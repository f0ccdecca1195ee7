"""The guard against non-finite values: it names what failed and keeps the states."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ExecutionError


def test_a_finite_call_returns_what_it_does_without_the_guard() -> None:
    x = graphc.placeholder((None, 3), name="x")
    w = graphc.state(np.ones(3, np.float32), "w")
    f = graphc.function([x], ops.sum(x * w.node), updates=[(w, w.node * 2.0)], nan_guard=True)
    assert f(np.ones((2, 3), np.float32)) == 6.0
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])


def test_a_call_that_is_not_finite_names_it_and_changes_nothing() -> None:
    x = graphc.placeholder((None, 3), name="x")
    w, count = graphc.state(np.ones(3, np.float32), "w"), graphc.state(0, "count", "int64")
    new = w.node + ops.sum(ops.log(x), axis=0)
    f = graphc.function([x], [ops.sum(x)], updates=[(w, new), (count, count.node + 1)], nan_guard=True)
    with pytest.raises(ExecutionError, match=r"new value of state 'w'.*test_guard\.py"):
        f(np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(w.get_value(), [1, 1, 1])
    assert count.get_value() == 0
    f(np.ones((2, 3), np.float32))
    assert count.get_value() == 1


def test_an_epoch_that_is_not_finite_raises() -> None:
    x = graphc.placeholder((None, 3), name="x")
    w = graphc.state(np.float32(0), "w")
    f = graphc.function([x], [ops.mean(ops.log(x))], updates=[(w, w.node + ops.mean(ops.log(x)))], nan_guard=True)
    rows = np.ones((8, 3), np.float32)
    totals, order = np.zeros(1), np.arange(8, dtype=np.int64)
    assert f.epoch([rows], order, 3, 0, 3, totals, 10.0) == 3
    rows[5] = 0
    with pytest.raises(ExecutionError, match="not finite"):
        f.epoch([rows], order, 3, 0, 3, totals, 10.0)
    assert np.isfinite(w.get_value())


def test_the_flag_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_NAN_GUARD", "1")
    x = graphc.placeholder((None,), name="x")
    f = graphc.function([x], ops.sqrt(x))
    np.testing.assert_array_equal(f(np.array([4.0], np.float32)), [2.0])
    with pytest.raises(ExecutionError, match="output 0: sqrt"):
        f(np.array([-1.0], np.float32))
