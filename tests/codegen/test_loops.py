"""Loop kernels, natively, against the meaning of the loop IR: every form of loop, fold, load and store."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from graphc import dtypes, symbolic
from graphc.codegen import Target
from graphc.loopir import (
    Call,
    Const,
    Expr,
    Fold,
    For,
    Index,
    Let,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Statement,
    Store,
    evaluate_kernel,
)
from graphc.symbolic import Dim, Symbol
from tests.codegen.native import host_target, kernel_text, narrow_target, run_kernel

Array = np.ndarray[Any, Any]
ROWS = Symbol("rows")
rows = symbolic.symbol("rows")
TARGETS = {"host": host_target(), "narrow": narrow_target()}


def loop(name: str, extent: Dim) -> tuple[Symbol, Dim]:
    return Symbol(name, extent), symbolic.symbol(name, extent)


def call(primitive: str, *arguments: Expr, dtype: str | None = None) -> Call:
    return Call(primitive, arguments, dtype or arguments[0].dtype)


def floats(*shape: int, dtype: str = "float32", seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=int(np.prod(shape))).astype(dtype)


def check(
    kernel: LoopKernel,
    memory: Mapping[str, Array],
    sizes: Mapping[Symbol, int] | None = None,
    rtol: float = 2e-6,
    targets: Sequence[Target] = tuple(TARGETS.values()),
) -> dict[str, Array]:
    """Compare a kernel with its meaning, on all targets; one, two and five threads must give the same bits."""
    expected = {name: array.copy() for name, array in memory.items()}
    evaluate_kernel(kernel, expected, sizes or {})
    found: dict[str, Array] = {}
    for target in targets:
        found = run_kernel(kernel, memory, sizes, target=target)
        for name, array in expected.items():
            if dtypes.TABLE[str(array.dtype)].kind == "float":
                np.testing.assert_allclose(
                    found[name].astype(np.float64), array.astype(np.float64), rtol=rtol, atol=rtol, err_msg=name
                )
            else:
                np.testing.assert_array_equal(found[name], array, err_msg=name)
        for threads in (2, 5):
            split = run_kernel(kernel, memory, sizes, threads, target)
            for name, array in found.items():
                assert array.tobytes() == split[name].tobytes(), f"{name} depends on the number of threads"
    return found


def parameters(memory: Mapping[str, Array], *writable: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, str(array.dtype), name in writable) for name, array in memory.items())


LENGTHS = [1, 3, 15, 16, 17, 47, 64, 100, 257]


@pytest.mark.parametrize(("count", "is_static"), [(0, False), *itertools.product(LENGTHS, (True, False))])
def test_elementwise_of_every_length(count: int, is_static: bool) -> None:
    extent: Dim = count if is_static else rows
    s, i = loop("i", extent)
    memory = {"a": floats(count), "b": floats(count, seed=1), "out": np.zeros(count + 1, np.float32)}
    value = call("add", call("multiply", Load("a", i, "float32"), Load("b", i, "float32")), Const(0.5, "float32"))
    body = For(s, extent, (Store("out", i, value),), parallel=True, vector=True)
    found = check(LoopKernel(parameters(memory, "out"), () if is_static else (ROWS,), (body,)), memory, {ROWS: count})
    assert found["out"][count] == 0.0


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "int64", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("count", [5, 77])
def test_copies_of_every_dtype(dtype: str, count: int) -> None:
    source = (np.arange(count) % 7).astype(dtypes.numpy_dtype(dtype))
    s, i = loop("i", rows)
    memory = {"a": source, "out": np.zeros(count, source.dtype), "back": np.zeros(count, source.dtype)}
    loaded = Load("a", i, dtype)
    stores = (Store("out", i, loaded), Store("back", rows - 1 - i, loaded))
    kernel = LoopKernel(parameters(memory, "out", "back"), (ROWS,), (For(s, rows, stores, vector=True),))
    check(kernel, memory, {ROWS: count})


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "float16"])
@pytest.mark.parametrize("count", [3, 33, 130])
def test_strides(dtype: str, count: int) -> None:
    """Forward, backward, stride 3, broadcast and two loop symbols, loaded and stored."""
    width = 3
    source = (np.arange(count * width) % 5).astype(dtypes.numpy_dtype(dtype))
    (s, i), (t, j) = loop("i", width), loop("j", rows)
    memory = {"a": source, **{name: np.zeros_like(source) for name in ("columns", "mirror", "spread", "same")}}
    body: tuple[Statement, ...] = (
        Store("columns", i * rows + j, Load("a", j * width + i, dtype)),
        Store("mirror", i * rows + j, Load("a", i * rows + (rows - 1 - j), dtype)),
        Store("spread", j * width + (width - 1 - i), Load("a", i * rows + j, dtype)),
        Store("same", i * rows + j, Load("a", i * rows, dtype)),
    )
    nest = For(s, width, (For(t, rows, body, vector=True),), parallel=True)
    kernel = LoopKernel(parameters(memory, "columns", "mirror", "spread", "same"), (ROWS,), (nest,))
    check(kernel, memory, {ROWS: count})


FOLDS = {
    "sum": "float32", "prod": "float32", "max": "float32", "min": "float32",
    "any": "bool", "all": "bool", "argmax": "int64", "argmin": "int32",
}  # fmt: skip


def fold_kernel(memory: Mapping[str, Array], s: Fold, count: Dim, sizes: tuple[Symbol, ...]) -> LoopKernel:
    """out[i] = the fold."""
    symbol, i = loop("i", count)
    body = For(symbol, count, (s, Store("out", i, Local(s.name, s.dtype))), parallel=True)
    return LoopKernel(parameters(memory, "out"), sizes, (body,))


@pytest.mark.parametrize("combine", sorted(FOLDS))
@pytest.mark.parametrize("width", [1, 2, 7, 16, 40, 64, 200])
@pytest.mark.parametrize("is_static", [True, False], ids=["static", "dynamic"])
def test_folds_of_rows(combine: str, width: int, is_static: bool) -> None:
    count, result = 3, FOLDS[combine]
    extent: Dim = width if is_static else rows
    given = floats(count, width) if result != "bool" else np.random.default_rng(1).random(count * width) < 0.1
    (_, i), (t, j) = loop("i", count), loop("j", extent)
    memory = {"a": given, "out": np.zeros(count, dtypes.numpy_dtype(result))}
    s = Fold("r", combine, ((t, extent),), Load("a", i * extent + j, str(given.dtype)), result)
    check(fold_kernel(memory, s, count, () if is_static else (ROWS,)), memory, {ROWS: width}, rtol=3e-5)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("combine", ["sum", "max", "min", "argmax", "argmin"])
def test_folds_of_every_dtype(combine: str, dtype: str) -> None:
    count, width = 2, 91
    source = np.random.default_rng(2).integers(0 if dtype.startswith("u") else -9, 9, count * width)
    given = source.astype(dtypes.numpy_dtype(dtype))
    result = "int64" if combine.startswith("arg") else dtype
    (_, i), (t, j) = loop("i", count), loop("j", width)
    memory = {"a": given, "out": np.zeros(count, dtypes.numpy_dtype(result))}
    s = Fold("r", combine, ((t, width),), Load("a", i * width + j, dtype), result)
    check(fold_kernel(memory, s, count, ()), memory)


@pytest.mark.parametrize("shape", [(2, 2), (5, 3), (3, 50), (2, 3, 37)])
@pytest.mark.parametrize("combine", ["sum", "max", "argmax"])
def test_folds_over_several_loops(combine: str, shape: tuple[int, ...]) -> None:
    count, result = 4, FOLDS[combine]
    loops = [loop(f"k{axis}", extent) for axis, extent in enumerate(shape)]
    position: Dim = symbolic.symbol("i", count)
    for (_, k), extent in zip(loops, shape):
        position = position * extent + k
    memory = {"a": floats(count, *shape), "out": np.zeros(count, dtypes.numpy_dtype(result))}
    s = Fold("r", combine, tuple((t, e) for (t, _), e in zip(loops, shape)), Load("a", position, "float32"), result)
    check(fold_kernel(memory, s, count, ()), memory, rtol=2e-5)


@pytest.mark.parametrize("combine", sorted(FOLDS))
@pytest.mark.parametrize("width", [6, 53, 130])
def test_folds_of_columns_run_in_lanes(combine: str, width: int) -> None:
    result, height = FOLDS[combine], 9
    (s, j), (t, i) = loop("j", rows), loop("i", height)
    given = floats(height, width) if result != "bool" else np.random.default_rng(1).random(height * width) < 0.2
    memory = {"a": given, "out": np.zeros(width, dtypes.numpy_dtype(result))}
    doubled = call("add", Local("x", str(given.dtype)), Local("x", str(given.dtype)))
    lets = (Let("x", Load("a", i * rows + j, str(given.dtype))),)
    fold = Fold("r", combine, ((t, height),), doubled, result, lets)
    body = For(s, rows, (fold, Store("out", j, Local("r", result))), parallel=True, vector=True)
    check(LoopKernel(parameters(memory, "out"), (ROWS,), (body,)), memory, {ROWS: width}, rtol=2e-5)


def test_extrema_let_nan_win_and_positions_name_the_first() -> None:
    width = 75
    values = np.zeros((4, width), np.float32)
    values[0, [20, 50]] = np.nan
    values[1] = -np.inf
    values[2, [33, 17, 60]] = 3.0
    values[3] = np.nan
    expected = {"max": values.max(1), "min": values.min(1), "argmax": values.argmax(1), "argmin": values.argmin(1)}
    (_, i), (t, j) = loop("i", 4), loop("j", width)
    for combine, wanted in expected.items():
        memory = {"a": values.ravel(), "out": np.zeros(4, dtypes.numpy_dtype(FOLDS[combine]))}
        s = Fold("r", combine, ((t, width),), Load("a", i * width + j, "float32"), FOLDS[combine])
        for target in TARGETS.values():
            found = run_kernel(fold_kernel(memory, s, 4, ()), memory, target=target)
            np.testing.assert_array_equal(found["out"], wanted)


def test_sum_of_products_is_accurate() -> None:
    width = 10_007
    a, b = floats(width), floats(width, seed=1)
    (_, _), (t, j) = loop("i", 1), loop("j", width)
    memory = {"a": a, "b": b, "out": np.zeros(1, np.float32)}
    product = call("multiply", Load("a", j, "float32"), Load("b", j, "float32"))
    found = run_kernel(fold_kernel(memory, Fold("r", "sum", ((t, width),), product, "float32"), 1, ()), memory)
    exact = float(a.astype(np.float64) @ b.astype(np.float64))
    assert abs(float(found["out"][0]) - exact) <= 1e-6 * float(np.abs(a * b).sum())


@pytest.mark.parametrize("width", [10, 16, 61])
def test_softmax(width: int) -> None:
    """Folds in a row, their results in a vector loop, and a buffer that is read after it was written."""
    (s, i), (t, j), (u, k), (v, m) = loop("i", rows), loop("j", width), loop("k", width), loop("m", width)
    memory = {"a": floats(5, width), "out": np.zeros(5 * width, np.float32)}
    shifted = call("subtract", Load("a", i * width + k, "float32"), Local("top", "float32"))
    body: tuple[Statement, ...] = (
        Fold("top", "max", ((t, width),), Load("a", i * width + j, "float32"), "float32"),
        For(u, width, (Store("out", i * width + k, call("exp", shifted)),), vector=True),
        Fold("total", "sum", ((t, width),), Load("out", i * width + j, "float32"), "float32"),
        For(
            v,
            width,
            (
                Store(
                    "out",
                    i * width + m,
                    call("divide", Load("out", i * width + m, "float32"), Local("total", "float32")),
                ),
            ),
            vector=True,
        ),
    )
    kernel = LoopKernel(parameters(memory, "out"), (ROWS,), (For(s, rows, body, parallel=True),))
    found = check(kernel, memory, {ROWS: 5})
    np.testing.assert_allclose(found["out"].reshape(5, width).sum(1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("width", [6, 41])
def test_guarded_loads_read_nothing_outside(width: int) -> None:
    """A row padded left and right, its guard varying with the lanes, and one that does not vary."""
    (s, i), (t, j) = loop("i", 5), loop("j", width + 4)
    inside = call(
        "logical_and",
        call("less_equal", Const(2, "int64"), Index(j), dtype="bool"),
        call("less", Index(j), Const(width + 2, "int64"), dtype="bool"),
    )
    below = call("less", Index(i), Const(3, "int64"), dtype="bool")
    other = Const(-1.5, "float32")
    memory = {"a": floats(3, width), "out": np.zeros(5 * (width + 4), np.float32)}
    value = Load("a", i * width + j - 2, "float32", call("logical_and", inside, below), other)
    whole = Load("a", i * width + (width - 1), "float32", below, Const(float("-inf"), "float32"))
    stores = (Store("out", i * (width + 4) + j, call("maximum", value, whole)),)
    kernel = LoopKernel(parameters(memory, "out"), (), (For(s, 5, (For(t, width + 4, stores, vector=True),)),))
    check(kernel, memory)


def test_guards_outside_of_vector_loops() -> None:
    (s, i), (t, j) = loop("i", 6), loop("j", 3)
    holds = call("less", Index(i * 3 + j), Const(10, "int64"), dtype="bool")
    memory = {"a": np.arange(10, dtype=np.int64) + 5, "out": np.zeros(18, np.int64)}
    store = Store("out", i * 3 + j, Load("a", i * 3 + j, "int64", holds, Const(-7, "int64")))
    check(LoopKernel(parameters(memory, "out"), (), (For(s, 6, (For(t, 3, (store,)),)),)), memory)


@pytest.mark.parametrize("width", [5, 48])
@pytest.mark.parametrize("index", ["int32", "int64", "uint8"])
def test_gather_by_computed_indices(width: int, index: str) -> None:
    """Rows by index (the same for all lanes) and elements by index (one for each lane)."""
    count, table = 7, 11
    (s, i), (t, j) = loop("i", count), loop("j", width)
    chosen = np.random.default_rng(3).integers(0, table, count).astype(index)
    places = np.random.default_rng(4).integers(0, table * width, width).astype(np.int32)
    memory = {
        "a": floats(table, width), "rows": chosen, "places": places,
        "out": np.zeros(count * width, np.float32), "picked": np.zeros(count * width, np.float32),
    }  # fmt: skip
    row = symbolic.value(Load("rows", i, index))
    place = symbolic.value(Load("places", j, "int32"))
    stores = (
        Store("out", i * width + j, Load("a", row * width + j, "float32")),
        Store("picked", i * width + j, Load("a", place, "float32")),
    )
    kernel = LoopKernel(
        parameters(memory, "out", "picked"), (), (For(s, count, (For(t, width, stores, vector=True),), parallel=True),)
    )
    check(kernel, memory)


def test_scatter_accumulates_repeated_indices() -> None:
    count, width = 40, 9
    (s, i), (t, j) = loop("i", count), loop("j", width)
    chosen = np.random.default_rng(3).integers(0, 6, count)
    memory = {"g": floats(count, width), "rows": chosen, "out": floats(6, width, seed=9)}
    row = symbolic.value(Load("rows", i, "int64"))
    store = Store("out", row * width + j, Load("g", i * width + j, "float32"), accumulate=True)
    kernel = LoopKernel(parameters(memory, "out"), (), (For(s, count, (For(t, width, (store,), vector=True),)),))
    check(kernel, memory, rtol=1e-5)


@pytest.mark.parametrize("divisor", [4, 6])
def test_divisions_of_indices(divisor: int) -> None:
    """A flat loop over (rows, columns) whose parts are computed from its counter; static and run-time divisors."""
    (s, e), columns = loop("e", rows * divisor), divisor
    memory = {
        "a": floats(13, divisor), "scale": floats(divisor, seed=1), "shift": floats(13, seed=2),
        "out": np.zeros(13 * divisor, np.float32), "turned": np.zeros(13 * divisor, np.float32),
    }  # fmt: skip
    value = call(
        "add",
        call("multiply", Load("a", e, "float32"), Load("scale", e % columns, "float32")),
        Load("shift", e // columns, "float32"),
    )
    turned = Load("a", (e % rows) * columns + e // rows, "float32")
    body = For(s, rows * divisor, (Store("out", e, value), Store("turned", e, turned)), parallel=True, vector=True)
    check(LoopKernel(parameters(memory, "out", "turned"), (ROWS,), (body,)), memory, {ROWS: 13})


@pytest.mark.parametrize("vector", [True, False])
def test_negative_numerators_round_down(vector: bool) -> None:
    """A dilated load, as the gradient of a strided window has it: only every third position exists."""
    width = 29
    s, j = loop("j", width)
    shifted = j - 4
    exists = call("equal", Index(shifted % 3), Const(0, "int64"), dtype="bool")
    inside = call("less_equal", Const(0, "int64"), Index(shifted // 3), dtype="bool")
    memory = {"a": floats(9), "out": np.zeros(width, np.float32), "numbers": np.zeros(2 * width, np.int64)}
    guard = call("logical_and", exists, inside)
    stores = (
        Store("out", j, Load("a", shifted // 3, "float32", guard, Const(0.0, "float32"))),
        Store("numbers", j * 2, Index(shifted // 3)),
        Store("numbers", j * 2 + 1, Index(shifted % 3)),
    )
    check(LoopKernel(parameters(memory, "out", "numbers"), (), (For(s, width, stores, vector=vector),)), memory)


def test_updates_in_place() -> None:
    """A momentum step: Lets hold what was read before the stores; a load after a store sees what was stored."""
    count = 83
    s, i = loop("i", rows)
    memory = {"w": floats(count), "m": floats(count, seed=1), "g": floats(count, seed=2), "lr": floats(1, seed=3)}
    momentum = call("multiply", Load("m", i, "float32"), Const(0.9, "float32"))
    step = call("multiply", Load("lr", 0, "float32"), Load("g", i, "float32"))
    step_taken = call("add", Local("v", "float32"), Load("m", i, "float32"))
    body: tuple[Statement, ...] = (
        Let("v", call("subtract", momentum, step)),
        Store("m", i, Local("v", "float32")),
        Store("w", i, call("add", Load("w", i, "float32"), step_taken)),
    )
    kernel = LoopKernel(parameters(memory, "w", "m"), (ROWS,), (For(s, rows, body, parallel=True, vector=True),))
    check(kernel, memory, {ROWS: count})


def test_a_store_in_an_inner_loop_is_seen_by_its_next_iteration() -> None:
    count, width = 4, 5
    (s, i), (t, _) = loop("i", count), loop("j", width)
    memory = {"a": floats(count), "out": np.zeros(count, np.float32)}
    body: tuple[Statement, ...] = (
        Store("out", i, Load("out", i, "float32")),
        For(t, width, (Store("out", i, call("add", Load("out", i, "float32"), Load("a", i, "float32"))),)),
    )
    check(LoopKernel(parameters(memory, "out"), (), (For(s, count, body, parallel=True),)), memory)


def test_several_loops_in_one_kernel_run_once() -> None:
    """A body without a parallel loop belongs to the first thread."""
    (s, i), (t, _) = loop("i", 21), loop("j", rows)
    memory = {"a": floats(21), "out": np.zeros(21, np.float32), "count": np.zeros(1, np.int32)}
    body: tuple[Statement, ...] = (
        Let("one", Const(1, "int32")),
        For(s, 21, (Store("out", i, call("tanh", Load("a", i, "float32"))),), vector=True),
        For(t, rows, (Store("count", 0, call("add", Local("one", "int32"), Const(0, "int32")), accumulate=True),)),
    )
    kernel = LoopKernel(parameters(memory, "out", "count"), (ROWS,), body)
    found = check(kernel, memory, {ROWS: 6})
    assert found["count"][0] == 6


def test_deep_nests_with_symbolic_extents() -> None:
    """out[i, k, j] = a[i, j, k] * b[k] over three run-time sizes."""
    sizes = [Symbol(name) for name in ("p", "q", "r")]
    p, q, r = (symbolic.symbol(symbol.name) for symbol in sizes)
    (s, i), (t, k), (u, j) = loop("i", p), loop("k", r), loop("j", q)
    memory = {"a": floats(3, 19, 4), "b": floats(4, seed=1), "out": np.zeros(3 * 19 * 4, np.float32)}
    value = call("multiply", Load("a", (i * q + j) * r + k, "float32"), Load("b", k, "float32"))
    nest = For(
        s, p, (For(t, r, (For(u, q, (Store("out", (i * r + k) * q + j, value),), vector=True),)),), parallel=True
    )
    check(LoopKernel(parameters(memory, "out"), tuple(sizes), (nest,)), memory, dict(zip(sizes, (3, 19, 4))))


def test_windows_are_written_out_and_overlap() -> None:
    """Largest of 3x2 windows with stride 2, channels in lanes; the windows' loops are static and small."""
    height, width, channels = 7, 6, 21
    (s, i), (t, j), (u, c) = loop("i", 3), loop("j", 3), loop("c", channels)
    (a, p), (b, q) = loop("p", 3), loop("q", 2)
    offset = ((i * 2 + p) * width + (j * 2 + q)) * channels + c
    fold = Fold("top", "max", ((a, 3), (b, 2)), Load("x", offset, "float32"), "float32")
    store = Store("out", (i * 3 + j) * channels + c, Local("top", "float32"))
    nest = For(s, 3, (For(t, 3, (For(u, channels, (fold, store), vector=True),)),), parallel=True)
    memory = {"x": floats(height, width, channels), "out": np.zeros(9 * channels, np.float32)}
    check(LoopKernel(parameters(memory, "out"), (), (nest,)), memory)


