"""Executables: values, arguments as callers give them, errors, inspection."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ExecutionError, ShapeError
from graphc.graph import State
from graphc.loopir import evaluate_plan
from graphc.runtime import Executable, set_threads
from tests.runtime.programs import (
    FEATURES,
    compiled,
    counter,
    relu_twice,
    relu_twice_in_numpy,
    training_step,
)


def _pair(rows: int, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(seed)
    return tuple(generator.standard_normal((rows, 10), np.float32) for _ in range(2))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def relu() -> Executable:
    return compiled(relu_twice(), "relu_twice", single=True)


@pytest.mark.parametrize("rows", [0, 1, 3, 16, 257, 40_001, 120_001])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_batch_size_without_recompiling(relu: Executable, rows: int, count: int) -> None:
    set_threads(count)
    x, y = _pair(rows)
    result = relu(x, y)
    assert result.dtype == np.float32
    assert np.array_equal(result, relu_twice_in_numpy(x, y))


def test_single_and_list_results() -> None:
    x, y = _pair(3)
    [result] = compiled(relu_twice())(x, y)
    assert result.shape == (3, 10)
    assert compiled(relu_twice(), single=True)(x, y).shape == (3, 10)


def test_results_are_new_and_inputs_unchanged(relu: Executable) -> None:
    x, y = _pair(5)
    before = x.copy(), y.copy()
    first, second = relu(x, y), relu(x, y)
    first[:] = -1
    assert np.array_equal(second, relu_twice_in_numpy(x, y))
    assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])


class Child(np.ndarray[Any, Any]):
    """A subclass of ndarray."""


def _variants(x: np.ndarray[Any, Any]) -> dict[str, Any]:
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "reversed": x[::-1].copy()[::-1],
        "every second": np.repeat(x, 2, axis=1)[:, ::2],
        "float64": x.astype(np.float64),
        "big endian": x.astype(">f4"),
        "list": x.tolist(),
        "subclass": x.view(Child),
        "unaligned": unaligned,
        "read only": frozen,
    }


@pytest.mark.parametrize("kind", _variants(np.zeros((1, 1), np.float32)))
def test_arrays_of_any_layout(relu: Executable, kind: str) -> None:
    x, y = _pair(6)
    assert np.array_equal(relu(_variants(x)[kind], y), relu_twice_in_numpy(x, y))
    assert np.array_equal(relu(x, _variants(y)[kind]), relu_twice_in_numpy(x, y))


@pytest.mark.parametrize("dtype", ["int32", "bool", "uint8", "float16"])
def test_safe_casts(relu: Executable, dtype: str) -> None:
    x, y = _pair(4)
    cast = (x * 3).astype(dtype)
    assert np.array_equal(relu(cast, y), relu_twice_in_numpy(cast.astype(np.float32), y))


def test_errors_name_the_argument_and_both_shapes(relu: Executable) -> None:
    x, y = _pair(4)
    cases: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        ((x,), ExecutionError, r"relu_twice takes 2 arrays \('x', 'y'\); got 1"),
        ((x, y, y), ExecutionError, "takes 2 arrays .*; got 3"),
        ((x, y[:3]), ShapeError, r"argument 1 'y' of relu_twice has shape \(3, 10\); expected \(4, 10\)"),
        ((x[:, :9], y), ShapeError, r"argument 0 'x' .* \(4, 9\); expected \(\?, 10\)"),
        ((x[0], y), ShapeError, r"argument 0 'x' .* \(10,\); expected \(\?, 10\)"),
        (([[1.0, 2.0], [3.0]], y), ShapeError, "argument 0 'x' of relu_twice"),
        ((x.astype(complex), y), DTypeError, "argument 0 'x' .* complex128; expected numbers of dtype float32"),
        ((x, "text"), DTypeError, "argument 1 'y'"),
        ((None, y), DTypeError, "argument 0 'x'"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            relu(*arguments)
    assert np.array_equal(relu(x, y), relu_twice_in_numpy(x, y))


def test_a_failed_call_changes_no_state() -> None:
    state = State(np.zeros(5, np.float32))
    executable = compiled(counter(state))
    with pytest.raises(ShapeError):
        executable(np.ones(4, np.float32))
    with pytest.raises(DTypeError):
        executable(np.ones(5, complex))
    assert np.array_equal(state.get_value(), np.zeros(5))


def test_states_live_between_calls() -> None:
    state = State(np.arange(5, dtype=np.float32))
    executable = compiled(counter(state), single=True)
    by = np.float32([1, 2, 3, 4, 5])
    assert np.array_equal(executable(by), np.arange(5))
    assert np.array_equal(executable(by), np.arange(5) + by)
    assert np.array_equal(state.get_value(), np.arange(5) + 2 * by)
    state.set_value(np.full(5, 7.0))
    assert np.array_equal(executable(by), np.full(5, 7.0))


def test_executables_share_states() -> None:
    state = State(np.zeros(5, np.float32))
    first, second = compiled(counter(state), single=True), compiled(counter(state), single=True)
    first(np.ones(5, np.float32))
    assert np.array_equal(second(np.ones(5, np.float32)), np.ones(5))


def test_agrees_with_the_meaning_of_the_plan() -> None:
    generator = np.random.default_rng(3)
    weights = State(generator.standard_normal(FEATURES, np.float32))
    plan = training_step(weights)
    arguments = generator.standard_normal((11, FEATURES), np.float32), generator.standard_normal(11, np.float32), 0.1
    [expected], states = evaluate_plan(plan, arguments)
    [loss] = compiled(plan)(*arguments)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(weights.get_value(), states["weights"], rtol=1e-5)


def test_source_and_report(relu: Executable) -> None:
    assert "define" in relu.source("llvm") and "graphc_call" in relu.source()
    assert "graphc_call:" in relu.source("asm")
    with pytest.raises(ExecutionError, match="'llvm' and 'asm'"):
        relu.source("c")  # type: ignore[arg-type]
    report = relu.report()
    for part in (
        "relu_twice: 2 launches of 1 kernels",
        "relu: float32[rows, 5]  layer 'first', user.py:3",
        "20*rows",
        "arena: 40*rows + 64",
    ):
        assert part in report
    assert relu.source().count("define void @kernel_") == 1


def test_second_compilation_comes_from_the_cache() -> None:
    assert not compiled(relu_twice()).code.cached
    assert compiled(relu_twice()).code.cached
    x, y = _pair(3)
    assert np.array_equal(compiled(relu_twice())(x, y)[0], relu_twice_in_numpy(x, y))


def test_native_outlives_the_executable() -> None:
    executable = compiled(relu_twice(), single=True)
    native, gone = executable.native, weakref.ref(executable)
    del executable
    gc.collect()
    assert gone() is None
    x, y = _pair(2000)
    assert np.array_equal(native(x, y), relu_twice_in_numpy(x, y))
    assert np.array_equal(native(x.tolist(), y), relu_twice_in_numpy(x, y))


def test_executables_are_freed() -> None:
    executable = compiled(relu_twice(), single=True)
    executable(*_pair(5000))
    program = weakref.ref(executable._program)
    del executable
    gc.collect()
    assert program() is None


def test_references_are_not_leaked(relu: Executable) -> None:
    x, y = _pair(4)
    result = relu(x, y)
    counted = (x, relu.native, x.dtype)
    before = [sys.getrefcount(o) for o in counted]
    for _ in range(100):
        relu(x, y)
        relu(x.tolist(), y)
        with pytest.raises(ShapeError):
            relu(x, y[:2])
    assert [sys.getrefcount(o) for o in counted] == before
    assert sys.getrefcount(result) == 2
