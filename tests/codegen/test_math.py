"""Every scalar primitive, natively: special values exactly, the rest within units in the last place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from graphc import dtypes, symbolic
from graphc.codegen import Target
from graphc.codegen.llvm.math.functions import SPELLINGS
from graphc.loopir import PRIMITIVES, Call, Const, Expr, For, Index, Load, LoopKernel, Parameter, Store
from graphc.symbolic import Symbol
from tests.codegen.native import host_target, narrow_target, plain_target, run_kernel

Array = np.ndarray[Any, Any]
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def apply(
    primitive: str, *operands: Array, dtype: str | None = None, vector: bool = True, target: Target | None = None
) -> Array:
    """Return the primitive of arrays of one length, computed by a kernel."""
    size = len(operands[0])
    names = [str(a.dtype) for a in operands]
    result = dtype or names[0]
    i = symbolic.symbol("i", size)
    loads: tuple[Expr, ...] = tuple(Load(f"p{k}", i, name) for k, name in enumerate(names))
    body = For(
        Symbol("i", size), size, (Store("out", i, Call(primitive, loads, result)),), parallel=True, vector=vector
    )
    parameters = tuple(Parameter(f"p{k}", name) for k, name in enumerate(names))
    kernel = LoopKernel((*parameters, Parameter("out", result, writable=True)), (), (body,))
    memory = {f"p{k}": a for k, a in enumerate(operands)} | {"out": np.zeros(size, dtypes.numpy_dtype(result))}
    return run_kernel(kernel, memory, target=target)["out"]


def units(found: Array, exact: Array) -> float:
    """Return the largest error in units in the last place; both must agree on nan, inf and overflow."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(found.dtype)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    limited = np.isinf(found) | np.isinf(rounded)
    largest = np.finfo(found.dtype).max
    # At the very edge one may be inf where the other is the largest number.
    assert np.all(np.abs(np.nan_to_num(rounded[limited])) >= 0.999999 * largest)
    ok = np.isfinite(rounded) & ~limited
    spacing = np.maximum(np.spacing(np.abs(rounded[ok])), np.finfo(found.dtype).smallest_subnormal)
    return float(np.max(np.abs(found[ok].astype(exact.dtype) - exact[ok]) / spacing, initial=0.0))


def spread(low: float, high: float, count: int, rng: np.random.Generator) -> Array:
    """Return numbers of both signs whose sizes are spread over the exponents from low to high."""
    sizes = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return np.asarray(sizes * rng.choice([-1.0, 1.0], count))


