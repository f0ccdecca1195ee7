"""Native epochs: bit for bit what calling step by step gives."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ExecutionError, ShapeError
from graphc.graph import State
from graphc.records import replace
from graphc.runtime import Executable, set_threads
from tests.runtime.programs import FEATURES, compiled, relu_twice, training_step

ROWS = 53


def _data(rows: int = ROWS) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(5)
    x, y = generator.standard_normal((rows, FEATURES), np.float32), generator.standard_normal(rows, np.float32)
    return x, y, np.array(0.05, np.float32)


def _program() -> tuple[Executable, State]:
    weights = State(np.linspace(-1, 1, FEATURES, dtype=np.float32))
    return compiled(training_step(weights), "step", single=True), weights


def _by_steps(indices: np.ndarray[Any, Any], batch: int, steps: range) -> tuple[float, np.ndarray[Any, Any]]:
    executable, weights = _program()
    x, y, rate = _data()
    total = 0.0
    for step in steps:
        chosen = indices[step * batch : (step + 1) * batch]
        total += float(executable(x[chosen], y[chosen], rate)) * len(chosen)
    return total, weights.get_value()


@pytest.mark.parametrize("batch", [1, 4, 16, 53, 64])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("order", ["in order", "shuffled", "repeated"])
def test_same_bits_as_step_by_step(batch: int, count: int, order: str) -> None:
    set_threads(count)
    generator = np.random.default_rng(batch)
    indices = {
        "in order": np.arange(ROWS),
        "shuffled": generator.permutation(ROWS),
        "repeated": generator.integers(0, ROWS, 71),
    }[order]
    steps = range(0, -(-len(indices) // batch))
    expected_total, expected_weights = _by_steps(indices, batch, steps)
    executable, weights = _program()
    totals = np.zeros(1)
    done = executable.epoch(_data(), indices, batch, 0, len(steps), totals, 60.0)
    assert done == len(steps)
    assert totals[0] == expected_total
    assert np.array_equal(weights.get_value(), expected_weights)


def test_in_stretches() -> None:
    indices = np.random.default_rng(0).permutation(ROWS)
    expected_total, expected_weights = _by_steps(indices, 8, range(7))
    executable, weights = _program()
    totals = np.zeros(1)
    for first, last in ((0, 3), (3, 4), (4, 7)):
        assert executable.epoch(_data(), indices, 8, first, last, totals, 60.0) == last - first
    assert totals[0] == expected_total
    assert np.array_equal(weights.get_value(), expected_weights)


def test_time_limit_returns_after_a_step() -> None:
    executable, _ = _program()
    assert executable.epoch(_data(), np.arange(ROWS), 1, 5, ROWS, np.zeros(1), 0.0) == 1


def test_another_thread_can_stop_it_and_python_runs_meanwhile() -> None:
    executable, _ = _program()
    indices = np.zeros(50_000_000, np.int64)
    stopper = threading.Timer(0.05, executable.interrupt)
    stopper.start()
    done = executable.epoch(_data(), indices, 1, 0, len(indices), np.zeros(1), 60.0)
    assert 0 < done < len(indices)


def test_stretches_and_calls_hand_one_block_of_memory_on() -> None:
    executable, _ = _program()
    block = executable._program.code.address("graphc_block")
    indices = np.random.default_rng(1).permutation(ROWS)
    seen = []
    for first in range(3):
        executable.epoch(_data(), indices, 8, first, first + 1, np.zeros(1), 60.0)
        seen.append(ctypes.c_int64.from_address(block + 8).value)
        assert ctypes.c_int32.from_address(block + 16).value == 0
        executable(*_data())
    assert seen[0] != 0
    assert seen == seen[:1] * 3


def test_an_epoch_that_memory_does_not_suffice_for_is_an_error() -> None:
    weights = State(np.zeros(FEATURES, np.float32))
    executable = compiled(replace(training_step(weights), arena=1 << 60), "step", single=True)
    with pytest.raises(MemoryError, match="step: there is no memory for a step of 8 rows"):
        executable.epoch(_data(), np.arange(ROWS), 8, 0, 7, np.zeros(1), 60.0)
    with pytest.raises(MemoryError):
        executable(*_data())


def test_data_of_other_dtypes_is_cast() -> None:
    x, y, rate = _data()
    executable, weights = _program()
    executable.epoch([x.astype(np.float64), y.tolist(), 0.05], np.arange(ROWS), 16, 0, 4, np.zeros(1), 60.0)
    expected, expected_weights = _program()
    expected.epoch([x, y, rate], np.arange(ROWS), 16, 0, 4, np.zeros(1), 60.0)
    assert np.array_equal(weights.get_value(), expected_weights.get_value())


def test_errors() -> None:
    executable, weights = _program()
    x, y, rate = _data()
    indices, totals = np.arange(ROWS), np.zeros(1)
    cases: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        (([x, y], indices, 8, 0, 7, totals), ExecutionError, "step takes 3 arrays"),
        (([x, y, rate], indices, 8, 0, 8, totals), ExecutionError, "steps 0 to 8 of 8 rows"),
        (([x, y, rate], indices, 8, 3, 3, totals), ExecutionError, "steps 3 to 3"),
        (([x, y, rate], indices, 0, 0, 1, totals), ExecutionError, "of 0 rows"),
        (([x, y[:50], rate], indices, 8, 0, 7, totals), ShapeError, "'y' of step has 50 rows; .* from 0 to 52"),
        (([x, y, rate], indices - 1, 8, 0, 7, totals), ShapeError, "from -1 to 51"),
        (([x[:, :6], y, rate], indices, 8, 0, 7, totals), ShapeError, r"expected \(\?, 7\)"),
        (([x, y, np.ones(2, np.float32)], indices, 8, 0, 7, totals), ShapeError, r"'rate' .* \(2,\); expected \(\)"),
        (([x, y.astype(complex), rate], indices, 8, 0, 7, totals), DTypeError, "'y'"),
        (([x, y, rate], indices, 8, 0, 7, np.zeros(2)), ExecutionError, "totals must be"),
        (([x, y, rate], indices, 8, 0, 7, np.zeros(1, np.float32)), ExecutionError, "totals must be"),
    ]
    before = weights.get_value()
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            executable.epoch(*arguments, 60.0)
    assert np.array_equal(weights.get_value(), before)


def test_results_must_be_scalars() -> None:
    executable = compiled(relu_twice())
    x = np.zeros((4, 10), np.float32)
    with pytest.raises(ExecutionError, match="not float scalars"):
        executable.epoch([x, x], np.arange(4), 2, 0, 2, np.zeros(1), 1.0)
