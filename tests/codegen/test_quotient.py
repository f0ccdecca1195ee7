"""Quotients by multiplication: their error, their special values, and where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import symbolic
from graphc.codegen import Target
from graphc.codegen.llvm.math.quotient import is_estimated
from graphc.loopir import Call, Const, Expr, For, Load, LoopKernel, Parameter, Store
from graphc.symbolic import Symbol
from tests.codegen.native import host_target, kernel_text, narrow_target, run_kernel
from tests.codegen.test_math import units

Array = np.ndarray[Any, Any]
WIDE = Target("x86-64-v4", "+avx512f", 16, 32, fma=True, half=True, subnormals="mxcsr")
A, V = (Load(name, symbolic.symbol("i"), "float32") for name in ("a", "v"))


def _quotient(constant: float) -> Call:
    root = Call("sqrt", (V,), "float32")
    return Call("divide", (A, Call("add", (root, Const(constant, "float32")), "float32")), "float32")


def _kernel(size: int, constant: float) -> LoopKernel:
    i = symbolic.symbol("i")
    parameters = (Parameter("a", "float32"), Parameter("v", "float32"), Parameter("out", "float32", writable=True))
    body = For(Symbol("i", None), size, (Store("out", i, _quotient(constant)),), vector=True)
    return LoopKernel(parameters, (), (body,))


def _run(a: Array, v: Array, constant: float) -> Array:
    memory = {"a": a, "v": v, "out": np.zeros_like(a)}
    return run_kernel(_kernel(len(a), constant), memory)["out"]


@pytest.mark.parametrize("constant", [1e-7, 1e-3, 0.0])
def test_error_in_units(constant: float) -> None:
    rng = np.random.default_rng(11)
    size = 200_003
    a = (np.exp(rng.uniform(-40, 40, size)) * rng.choice([-1.0, 1.0], size)).astype(np.float32)
    v = np.exp(rng.uniform(-60, 60, size)).astype(np.float32)
    divisor = np.sqrt(v) + np.float32(constant)
    assert units(_run(a, v, constant), a.astype(np.float64) / divisor) <= 1.5


def test_special_values_as_numpy() -> None:
    values = np.array([0.0, -0.0, 1.0, -2.5, 3e38, np.inf, -np.inf, np.nan], np.float32)
    a, v = (x.ravel() for x in np.meshgrid(values, np.array([0.0, 1.0, 1e-30, 3e38, np.inf, np.nan], np.float32)))
    with np.errstate(all="ignore"):
        exact = a / (np.sqrt(v) + np.float32(0))
    np.testing.assert_allclose(_run(a, v, 0.0), exact, rtol=2e-7)


def test_where_quotients_are_estimated() -> None:
    x = Load("x", symbolic.symbol("i"), "float32")
    divisors: dict[str, Expr] = {
        "any number": x,
        "constant": Const(3.0, "float32"),
        "too large a constant": Call("add", (Call("sqrt", (x,), "float32"), Const(1e38, "float32")), "float32"),
    }
    for name, divisor in divisors.items():
        assert not is_estimated(Call("divide", (A, divisor), "float32"), WIDE), name
    assert is_estimated(_quotient(1e-7), WIDE)
    assert not is_estimated(_quotient(1e-7), narrow_target())
    assert not is_estimated(Call("divide", (A, Call("sqrt", (V,), "float64")), "float64"), WIDE)


@pytest.mark.skipif(host_target().lanes < 16, reason="needs vectors of 16")
def test_the_divider_is_not_used() -> None:
    text = kernel_text(_kernel(64, 1e-7), host_target())
    assert "fdiv" not in text
    assert "rcp14" in text