def reference(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    """Return the function evaluated in the widest float there is."""

    def evaluate(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(function(x.astype(np.longdouble)))

    return evaluate


def _double(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    return lambda x: np.asarray(function(x.astype(np.float64)))


# primitive -> (reference, smallest, largest size of arguments, limit for float32, limit for float64)
REAL: dict[str, tuple[Callable[[Array], Array], float, float, float, float]] = {
    "exp": (reference(np.exp), 1e-30, 110.0, 1.0, 1.0),
    "expm1": (reference(np.expm1), 1e-30, 110.0, 2.0, 2.0),
    "log": (reference(np.log), 1e-44, 1e38, 1.0, 1.0),
    "log1p": (reference(np.log1p), 1e-44, 1e38, 1.5, 1.5),
    "sqrt": (reference(np.sqrt), 1e-44, 1e38, 0.5, 0.5),
    "rsqrt": (reference(lambda x: 1 / np.sqrt(x)), 1e-44, 1e38, 1.5, 1.5),
    "tanh": (reference(np.tanh), 1e-44, 30.0, 1.5, 1.5),
    "sigmoid": (reference(lambda x: 1 / (1 + np.exp(-x))), 1e-30, 80.0, 2.25, 2.25),
    "sinh": (reference(np.sinh), 1e-44, 95.0, 2.5, 2.5),
    "cosh": (reference(np.cosh), 1e-44, 95.0, 2.5, 2.5),
    "sin": (reference(np.sin), 1e-44, 1e5, 1.5, 1.5),
    "cos": (reference(np.cos), 1e-44, 1e5, 1.5, 1.5),
    "tan": (reference(np.tan), 1e-44, 1e5, 3.0, 3.0),
    "arcsin": (reference(np.arcsin), 1e-44, 1.0, 2.25, 2.25),
    "arccos": (reference(np.arccos), 1e-44, 1.0, 2.25, 2.25),
    "arctan": (reference(np.arctan), 1e-44, 1e38, 2.25, 2.25),
    # scipy has these in float64 only, good to about two units.
    "erf": (_double(scipy.special.erf), 1e-44, 7.0, 1.5, 3.0),
    "erfinv": (_double(scipy.special.erfinv), 1e-30, 1.0, 4.0, 12.0),
}


@pytest.mark.parametrize("vector", [True, False], ids=["lanes", "scalar"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("primitive", sorted(REAL))
def test_error_in_units(primitive: str, dtype: str, vector: bool) -> None:
    evaluate, low, high, limit32, limit64 = REAL[primitive]
    rng = np.random.default_rng(7)
    x = np.concatenate([spread(low, high, 60_000, rng), rng.uniform(-high, high, 20_000), rng.uniform(-2, 2, 20_000)])
    if primitive in ("log", "sqrt", "rsqrt", "log1p"):
        x = np.concatenate([np.abs(x), 1 + rng.uniform(-1e-3, 1e-3, 999), -rng.uniform(0, 1, 999)])
    if high == 1.0:
        x = np.concatenate([np.clip(x, -1, 1), 1 - spread(1e-7, 0.1, 9999, rng) ** 2])
    x = x[:100_003].astype(dtype)
    found = apply(primitive, x, vector=vector)
    assert units(found, evaluate(x)) <= (limit32 if dtype == "float32" else limit64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("primitive", sorted(REAL))
def test_special_values_as_numpy(primitive: str, dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, tiny, -tiny, 1e4, -1e4, 0.5, -0.5], dtype)
    if primitive in ("sin", "cos", "tan"):
        x = x[~np.isinf(x)]
    with np.errstate(all="ignore"):
        exact = REAL[primitive][0](x).astype(dtype)
    found = apply(primitive, x)
    np.testing.assert_allclose(found, exact, rtol=4 * float(np.finfo(dtype).eps), atol=0)
    if primitive == "erfinv":
        exact = np.copysign(exact, x)  # scipy loses the sign of -0
    zeros = exact == 0
    np.testing.assert_array_equal(np.signbit(found[zeros]), np.signbit(exact[zeros]))


@pytest.mark.parametrize("primitive", ["exp", "log", "tanh", "erf", "sin"])
def test_lanes_and_scalars_agree_bitwise(primitive: str) -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([spread(1e-40, 1e3, 4001, rng), [-104.3, -88.1, -87.5, 88.9, np.nan]]).astype(np.float32)
    a, b = apply(primitive, x), apply(primitive, x, vector=False)
    np.testing.assert_array_equal(a.view(np.int32)[~np.isnan(a)], b.view(np.int32)[~np.isnan(b)])
    narrow = apply(primitive, x, target=narrow_target())
    np.testing.assert_array_equal(a.view(np.int32)[~np.isnan(a)], narrow.view(np.int32)[~np.isnan(narrow)])


@pytest.mark.parametrize("primitive", sorted(REAL))
def test_without_fused_multiply_add(primitive: str) -> None:
    """Formulas stay sound, a little less exact, where products are rounded."""
    drawn = np.random.default_rng(9).uniform(-0.999, 0.999, 20_001)
    x = (np.abs(drawn) + 0.001 if primitive in ("log", "sqrt", "rsqrt") else drawn).astype(np.float32)
    found = apply(primitive, x, target=plain_target())
    assert units(found, REAL[primitive][0](x)) <= 2 * REAL[primitive][3] + 1


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1.0), ("float64", 8.0)])
def test_power(dtype: str, limit: float) -> None:
    rng = np.random.default_rng(5)
    x = np.abs(spread(1e-10, 1e10, 50_000, rng)).astype(dtype)
    y = rng.uniform(-12, 12, 50_000).astype(dtype)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert units(apply("power", x, y), exact) <= limit
    numbers = np.array([0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1e20, 2.5, np.inf, -np.inf, np.nan], dtype)
    a, b = (m.ravel().copy() for m in np.meshgrid(numbers, numbers))
    with np.errstate(all="ignore"):
        expected = np.power(a, b)
    np.testing.assert_allclose(apply("power", a, b), expected, rtol=8 * float(np.finfo(dtype).eps), atol=0)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0, 4.0, -1.0, -2.0, 0.0, 0.5])
