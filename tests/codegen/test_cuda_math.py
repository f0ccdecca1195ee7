"""Every scalar primitive as CUDA C, run by the emulator, against its meaning in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from graphc import dtypes, symbolic
from graphc.codegen.cuda.math import SPELLINGS, literal
from graphc.loopir import PRIMITIVES, Call, Const, For, Index, Load, LoopKernel, Parameter, Store
from graphc.loopir.scalar import MEANING, cast, philox
from graphc.symbolic import Symbol
from tests.cuda.kernels import needs_compiler, run_kernel

pytestmark = needs_compiler
Array = np.ndarray[Any, Any]
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
LOGIC = ("logical_and", "logical_or", "logical_xor", "logical_not")
BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")
COMPARISONS = ("equal", "not_equal", "less", "less_equal")
ARITHMETIC = (
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "minimum", "maximum", "negative", "absolute",
    "sign",
)  # fmt: skip
# Only for floats.
REAL = sorted(set(MEANING) - {*LOGIC, *BITS, *COMPARISONS, *ARITHMETIC, "where", "power"})


def apply(primitives: Sequence[str], operands: Sequence[Array], result: str | None = None) -> dict[str, Array]:
    """Return each primitive of the operands (as many as it takes), computed by one kernel."""
    size = len(operands[0])
    names = [str(a.dtype) for a in operands]
    i = symbolic.symbol("i", size)
    loads = [Load(f"p{k}", i, name) for k, name in enumerate(names)]
    kinds = {p: "bool" if p in (*COMPARISONS, *LOGIC) else result or names[-1] for p in primitives}
    stores = tuple(Store(f"out_{p}", i, Call(p, tuple(loads[: PRIMITIVES[p]]), kinds[p])) for p in primitives)
    parameters = [Parameter(f"p{k}", name) for k, name in enumerate(names)]
    parameters += [Parameter(f"out_{p}", kinds[p], writable=True) for p in primitives]
    kernel = LoopKernel(tuple(parameters), (), (For(Symbol("i", size), size, stores, parallel=True, vector=True),))
    memory = {f"p{k}": a for k, a in enumerate(operands)}
    results = {f"out_{p}": np.zeros(size, dtypes.numpy_dtype(kinds[p])) for p in primitives}
    found = run_kernel(kernel, memory | results)
    return {p: found[f"out_{p}"] for p in primitives}


def meaning(primitive: str, operands: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(MEANING[primitive](*operands[: PRIMITIVES[primitive]]))


def test_every_primitive_is_spelled() -> None:
    assert set(SPELLINGS) == set(PRIMITIVES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_real_functions(dtype: str) -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 30.0, -30.0, 1e-6, 0.999]
    rng = np.random.default_rng(3)
    x = np.array([*special, *rng.uniform(-3, 3, 49)], dtype)
    y = np.roll(x, 7)
    primitives = [*REAL, "power", *COMPARISONS, *ARITHMETIC]
    for primitive, found in apply(primitives, [x, y]).items():
        expected = meaning(primitive, [x, y])
        tolerance = 2e-6 if dtype == "float32" else 1e-13 if primitive != "erfinv" else 1e-10
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=0, err_msg=primitive)
        is_zero = expected == 0
        np.testing.assert_array_equal(np.signbit(found[is_zero]), np.signbit(expected[is_zero]), err_msg=primitive)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_wrap_and_divide_as_numpy_does(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = [0, 1, 2, 3, 7, 13, 100, limits.max, limits.max - 1, limits.min, limits.min + 1]
    values += [-1, -2, -7] if limits.min < 0 else []
    x, y = (np.array(v, dtype) for v in zip(*[(a, b) for a in values for b in values]))
    for primitive, found in apply([*ARITHMETIC, *COMPARISONS, "bitwise_and", "bitwise_xor"], [x, y]).items():
        expected = meaning("floor_divide" if primitive == "divide" else primitive, [x, y])
        np.testing.assert_array_equal(found, expected, err_msg=primitive)
    few = np.abs(y % np.array(7, dtype)).astype(dtype)
    for primitive, found in apply(["power", "left_shift", "right_shift"], [x, few]).items():
        np.testing.assert_array_equal(found, meaning(primitive, [x, few]), err_msg=primitive)


def test_truth_values() -> None:
    x, y = np.array([False, False, True, True, True]), np.array([False, True, False, True, True])
    for primitive, found in apply([*LOGIC, "add", "multiply", "maximum", "bitwise_or"], [x, y]).items():
        np.testing.assert_array_equal(found, meaning(primitive, [x, y]), err_msg=primitive)
    chosen = apply(["where"], [x, np.arange(5, dtype="float32"), np.arange(5, 10, dtype="float32")])["where"]
    np.testing.assert_array_equal(chosen, [5, 6, 2, 3, 4])


@pytest.mark.parametrize("source", [*INTEGERS, "bool", "float16", "bfloat16", "float32", "float64"])
def test_casts(source: str) -> None:
    if dtypes.is_float(source):
        numbers = [0, -0.0, 0.7, -0.7, 1.5, -2.5, 127.5, -129, 3e4, 7e4, -3e9, 2.0**31, 2.0**63, 1e30, np.inf, -np.inf]
        with np.errstate(all="ignore"):
            x = np.array([*numbers, np.nan, 6e-8, 1e-7], "float64").astype(dtypes.numpy_dtype(source))
    elif source == "bool":
        x = np.array([True, False, True])
    else:
        limits = np.iinfo(source)
        x = np.array([0, 1, 100, limits.max, limits.min, limits.max // 3], source)
    wide = x.astype(dtypes.numpy_dtype(dtypes.TABLE[source].compute))
    for target in dtypes.TABLE:
        found = apply(["cast"], [x], target)["cast"]
        with np.errstate(all="ignore"):
            expected = cast(wide, target).astype(dtypes.numpy_dtype(target))
        np.testing.assert_array_equal(found.astype("float64"), expected.astype("float64"), err_msg=target)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_round_to_nearest_even(dtype: str) -> None:
    rng = np.random.default_rng(5)
    patterns = np.arange(1 << 16, dtype=np.uint16).view(dtypes.numpy_dtype(dtype)).astype("float32")
    x = np.concatenate([patterns, np.exp(rng.uniform(-20, 12, 5000)).astype("float32")])
    found = apply(["cast"], [x], dtype)["cast"]
    with np.errstate(all="ignore"):
        expected = x.astype(dtypes.numpy_dtype(dtype))
    np.testing.assert_array_equal(found.astype("float32"), expected.astype("float32"))


def test_philox_has_the_bits_of_every_target() -> None:
    size = 37
    i = symbolic.symbol("i", size)
    words = [Index(i, "uint32"), Load("key", i, "uint32"), Const(7, "uint32"), Const(2**32 - 1, "uint32")]
    keys = [Load("key", 3, "uint32"), Load("key", i, "uint32")]
    stores = tuple(
        Store(f"out{word}", i, Call("philox", (Const(word, "uint32"), *words, *keys), "uint32")) for word in range(4)
    )
    parameters = (Parameter("key", "uint32"), *(Parameter(f"out{w}", "uint32", writable=True) for w in range(4)))
    kernel = LoopKernel(parameters, (), (For(Symbol("i", size), size, stores, parallel=True, vector=True),))
    key = np.random.default_rng(1).integers(0, 1 << 32, size, np.uint32)
    memory = {"key": key} | {f"out{w}": np.zeros(size, np.uint32) for w in range(4)}
    found = run_kernel(kernel, memory)
    counter = (np.arange(size), key, np.uint32(7), np.uint32(2**32 - 1))
    for word in range(4):
        np.testing.assert_array_equal(found[f"out{word}"], philox(word, counter, (key[3], key)))


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (-0.0, "float32", "(-0.0f)"),
        (0.1, "float64", "0.1"),
        (-(1 << 63), "int64", "(-9223372036854775807LL - 1)"),
        (True, "bool", "true"),
        ((1 << 64) - 1, "uint64", "18446744073709551615ULL"),
        (-3, "int32", "(-3)"),
    ],
)
def test_literals(value: Any, dtype: str, text: str) -> None:
    assert literal(value, dtype) == text