def test_shared_expressions_are_emitted_once() -> None:
    s, i = loop("i", 64)
    x = Load("a", i, "float32")
    shared = call("exp", x)
    for _ in range(40):
        shared = call("add", shared, shared)
    again = call("exp", Load("a", i, "float32"))
    kernel = LoopKernel(
        (Parameter("a", "float32"), Parameter("out", "float32", True)),
        (),
        (For(s, 64, (Store("out", i, call("multiply", shared, again)),), vector=True),),
    )
    text = kernel_text(kernel, host_target())
    copies = text.count("= load ")
    assert text.count("fadd") == copies * 41  # 40 of the chain and one inside exp
    assert text.count("fmul") <= copies * 6


def test_what_does_not_vary_leaves_the_loop() -> None:
    (s, i), (t, j) = loop("i", 5), loop("j", rows)
    scale = call("exp", Load("b", i, "float32"))
    store = Store("out", i * rows + j, call("multiply", Load("a", i * rows + j, "float32"), scale))
    nest = For(s, 5, (For(t, rows, (store,), vector=True),), parallel=True)
    memory = {"a": floats(5, 70), "b": floats(5), "out": np.zeros(350, np.float32)}
    kernel = LoopKernel(parameters(memory, "out"), (ROWS,), (nest,))
    check(kernel, memory, {ROWS: 70})
    inner = [block for block in kernel_text(kernel, host_target()).split("\nloop") if "store <" in block]
    assert inner and all("fma" not in block.split("exit")[0] for block in inner)