def test_power_of_a_constant(exponent: float) -> None:
    x = np.random.default_rng(1).normal(size=53).astype(np.float32)
    i = symbolic.symbol("i", 53)
    value = Call("power", (Load("a", i, "float32"), Const(exponent, "float32")), "float32")
    body = For(Symbol("i", 53), 53, (Store("out", i, value),), vector=True)
    kernel = LoopKernel((Parameter("a", "float32"), Parameter("out", "float32", True)), (), (body,))
    found = run_kernel(kernel, {"a": x, "out": np.zeros(53, np.float32)})["out"]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, np.power(x.astype(np.float64), exponent), rtol=3e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arctan2(dtype: str) -> None:
    rng = np.random.default_rng(11)
    y, x = (spread(1e-5, 1e5, 40_000, rng).astype(dtype) for _ in range(2))
    assert units(apply("arctan2", y, x), np.arctan2(y.astype(np.longdouble), x.astype(np.longdouble))) <= 3
    numbers = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 3], dtype)
    y, x = (m.ravel().copy() for m in np.meshgrid(numbers, numbers))
    found, expected = apply("arctan2", y, x), np.arctan2(y, x)
    np.testing.assert_allclose(found, expected, rtol=3 * float(np.finfo(dtype).eps), atol=0)
    np.testing.assert_array_equal(np.signbit(found[expected == 0]), np.signbit(expected[expected == 0]))


