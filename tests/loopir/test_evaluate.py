"""The loop IR's meaning against NumPy."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special

from graphc import symbolic
from graphc.errors import ExecutionError, ShapeError
from graphc.loopir import (
    PRIMITIVES,
    Buffer,
    Call,
    Const,
    Fold,
    For,
    Index,
    Launch,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Place,
    Plan,
    Result,
    Store,
    evaluate_kernel,
    evaluate_plan,
)
from graphc.loopir.scalar import MEANING, philox
from graphc.records import replace
from tests.loopir.programs import BATCH, batch, call, contract_kernel, fold_kernel, loop, relu_plan


def random(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(kernel: LoopKernel, out_size: int, dtype: str = "float32", **arrays: np.ndarray) -> np.ndarray:
    out = np.full(out_size, 77).astype(dtype)
    memory = {name: array.reshape(-1) for name, array in arrays.items()}
    evaluate_kernel(kernel, {**memory, "out": out}, {BATCH: 3})
    return out


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_elementwise_plan(rows: int) -> None:
    a, b = random(rows, 5), random(5, seed=2)
    [out], states = evaluate_plan(relu_plan(), [a, b])
    np.testing.assert_array_equal(out, np.maximum(a + b, 0))
    assert states == {}


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"'b' has shape \(5,\); an array of \(4,\)"):
        evaluate_plan(relu_plan(), [random(7, 5), random(4)])
    with pytest.raises(ShapeError, match="takes 2 arrays; 1 were given"):
        evaluate_plan(relu_plan(), [random(7, 5)])


@pytest.mark.parametrize("combine", ["sum", "prod", "max", "min"])
def test_folds_over_a_row(combine: str) -> None:
    a = random(3, 5)
    expected = getattr(np, combine)(a, axis=1)
    np.testing.assert_allclose(run(fold_kernel(combine), 3, a=a), expected, rtol=1e-6)


@pytest.mark.parametrize("combine", ["argmax", "argmin"])
def test_positions_are_the_first_extremum(combine: str) -> None:
    a = np.array([[2, 1, 2, 1, 0], [3, 3, 3, 3, 3], [0, 5, 5, 0, 1]], np.float32)
    out = run(fold_kernel(combine, result="int64"), 3, "int64", a=a)
    np.testing.assert_array_equal(out, getattr(np, combine)(a, axis=1))


@pytest.mark.parametrize(("combine", "identity"), [("sum", 0), ("prod", 1), ("max", -np.inf), ("min", np.inf)])
def test_an_empty_fold_is_the_identity(combine: str, identity: float) -> None:
    out = run(fold_kernel(combine, columns=0), 3, a=np.zeros((3, 0), np.float32))
    np.testing.assert_array_equal(out, np.full(3, identity, np.float32))


def test_a_fold_over_two_loops_counts_positions_in_row_major_order() -> None:
    (outer, i), (inner, j) = loop("i", 2), loop("j", 3)
    fold = Fold("r", "argmax", ((outer, 2), (inner, 3)), Load("a", i * 3 + j, "float32"), "int64")
    parameters = (Parameter("a", "float32"), Parameter("out", "int64", True))
    kernel = LoopKernel(parameters, (), (fold, Store("out", 0, Local("r", "int64"))))
    a = np.array([[1, 2, 3], [4, 9, 5]], np.float32)
    assert run(kernel, 1, "int64", a=a)[0] == 4


def test_a_serial_loop_accumulates() -> None:
    rows, i = loop("i", 4)
    body = For(rows, 4, (Store("out", i % 2, Load("a", i, "float32"), accumulate=True),))
    kernel = LoopKernel((Parameter("a", "float32"), Parameter("out", "float32", True)), (), (body,))
    out = run(kernel, 2, a=np.array([1, 2, 3, 4], np.float32))
    np.testing.assert_array_equal(out, [77 + 1 + 3, 77 + 2 + 4])


def test_a_triangular_loop_runs_row_by_row() -> None:
    rows, i = loop("i", 4)
    cols, j = loop("j", i + 1)
    fold = Fold("r", "sum", ((cols, i + 1),), Load("a", j, "float32"), "float32")
    body = For(rows, 4, (fold, Store("out", i, Local("r", "float32"))), parallel=True)
    kernel = LoopKernel((Parameter("a", "float32"), Parameter("out", "float32", True)), (), (body,))
    a = np.array([1, 2, 3, 4], np.float32)
    np.testing.assert_array_equal(run(kernel, 4, a=a), np.cumsum(a))


def test_guarded_loads_read_nothing_outside() -> None:
    rows, i = loop("i", 6)
    inside = Call("less", (Index(i), Const(4, "int64")), "bool")
    padded = Load("a", i, "float32", inside, Const(-1.5, "float32"))
    kernel = LoopKernel(
        (Parameter("a", "float32"), Parameter("out", "float32", True)),
        (),
        (For(rows, 6, (Store("out", i, padded),), vector=True),),
    )
    a = random(4)
    np.testing.assert_array_equal(run(kernel, 6, a=a), [*a, -1.5, -1.5])


def test_an_unguarded_load_outside_is_an_error() -> None:
    rows, i = loop("i", 6)
    kernel = LoopKernel(
        (Parameter("a", "float32"), Parameter("out", "float32", True)),
        (),
        (For(rows, 6, (Store("out", i, Load("a", i, "float32")),), vector=True),),
    )
    with pytest.raises(ExecutionError, match=r"a has 4 elements; 0\.\.5 are accessed"):
        run(kernel, 6, a=random(4))


def test_a_loop_without_iterations_reads_nothing() -> None:
    rows, i = loop("i", batch)
    cols, j = loop("j", batch)
    fold = Fold("r", "max", ((cols, batch),), Load("a", j * 0, "float32"), "float32")
    nothing = For(rows, batch, (Store("out", 0, Load("a", i * 0, "float32")),), vector=True)
    kernel = LoopKernel(
        (Parameter("a", "float32"), Parameter("out", "float32", True)),
        (BATCH,),
        (nothing, fold, Store("out", 1, Local("r", "float32"))),
    )
    out = np.array([77, 77], np.float32)
    evaluate_kernel(kernel, {"a": np.zeros(0, np.float32), "out": out}, {BATCH: 0})
    np.testing.assert_array_equal(out, [77, -np.inf])


def test_computed_indices_gather() -> None:
    rows, i = loop("i", 3)
    position = symbolic.value(Load("index", i, "int32"))
    kernel = LoopKernel(
        (Parameter("a", "float32"), Parameter("index", "int32"), Parameter("out", "float32", True)),
        (),
        (For(rows, 3, (Store("out", i, Load("a", position * 2 + 1, "float32")),), parallel=True),),
    )
    a = random(5, 2)
    out = run(kernel, 3, a=a, index=np.array([4, 0, 3], np.int32))
    np.testing.assert_array_equal(out, a[[4, 0, 3], 1])


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_a_contraction_with_its_epilogue(rows: int) -> None:
    x, w, b = random(rows, 4), random(4, 3, seed=2), random(3, seed=3)
    out = np.zeros(rows * 3, np.float32)
    memory = {"x": x.ravel(), "w": w.ravel(), "b": b, "out": out}
    evaluate_kernel(contract_kernel(), memory, {BATCH: rows})
    np.testing.assert_allclose(out.reshape(rows, 3), np.maximum(x @ w + b, 0), rtol=1e-5, atol=1e-6)


def test_sixteen_bit_floats_are_storage_only() -> None:
    rows, i = loop("i", 2)
    value = Load("a", i, "float16")
    # Each square overflows float16; their quotient does not.
    square = call("multiply", value, value)
    kernel = LoopKernel(
        (Parameter("a", "float16"), Parameter("out", "float16", True)),
        (),
        (For(rows, 2, (Store("out", i, call("divide", square, value)),), vector=True),),
    )
    out = run(kernel, 2, "float16", a=np.array([3e4, 1000], np.float16))
    np.testing.assert_array_equal(out, np.array([3e4, 1000], np.float16))


def test_updates_of_states_are_returned_and_not_written() -> None:
    rows, i = loop("i", 3)
    step = call("subtract", Load("w", i, "float32"), Const(0.5, "float32"))
    kernel = LoopKernel((Parameter("w", "float32", True),), (), (For(rows, 3, (Store("w", i, step),), vector=True),))
    value = np.array([1, 2, 3], np.float32)
    source = SimpleNamespace(get_value=value.copy)
    plan = Plan(
        (), (Buffer("w", "float32", 3, "state", source=source),), (), (), 0, (), (Launch(kernel, ("w",), 3, 24),)
    )
    results, states = evaluate_plan(plan, [])
    assert results == []
    np.testing.assert_array_equal(states["w"], [0.5, 1.5, 2.5])
    np.testing.assert_array_equal(value, [1, 2, 3])
    assert plan.has_updates


def test_temporaries_share_the_arena_as_planned() -> None:
    rows, i = loop("i", 2)
    copy = LoopKernel(
        (Parameter("a", "float32"), Parameter("out", "float32", True)),
        (),
        (For(rows, 2, (Store("out", i, Load("a", i, "float32")),), vector=True),),
    )
    one = Buffer("one", "float32", 2, "constant", value=np.array([1, 2], np.float32))
    two = Buffer("two", "float32", 2, "constant", value=np.array([3, 4], np.float32))
    first = Buffer("first", "float32", 2, "temporary", slot=0)
    second = Buffer("second", "float32", 2, "temporary", slot=0)
    out = Buffer("out", "float32", 2, "output")
    launches = [("one", "first"), ("two", "second"), ("first", "out")]
    plan = Plan(
        (), (one, two, first, second, out), (), (Result("out", (2,), "float32"),), 64,
        steps=tuple(Launch(copy, names, 2, 16) for names in launches),
    )  # fmt: skip
    [result], _ = evaluate_plan(plan, [])
    np.testing.assert_array_equal(result, [3, 4])


def test_every_primitive_has_a_meaning() -> None:
    assert set(PRIMITIVES) == set(MEANING) | {"cast", "philox"}


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_numbers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    arrays = tuple(np.array(c, np.uint32) for c in counter), tuple(np.array(k, np.uint32) for k in key)
    assert tuple(int(philox(word, *arrays)) for word in range(4)) == expected


def evaluate_call(primitive: str, dtype: str, *values: np.ndarray, result: str | None = None) -> np.ndarray:
    count = values[0].size
    rows, i = loop("i", count)
    names = [f"a{position}" for position in range(len(values))]
    loads = tuple(Load(name, i, str(value.dtype)) for name, value in zip(names, values))
    parameters = tuple(Parameter(name, str(value.dtype)) for name, value in zip(names, values))
    store = Store("out", i, Call(primitive, loads, result or dtype))
    kernel = LoopKernel(
        (*parameters, Parameter("out", result or dtype, True)), (), (For(rows, count, (store,), vector=True),)
    )
    return run(kernel, count, result or dtype, **dict(zip(names, values)))


def test_special_functions() -> None:
    x = np.linspace(-0.999, 0.999, 41)
    np.testing.assert_allclose(evaluate_call("erf", "float64", x), special.erf(x), rtol=1e-15)
    np.testing.assert_allclose(evaluate_call("erfinv", "float64", x), special.erfinv(x), rtol=1e-12, atol=1e-15)
    tiny = np.array([0.0, -0.0, 1e-300, -1e-9, 1.0, -1.0, 2.0])
    np.testing.assert_allclose(evaluate_call("erfinv", "float64", tiny), special.erfinv(tiny), rtol=1e-12)
    wide = np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0])
    np.testing.assert_allclose(evaluate_call("sigmoid", "float64", wide), special.expit(wide), rtol=1e-15)


def test_casts_saturate() -> None:
    x = np.array([2.9, -2.9, 1e30, -1e30, np.inf, -np.inf, np.nan])
    expected = [2, -2, 2**63 - 1, -(2**63), 2**63 - 1, -(2**63), 0]
    assert evaluate_call("cast", "int64", x, result="int64").tolist() == expected
    assert evaluate_call("cast", "uint8", x, result="uint8").tolist() == [2, 0, 255, 0, 255, 0, 0]
    assert evaluate_call("cast", "bool", x, result="bool").tolist() == [True] * 7


def test_whole_division_by_zero_is_zero() -> None:
    x, y = np.array([7, -7, 7, -7], np.int32), np.array([2, 2, 0, 0], np.int32)
    assert evaluate_call("floor_divide", "int32", x, y).tolist() == [3, -4, 0, 0]
    assert evaluate_call("remainder", "int32", x, y).tolist() == [1, 1, 0, 0]


def test_integer_powers() -> None:
    x, y = np.array([2, 3, -1, 1, 2, -1], np.int32), np.array([10, 0, 3, -5, -1, -2], np.int32)
    assert evaluate_call("power", "int32", x, y).tolist() == [1024, 1, -1, 1, 1, 1]


def test_extent_is_symbolic() -> None:
    assert relu_plan().launches[0].work == batch * 10
    assert math.prod(evaluate_plan(relu_plan(), [random(2, 5), random(5)])[0][0].shape) == 10


def test_plans_that_reach_outside_their_memory_do_not_run() -> None:
    plan = relu_plan()
    launch = Launch(plan.launches[0].kernel, (Place("a", batch * 7), Place("b"), Place("out")), batch, batch)
    with pytest.raises(ExecutionError, match="a has 10 elements; a place starts at 14"):
        evaluate_plan(replace(plan, steps=(launch,)), [random(2, 5), random(5)])
    temporary = Buffer("kept", "float32", batch * 3, "temporary", slot=8)
    with pytest.raises(ExecutionError, match="kept ends at byte 32 of an arena of 24 bytes"):
        evaluate_plan(replace(plan, buffers=(*plan.buffers, temporary), arena=24), [random(2, 5), random(5)])


def test_an_extent_that_differs_from_lane_to_lane_is_refused() -> None:
    (rows, i), (inner, j) = loop("i", 5), loop("j", 3)
    count = symbolic.value(Load("a", i, "int64"))
    fold = Fold("r", "sum", ((inner, count),), Index(j, "int64"), "int64")
    body = For(rows, 5, (fold, Store("out", i, Local("r", "int64"))), vector=True)
    kernel = LoopKernel((Parameter("a", "int64"), Parameter("out", "int64", True)), (), (body,))
    with pytest.raises(ExecutionError, match="a loop's extent depends on a vectorised loop"):
        run(kernel, 5, "int64", a=np.arange(5))
