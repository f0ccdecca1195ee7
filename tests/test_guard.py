"""The guard against non-finite values: it names what failed and keeps the states."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ExecutionError
from graphc.graph import layer_scope


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
    before = w.get_value()
    with pytest.raises(ExecutionError, match=r"not finite.*The first is log float32\[.*test_guard\.py"):
        f.epoch([rows], order, 3, 0, 3, totals, 10.0)
    # The first step went on, the second stopped the epoch.
    np.testing.assert_array_equal(w.get_value(), before)
    assert totals[0] == 0.0


def test_the_flag_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_NAN_GUARD", "1")
    x = graphc.placeholder((None,), name="x")
    f = graphc.function([x], ops.sqrt(x))
    np.testing.assert_array_equal(f(np.array([4.0], np.float32)), [2.0])
    with pytest.raises(ExecutionError, match="output 0: sqrt"):
        f(np.array([-1.0], np.float32))


def test_the_first_fault_is_named_with_layer_and_line() -> None:
    x = graphc.placeholder((None, 3), name="x")
    with layer_scope("scaled"):
        y = ops.sqrt(x)
    with layer_scope("summed"):
        z = ops.sum(y * 2.0, axis=1)
    f = graphc.function([x], z, nan_guard=True)
    with pytest.raises(ExecutionError, match=r"The first is sqrt float32\[.*layer 'scaled', .*test_guard\.py:\d+"):
        f(np.array([[1, 4, -1]], np.float32))
    with pytest.raises(ExecutionError, match=r"The first is 'x' float32"):
        f(np.array([[1, 4, np.inf]], np.float32))


def test_an_epoch_stops_at_its_first_fault() -> None:
    x = graphc.placeholder((None, 3), name="x")
    steps = graphc.state(np.float32(0), "steps")
    f = graphc.function([x], [ops.mean(ops.log(x))], updates=[(steps, steps.node + 1.0)], nan_guard=True)
    rows = np.ones((12, 3), np.float32)
    rows[4] = 0
    with pytest.raises(ExecutionError, match="The first is log"):
        f.epoch([rows], np.arange(12), 3, 0, 4, np.zeros(1), 10.0)
    assert steps.get_value() == 1