EXACT_PAIRS = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "minimum": np.minimum,
    "maximum": np.maximum, "floor_divide": np.floor_divide, "remainder": np.remainder,
}  # fmt: skip
COMPARISONS = {"equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal}


def pairs(dtype: str) -> tuple[Array, Array]:
    """Return two arrays in which extreme and random values meet."""
    rng = np.random.default_rng(2)
    if dtypes.is_float(dtype):
        some = np.array([0.0, -0.0, 1, -1, 2.5, -2.5, 7, -7, 0.1, -0.3, 1e30, np.inf, -np.inf, np.nan], dtype)
    else:
        info = np.iinfo(dtype)
        some = np.array([0, 1, 2, 3, 7, 100, info.max, info.min, info.max - 1, info.min + 1], dtype)
        if info.min < 0:
            some = np.concatenate([some, np.array([-1, -2, -3, -7, -100], dtype)])
        some = np.concatenate([some, rng.integers(info.min, info.max, 8, dtype, endpoint=True)])
    a, b = (m.ravel().copy() for m in np.meshgrid(some, some))
    return a, b


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("primitive", sorted(EXACT_PAIRS))
def test_pairs_of_floats_as_numpy(primitive: str, dtype: str) -> None:
    a, b = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = EXACT_PAIRS[primitive](a, b)
    for vector in (True, False):
        np.testing.assert_array_equal(apply(primitive, a, b, vector=vector), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_pairs_of_integers_as_numpy(dtype: str) -> None:
    a, b = pairs(dtype)
    for primitive in sorted(set(EXACT_PAIRS) - {"divide"}):
        with np.errstate(all="ignore"):
            expected = EXACT_PAIRS[primitive](a, b)
        for vector in (True, False):
            np.testing.assert_array_equal(apply(primitive, a, b, vector=vector), expected, err_msg=primitive)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
def test_comparisons_as_numpy(dtype: str) -> None:
    a, b = pairs(dtype)
    for primitive, function in COMPARISONS.items():
        np.testing.assert_array_equal(apply(primitive, a, b, dtype="bool"), function(a, b), err_msg=primitive)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_bits_and_shifts(dtype: str) -> None:
    a, b = pairs(dtype)
    for primitive in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        np.testing.assert_array_equal(apply(primitive, a, b), getattr(np, primitive)(a, b))
    amounts = (np.arange(len(a)) % (dtypes.TABLE[dtype].bits + 3)).astype(dtype)
    for primitive in ("left_shift", "right_shift"):
        np.testing.assert_array_equal(apply(primitive, a, amounts), getattr(np, primitive)(a, amounts))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint32"])
def test_integer_power(dtype: str) -> None:
    a = np.repeat(np.array([0, 1, 2, 3, 5, 7], dtype), 9)
    b = np.tile(np.arange(9).astype(dtype), 6)
    if dtype.startswith("int"):
        a = np.concatenate([a, -a])
        b = np.concatenate([b, b])
    np.testing.assert_array_equal(apply("power", a, b), np.power(a, b))
    if dtype.startswith("int"):
        found = apply("power", np.array([1, -1, -1, 2, 0], dtype), np.array([-3, -3, -2, -1, -1], dtype))
        np.testing.assert_array_equal(found, np.array([1, -1, 1, 0, 0], dtype))


def test_logic() -> None:
    a, b = (m.ravel().copy() for m in np.meshgrid([False, True], [False, True]))
    for primitive in ("logical_and", "logical_or", "logical_xor"):
        np.testing.assert_array_equal(apply(primitive, a, b), getattr(np, primitive)(a, b))
    np.testing.assert_array_equal(apply("logical_not", a), ~a)
    numbers = np.array([0.0, 2.0, np.nan, -0.0], np.float32)
    np.testing.assert_array_equal(apply("logical_not", numbers, dtype="bool"), np.logical_not(numbers))
    np.testing.assert_array_equal(apply("add", a, b), a | b)
    np.testing.assert_array_equal(apply("multiply", a, b), a & b)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
def test_unary_as_numpy(dtype: str) -> None:
    a = np.concatenate([pairs(dtype)[0][:29], pairs(dtype)[1][:290:10]])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply("negative", a), np.negative(a))
        np.testing.assert_array_equal(apply("absolute", a), np.absolute(a))
        np.testing.assert_array_equal(apply("sign", a), np.sign(a))
        for primitive in ("floor", "ceil", "rint"):
            np.testing.assert_array_equal(apply(primitive, a), getattr(np, primitive)(a))


def test_rounding_ties_to_even() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 1e30, -3.5, 8388609.0], np.float32)
    for vector in (True, False):
        np.testing.assert_array_equal(apply("rint", x, vector=vector), np.rint(x))


def test_where() -> None:
    rng = np.random.default_rng(0)
    condition, a, b = rng.random(37) < 0.5, rng.normal(size=37), rng.normal(size=37)
    np.testing.assert_array_equal(apply("where", condition, a, b, dtype="float64"), np.where(condition, a, b))


ALL = ("bool", *INTEGERS, "bfloat16", "float16", "float32", "float64")


@pytest.mark.parametrize("source", ALL)
def test_casts_as_numpy(source: str) -> None:
    rng = np.random.default_rng(4)
    kind = dtypes.TABLE[source].kind
    if kind == "float":
        x = np.concatenate([rng.uniform(0, 120, 43), [0.0, 1.0, 2.5, 3.5]])
    else:
        x = rng.integers(0, 2 if kind == "bool" else 120, 47)
    values = x.astype(dtypes.numpy_dtype(source))
    signed = [values, -values] if kind in ("int", "float") else [values]
    for given in signed:
        for target in ALL:
            if given is not values and dtypes.TABLE[target].kind == "uint":
                continue
            wide = given if source != "bfloat16" else given.astype(np.float32)
            for vector in (True, False):
                found = apply("cast", given, dtype=target, vector=vector)
                np.testing.assert_array_equal(found, wide.astype(dtypes.numpy_dtype(target)), err_msg=target)


