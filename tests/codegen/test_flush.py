"""Subnormal numbers count as zero while a program runs, and in this process as ever afterwards."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.codegen import describe_target

Array = np.ndarray[Any, Any]

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"), reason="the register is not known"
)

# Above 20 estimated microseconds programs run on all threads.
ROWS = 400_003


def _tenth(rows: int) -> tuple[graphc.runtime.Executable, Array]:
    x = graphc.placeholder((None,), name="x")
    return graphc.function([x], x * 0.1), np.full(rows, 1.5e-38, np.float32)


@pytest.mark.parametrize("rows", [1, 37, ROWS])
def test_subnormal_results_are_zero(rows: int) -> None:
    tenth, x = _tenth(rows)
    np.testing.assert_array_equal(tenth(x), np.zeros(rows, np.float32))


@pytest.mark.parametrize("rows", [1, 37, ROWS])
def test_subnormal_operands_count_as_zero(rows: int) -> None:
    x = graphc.placeholder((None,), name="x")
    scaled = graphc.function([x], x * 1e30)
    np.testing.assert_array_equal(scaled(np.full(rows, 1e-40, np.float32)), np.zeros(rows, np.float32))


@pytest.mark.parametrize("rows", [37, ROWS])
def test_the_caller_keeps_its_subnormals(rows: int) -> None:
    tenth, x = _tenth(rows)
    tenth(x)
    assert float(np.float32(1.5e-38) * np.float32(0.1)) > 0
    assert float(np.float64(1e-310)) * 0.5 > 0


def test_moving_keeps_bits() -> None:
    x = graphc.placeholder((None, 3), name="x")
    data = np.full((2, 3), 1e-40, np.float32)
    np.testing.assert_array_equal(graphc.function([x], ops.transpose(x))(data), data.T)


def test_subnormal_halves_are_numbers() -> None:
    x = graphc.placeholder((None,), "float16", name="x")
    data = np.array([6e-8, -6e-8, 3e-5, 1.0], np.float16)
    np.testing.assert_array_equal(graphc.function([x], x * 2.0)(data), data * np.float16(2))


@pytest.mark.parametrize("rows", [37, ROWS])
def test_a_flag_keeps_them(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_SUBNORMALS", "1")
    tenth, x = _tenth(rows)
    np.testing.assert_array_equal(tenth(x), x * np.float32(0.1))
    assert tenth(x)[0] > 0


def test_an_epoch_flushes_as_steps_do() -> None:
    x = graphc.placeholder((None,), name="x")
    average = graphc.state(np.full(3, 1.4e-38, np.float32))
    step = graphc.function([x], ops.sum(x), updates=[(average, average.node * 0.9)])
    data, totals = np.ones(4, np.float32), np.zeros(1)
    step.epoch([data], np.arange(4), 2, 0, 1, totals, 10.0)
    assert average.get_value().tolist() == [np.float32(1.4e-38) * np.float32(0.9)] * 3
    step.epoch([data], np.arange(4), 2, 1, 2, totals, 10.0)
    np.testing.assert_array_equal(average.get_value(), np.zeros(3))


@pytest.mark.parametrize(
    ("features", "register"),
    [("+sse2,+avx2", "mxcsr"), ("+sse2", "mxcsr"), ("+neon", "fpcr"), ("", "kept"), ("-sse2,+v", "kept")],
)
def test_register_of_a_target(features: str, register: str) -> None:
    assert describe_target("", features).subnormals == register
    assert describe_target("", features, keep_subnormals=True).subnormals == "kept"
