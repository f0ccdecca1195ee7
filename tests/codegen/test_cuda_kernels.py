"""Kernels as CUDA C: which form they take, and that no result depends on how they are launched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import device, ops
from graphc.codegen import emit_cuda
from graphc.codegen.cuda.form import choose_form
from graphc.codegen.cuda.tile import choose_tile
from graphc.compile import function, placeholder
from graphc.errors import ConfigError
from graphc.grad import gradients
from graphc.graph import Graph, Node, evaluate
from graphc.loopir import ContractKernel, LoopKernel, Plan
from graphc.passes import expand_composites
from graphc.schedule import lower_graph
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import emulated_device
from tests.ops.test_registry import CASES, build, case_name, sample

Array = np.ndarray[Any, Any]
Program = Callable[[Node, Node], Node]
ROWS, COLUMNS = 37, 70

# name -> (what it computes of x (rows, 70) and w (70, 9), the forms of its loop kernels)
PROGRAMS: dict[str, tuple[Program, list[str]]] = {
    "elementwise": (lambda x, w: ops.tanh(x) * x + 1.0, ["map"]),
    "transposed": (lambda x, w: ops.exp(ops.transpose(x)), ["map"]),
    "few in a window": (lambda x, w: ops.max(ops.reshape(x, (-1, 14, 5)), axis=-1), ["map"]),
    "row fold": (lambda x, w: ops.sum(x * x, axis=1), ["group"]),
    "column fold": (lambda x, w: ops.sum(x * x, axis=0), ["group"]),
    "one fold": (lambda x, w: ops.max(x), ["group", "group"]),
    "position in a row": (lambda x, w: ops.argmax(ops.rint(x), axis=1), ["group"]),
    "position in a column": (lambda x, w: ops.argmin(ops.rint(x), axis=0), ["group"]),
    "softmax": (lambda x, w: ops.softmax(x), ["group"]),
    "running sum": (lambda x, w: ops.cumsum(x, axis=0), ["walk"]),
    "running sum of columns": (lambda x, w: ops.cumsum(x, axis=1), ["walk"]),
    "contraction": (lambda x, w: ops.tanh(ops.matmul(x, w)), []),
    "transposed contraction": (lambda x, w: ops.matmul(ops.transpose(w), ops.transpose(x)), []),
    "gram": (lambda x, w: ops.matmul(ops.transpose(x), x), []),
}


def each_program() -> Any:
    return pytest.mark.parametrize("name", PROGRAMS)


def graph_of(name: str) -> Graph:
    x, w = placeholder((None, COLUMNS), "float32"), placeholder((COLUMNS, 9), "float32")
    return Graph((x, w), (PROGRAMS[name][0](x, w),))


def forms(plan: Plan) -> list[str]:
    return [choose_form(x.kernel).kind for x in plan.launches if isinstance(x.kernel, LoopKernel)]


@each_program()
def test_form(name: str) -> None:
    assert forms(lower_graph(expand_composites(graph_of(name)))) == PROGRAMS[name][1]


@each_program()
@needs_compiler
def test_no_result_depends_on_order_or_blocks(name: str) -> None:
    graph = graph_of(name)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((ROWS, COLUMNS)).astype("float32")
    w = rng.standard_normal((COLUMNS, 9)).astype("float32")
    [expected], _ = evaluate(graph, [x, w])
    found = []
    for order, blocks in ((0, None), (1, None), (7, 3), (0, 1)):
        with device(emulated_device(order, blocks=blocks)):
            found.append(function(graph.inputs, graph.outputs[0])(x, w))
    np.testing.assert_allclose(found[0], expected, rtol=2e-5, atol=2e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@needs_compiler
def test_added_places_keep_the_order_of_the_updates() -> None:
    table, rows = placeholder((11, 3), "float32"), placeholder((None,), "int32")
    updates = placeholder((None, 3), "float32")
    graph = Graph((table, rows, updates), (ops.scatter_add(table, rows, updates, axis=0),))
    assert forms(lower_graph(expand_composites(graph))) == ["map", "walk"]
    rng = np.random.default_rng(4)
    start = rng.standard_normal((11, 3)).astype("float32")
    place = rng.integers(0, 11, 200).astype("int32")
    values = (rng.standard_normal((200, 3)) * 10.0 ** rng.integers(-4, 4, (200, 1))).astype("float32")
    expected = start.copy()
    for row, value in zip(place, values):
        expected[row] += value
    for order in (0, 1, 5):
        with device(emulated_device(order, blocks=2)):
            compiled = function(graph.inputs, graph.outputs[0])
        np.testing.assert_array_equal(compiled(start, place, values), expected)


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_no_kernel_of_the_registry_is_left_to_one_thread(case: Any) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    plan = lower_graph(expand_composites(build(op, arrays, attrs)))
    assert "serial" not in forms(plan)


def test_four_elements_move_at_once_where_they_lie_so() -> None:
    def text(build: Callable[[Node], Node], *shape: int | None) -> str:
        x = placeholder(shape, "float32")
        return emit_cuda(lower_graph(expand_composites(Graph((x,), (build(x),))))).text.split("__global__", 1)[1]

    assert text(ops.exp, None, 12).count("gc_load_four") == 1
    assert "gc_store_four" in text(ops.exp, None, 7), "one long row, cut, with a rest"
    assert "gc_load_four" not in text(lambda x: ops.exp(ops.transpose(x)), 8, 7)
    assert "gc_load_four" not in text(lambda x: ops.exp(x[:, 1:]), 8, 7), "rows start anywhere"
    mixed = text(lambda x: ops.exp(x + x[0]), None, 12)
    assert mixed.count("gc_load_four") == 2, "the row that all share is read so too"


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((5, 33, 7), (32, 32)),
        ((70, 33, 130), (64, 64)),
        ((70, 33, 20), (128, 32)),
        ((1100, 10, 128), (128, 128)),
    ],
    ids=str,
)
def test_every_tile(shape: tuple[int, int, int], tile: tuple[int, int], dtype: str) -> None:
    rows, depth, columns = shape
    a, b = placeholder((rows, depth), dtype), placeholder((depth, columns), dtype)
    bias = placeholder((columns,), dtype)
    graph = Graph((a, b, bias), (ops.maximum(ops.matmul(a, b) + bias, 0.0),))
    [launch] = lower_graph(expand_composites(graph)).launches
    assert isinstance(launch.kernel, ContractKernel)
    chosen = choose_tile(launch.kernel)
    if dtype == "float32":
        assert (chosen.rows, chosen.columns) == tile
    rng = np.random.default_rng(6)
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((rows, depth), (depth, columns), (columns,))]
    [expected], _ = evaluate(graph, arrays)
    with device(emulated_device(order=3)):
        found = function(graph.inputs, graph.outputs[0])(*arrays)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@needs_compiler
@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_deep_sums_of_few_results_are_split(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_MATMUL_PRECISION", precision)
    rng = np.random.default_rng(9)
    a, b = placeholder((17, 4100), "float32"), placeholder((4100, 19), "float32")
    graph = Graph((a, b), (ops.maximum(ops.matmul(a, b), 0.5),))
    [started] = emit_cuda(lower_graph(expand_composites(graph)), precision).procedure.started
    geometries = started.geometries
    assert [g.function for g in geometries] == ["kernel_0", "kernel_0_last"]
    assert geometries[0].blocks == 64
    x, y = (rng.integers(-3, 4, s).astype("float32") for s in ((17, 4100), (4100, 19)))
    found = []
    for order, blocks in ((0, None), (5, 3)):
        with device(emulated_device(order, blocks=blocks)):
            found.append(function(graph.inputs, graph.outputs[0])(x, y))
    np.testing.assert_array_equal(found[0], np.maximum(x.astype("float64") @ y, 0.5))
    np.testing.assert_array_equal(found[1], found[0])


LONG = (1 << 16) + 37
# name -> (shape of x, what is folded, whether it is split over blocks)
LONG_FOLDS: dict[str, tuple[tuple[int, ...], Callable[[Node], list[Node]], bool]] = {
    "to a number": ((LONG,), lambda x: [ops.sum(x * x)], True),
    "the largest": ((LONG,), lambda x: [ops.max(x) * 2.0], True),
    "truth": ((LONG,), lambda x: [ops.any(x > 3.0)], True),
    "of few rows": ((3, LONG), lambda x: [ops.mean(x, axis=1)], True),
    "of few columns": ((LONG, 5), lambda x: [ops.sum(x, axis=0)], True),
    "several": ((LONG,), lambda x: [ops.sum(x), ops.sum(x * x)], True),
    "a position": ((LONG,), lambda x: [ops.argmax(x)], False),
    "a row that is too short": ((4000,), lambda x: [ops.sum(x)], False),
    "many rows": ((40, LONG // 30), lambda x: [ops.sum(x, axis=1)], False),
}


@needs_compiler
@pytest.mark.parametrize("name", LONG_FOLDS)
def test_long_folds_to_few_results_are_split(name: str) -> None:
    shape, folds, is_split = LONG_FOLDS[name]
    x = placeholder(shape, "float32")
    graph = Graph((x,), tuple(folds(x)))
    value = np.random.default_rng(3).integers(-3, 5, shape).astype("float32")
    expected, _ = evaluate(graph, [value])
    found = []
    for order, blocks in ((0, None), (5, 3)):
        with device(emulated_device(order, blocks=blocks)):
            compiled = function(graph.inputs, list(graph.outputs))
        assert ("_last(" in compiled.source()) == is_split
        found.append(compiled(value))
    for first, second, meant in zip(*found, expected, strict=True):
        np.testing.assert_array_equal(second, first)
        np.testing.assert_allclose(first, meant, rtol=1e-6)


# name -> (shape of x, what is folded)
FOLDS_OF_A_SIZE: dict[str, tuple[tuple[int | None, ...], Callable[[Node], list[Node]]]] = {
    "to a number": ((None,), lambda x: [ops.mean(x * x)]),
    "of few rows": ((3, None), lambda x: [ops.max(x, axis=1) + 1.0]),
    "of few columns": ((None, 5), lambda x: [ops.sum(x, axis=0)]),
    "several": ((None,), lambda x: [ops.sum(x), ops.sum(x * x)]),
}


@needs_compiler
@pytest.mark.parametrize("name", FOLDS_OF_A_SIZE)
def test_folds_along_a_size_are_split_where_it_is_large(name: str) -> None:
    shape, folds = FOLDS_OF_A_SIZE[name]
    x = placeholder(shape, "float32")
    graph = Graph((x,), tuple(folds(x)))
    chips = [emulated_device(0), emulated_device(5, blocks=3)]
    compiled = []
    for chip in chips:
        with device(chip):
            compiled.append(function(graph.inputs, list(graph.outputs)))
    for count, launches in ((LONG, 2), (300, 1), (0, 1)):
        if count == 0 and name == "of few rows":
            continue
        value = np.random.default_rng(3).integers(-3, 5, [d or count for d in shape]).astype("float32")
        before = chips[0]._cupy.launches
        first, second = (f(value) for f in compiled)
        assert chips[0]._cupy.launches - before == launches
        for found, other, meant in zip(first, second, evaluate(graph, [value])[0], strict=True):
            np.testing.assert_array_equal(other, found)
            np.testing.assert_allclose(found, meant, rtol=1e-6)


@needs_compiler
def test_the_weight_gradient_of_a_convolution_is_split() -> None:
    x, w = placeholder((None, 12, 11, 2), "float32"), placeholder((3, 3, 2, 5), "float32")
    loss = ops.sum(ops.tanh(ops.convolution(x, w)))
    [slope] = gradients(loss, [w])
    arrays = [np.random.default_rng(1).standard_normal(s).astype("float32") for s in ((7, 12, 11, 2), (3, 3, 2, 5))]
    [expected], _ = evaluate(Graph((x, w), (slope,)), arrays)
    with device(emulated_device(order=2)):
        compiled = function([x, w], slope)
    assert "_last(" in compiled.source()
    np.testing.assert_allclose(compiled(*arrays), expected, rtol=1e-4, atol=1e-4)


@needs_compiler
@pytest.mark.parametrize(("precision", "kept_bits"), [("tf32", 10), ("bfloat16", 7)])
def test_tensor_cores_round_the_operands_and_nothing_else(
    precision: str, kept_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_MATMUL_PRECISION", "float32")
    a, b = placeholder((70, None), "float32"), placeholder((None, 83), "float32")
    rng = np.random.default_rng(8)
    x, y = (rng.standard_normal(s).astype("float32") for s in ((70, 45), (45, 83)))
    graphc.set_matmul_precision(precision)
    with device(emulated_device(order=5)):
        compiled = function([a, b], ops.tanh(ops.matmul(a, b)))
    assert f"gc_multiply_{precision}(sums" in compiled.source()
    rounded = [_kept(v, kept_bits).astype("float64") for v in (x, y)]
    np.testing.assert_allclose(compiled(x, y), np.tanh(rounded[0] @ rounded[1]), rtol=2e-5, atol=2e-6)


def _kept(x: Array, bits: int) -> Array:
    """Return float32 numbers rounded to so many bits of the fraction."""
    dropped = 23 - bits
    pattern = x.view("uint32").astype("uint64")
    # tf32 rounds halves away from zero, bfloat16 to even; random numbers meet neither.
    return ((pattern + (1 << dropped - 1)) >> dropped << dropped).astype("uint32").view("float32")


def test_narrow_results_and_doubles_do_not_take_tensor_cores() -> None:
    def text(columns: int, dtype: str) -> str:
        a, b = placeholder((70, 30), dtype), placeholder((30, columns), dtype)
        plan = lower_graph(expand_composites(Graph((a, b), (ops.matmul(a, b),))))
        return emit_cuda(plan, "tf32").text

    assert "gc_multiply_tf32(sums" in text(16, "float32")
    assert "gc_multiply_tf32(sums" not in text(15, "float32")
    assert "gc_multiply_tf32(sums" not in text(16, "float64")


def test_a_precision_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="expected float32, tf32 or bfloat16"):
        graphc.set_matmul_precision("half")


def test_equal_programs_have_equal_text() -> None:
    first, second = (emit_cuda(lower_graph(expand_composites(graph_of("softmax")))).text for _ in range(2))
    assert first == second