def test_float_to_integer_saturates() -> None:
    x = np.array([1e30, -1e30, np.inf, -np.inf, np.nan, 300.7, -300.7], np.float32)
    for dtype in ("int8", "int32", "int64", "uint8"):
        info = np.iinfo(dtype)
        expected = [int(min(max(v, info.min), info.max)) if not math.isnan(v) else 0 for v in np.trunc(x).tolist()]
        np.testing.assert_array_equal(apply("cast", x, dtype=dtype), np.array(expected, dtype))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_floats_round_to_nearest_even_when_stored(dtype: str) -> None:
    rng = np.random.default_rng(6)
    x = np.concatenate([spread(1e-9, 1e6, 4000, rng), [np.inf, -np.inf, np.nan, 0.0, -0.0, 65519.9, 65520.1, 3.4e38]])
    x = x.astype(np.float32)
    with np.errstate(over="ignore"):
        expected = x.astype(dtypes.numpy_dtype(dtype))
    every = np.arange(1 << 16, dtype=np.uint16).view(expected.dtype)
    for vector, target in ((True, host_target()), (False, host_target()), (True, plain_target())):
        found = apply("cast", x, dtype=dtype, vector=vector, target=target)
        np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
        widened = apply("cast", every, dtype="float32", vector=vector, target=target)
        np.testing.assert_array_equal(widened, every.astype(np.float32))


def test_small_floats_compute_in_float32() -> None:
    a = np.array([1.0, 2.0, 3.0, 0.25], np.float16)
    i = symbolic.symbol("i", 4)
    load = Load("a", i, "float16")
    tiny = Const(2.0**-14, "float32")
    value = Call("subtract", (Call("add", (load, tiny), "float16"), load), "float16")
    body = For(Symbol("i", 4), 4, (Store("out", i, value),), vector=True)
    kernel = LoopKernel((Parameter("a", "float16"), Parameter("out", "float32", True)), (), (body,))
    found = run_kernel(kernel, {"a": a, "out": np.zeros(4, np.float32)})["out"]
    np.testing.assert_array_equal(found, np.full(4, 2.0**-14, np.float32))


def _philox_words(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4x32-10 in Python integers, from its definition."""
    mask = 0xFFFFFFFF
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (second >> 32) ^ counter[1] ^ key[0], second & mask, (first >> 32) ^ counter[3] ^ key[1], first & mask,
        ]  # fmt: skip
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return counter


@pytest.mark.parametrize("vector", [True, False])
def test_philox(vector: bool) -> None:
    assert _philox_words([0, 0, 0, 0], [0, 0])[0] == 0x6627E8D5
    count = 21
    i = symbolic.symbol("i", count)
    counters = (Index(i, "uint32"), Const(17, "uint32"), Const(0xFFFFFFF0, "uint32"), Const(5, "uint32"))
    key = (Load("key", 0, "uint32"), Load("key", 1, "uint32"))
    stores = tuple(
        Store("out", i + word * count, Call("philox", (Const(word, "int64"), *counters, *key), "uint32"))
        for word in range(4)
    )
    body = For(Symbol("i", count), count, stores, vector=vector)
    kernel = LoopKernel((Parameter("key", "uint32"), Parameter("out", "uint32", True)), (), (body,))
    memory = {"key": np.array([0xDEADBEEF, 42], np.uint32), "out": np.zeros(4 * count, np.uint32)}
    found = run_kernel(kernel, memory)["out"].reshape(4, count)
    expected = [_philox_words([n, 17, 0xFFFFFFF0, 5], [0xDEADBEEF, 42]) for n in range(count)]
    np.testing.assert_array_equal(found.T, np.array(expected, np.uint32))


def test_every_primitive_is_spelled() -> None:
    assert set(SPELLINGS) == set(PRIMITIVES)
    assert host_target().lanes >= 4
