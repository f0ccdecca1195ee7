"""First values of states: computed once, when somebody needs them, and not at all where they are replaced before."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import FirstValue, State


class Counted(FirstValue):
    """The numbers 0, 1, 2, ... of a shape; counts how often it was asked, fails the first `failures` times."""

    def __init__(self, shape: tuple[int, ...], failures: int = 0) -> None:
        self.shape, self.failures, self.asked = shape, failures, 0

    def fill(self, storage: np.ndarray[Any, Any]) -> None:
        self.asked += 1
        if self.asked <= self.failures:
            raise MemoryError
        storage[...] = np.arange(storage.size).reshape(self.shape)


def test_a_first_value_is_computed_once_and_late() -> None:
    first = Counted((3, 5))
    state = State(first, "weights", "float64")
    assert (state.node.shape, state.node.dtype, first.asked) == ((3, 5), "float64", 0)
    expected = np.arange(15.0).reshape(3, 5)
    for _ in range(2):
        np.testing.assert_array_equal(state.get_value(), expected)
    assert first.asked == 1 and state.storage.ctypes.data % 64 == 0


def test_programs_read_and_write_first_values() -> None:
    first = Counted((3, 5))
    state = State(first)
    f = graphc.function([], ops.sum(state.node), [(state, state.node * 2)])
    assert [float(f()) for _ in range(3)] == [105, 210, 420]
    assert first.asked == 1
    np.testing.assert_array_equal(state.get_value(), 8 * np.arange(15).reshape(3, 5))


def test_a_value_that_is_replaced_before_is_never_computed() -> None:
    first = Counted((2, 3))
    state = State(first)
    with pytest.raises(ShapeError):
        state.set_value(np.zeros(3))
    state.set_value(np.ones((2, 3)))
    np.testing.assert_array_equal(state.get_value(), np.ones((2, 3)))
    assert first.asked == 0


def test_what_failed_is_tried_again() -> None:
    state = State(Counted((4,), failures=1))
    with pytest.raises(MemoryError):
        state.get_value()
    np.testing.assert_array_equal(state.get_value(), [0, 1, 2, 3])


def test_threads_that_ask_together_get_one_value() -> None:
    first = Counted((100, 100))
    state = State(first)
    values: list[np.ndarray[Any, Any]] = []
    threads = [threading.Thread(target=lambda: values.append(state.get_value())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.asked == 1 and len(values) == 6
    assert all(np.array_equal(value, values[0]) for value in values)