def test_random_programs_of_random_shapes() -> None:
    """Expressions of random primitives over random broadcast patterns."""
    rng = np.random.default_rng(8)
    binary = ("add", "subtract", "multiply", "maximum", "minimum")
    unary = ("negative", "absolute", "tanh", "sigmoid", "floor")
    for count, width in itertools.product((3, 8), (4, 17, 33)):
        (s, i), (t, j) = loop("i", rows), loop("j", width)
        offsets: tuple[Dim, ...] = (i * width + j, j, i, 0, i * width, i * width + (width - 1 - j))
        values: list[Expr] = [Load("a", offset, "float32") for offset in offsets]
        for _ in range(25):
            if rng.random() < 0.3:
                values.append(call(str(rng.choice(unary)), values[rng.integers(len(values))]))
            else:
                a, b = (values[k] for k in rng.integers(0, len(values), 2))
                values.append(call(str(rng.choice(binary)), a, b))
        bounded = call("tanh", values[-1])
        nest = For(s, rows, (For(t, width, (Store("out", i * width + j, bounded),), vector=True),), parallel=True)
        memory = {"a": floats(count, width), "out": np.zeros(count * width, np.float32)}
        check(LoopKernel(parameters(memory, "out"), (ROWS,), (nest,)), memory, {ROWS: count}, rtol=1e-4)
