"""One matrix over the registry: every op is tested here because it exists.

A case is an op with one of its samples. An op without samples fails. Checks: the shape rule against NumPy,
precision in each float dtype, the gradient and the gradient's gradient against finite differences in a random
direction, the scheduled program in the loop IR's meaning, and the compiled function.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from graphc import dtypes, ops
from graphc.compile import function, placeholder
from graphc.grad import gradients
from graphc.graph import REGISTRY, Graph, Node, Op, TensorType, apply, evaluate
from graphc.loopir import evaluate_plan
from graphc.passes import expand_composites
from graphc.schedule import lower_graph
from graphc.symbolic import fresh_symbol

Array = np.ndarray[Any, Any]
OPS = [op for op in REGISTRY.values() if op.kind != "source"]
CASES = [(op, number) for op in OPS for number in range(len(op.samples))]
TOLERANCE = {"float64": 1e-10, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
# Where the result is an integer or a truth value, rounding the operands may change it altogether.
EXACT_OPERANDS = {"cast", "random_bits"}


def sample(op: Op, number: int) -> tuple[tuple[Array, ...], Any]:
    """Return the operands and attributes of a case, the same in each test; attributes may depend on the nodes."""
    arrays, attrs = op.samples[number](np.random.default_rng(zlib.crc32(f"{op.name} {number}".encode())))
    return tuple(np.asarray(a) for a in arrays), attrs


def build(op: Op, arrays: Sequence[Array], attrs: Any) -> Graph:
    """Return the graph of one op on placeholders."""
    inputs = tuple(placeholder(a.shape, dtypes.canonical(a.dtype)) for a in arrays)
    return Graph(inputs, (apply(op, *inputs, **(attrs(inputs) if callable(attrs) else attrs)),))


def is_float(a: Array) -> bool:
    return dtypes.is_float(dtypes.canonical(a.dtype))


def has_float_operand(case: tuple[Op, int]) -> bool:
    return any(is_float(a) for a in sample(*case)[0])


def has_gradient(op: Op) -> bool:
    """Tell whether the op has a rule, a body to open, or (a recurrence) a rule for all its results together."""
    return op.grad is not None or op.expand is not None or op.name == "scan"


def is_differentiable(case: tuple[Op, int]) -> bool:
    op, number = case
    arrays, attrs = sample(op, number)
    result = build(op, arrays, attrs).outputs[0]
    return has_gradient(op) and any(map(is_float, arrays)) and result.dtype == "float64"


def case_name(case: object) -> str:
    return f"{case[0].name}-{case[1]}" if isinstance(case, tuple) else str(case)


def each(cases: Sequence[tuple[Op, int]]) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("case", cases, ids=case_name)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_op_has_samples_and_a_contract(op: Op) -> None:
    assert op.samples
    assert op.doc.strip().endswith(".")


@each(CASES)
def test_shape_rule_is_numpys(case: tuple[Op, int]) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    graph = build(op, arrays, attrs)
    [value], _ = evaluate(graph, arrays)  # raises where the reference's shape or dtype is not the rule's
    assert graph.outputs[0].type == TensorType(value.shape, dtypes.canonical(value.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@each([case for case in CASES if has_float_operand(case) and case[0].name not in EXACT_OPERANDS])
def test_narrow_floats_give_the_same_value(case: tuple[Op, int], dtype: str) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    narrow = [a.astype(dtypes.numpy_dtype(dtype)) if is_float(a) else a for a in arrays]
    wide = [a.astype(np.float64) if is_float(a) else a for a in narrow]
    graph = build(op, narrow, attrs)
    [got], _ = evaluate(graph, narrow)
    [expected], _ = evaluate(build(op, wide, attrs), wide)
    assert got.dtype == (dtypes.numpy_dtype(dtype) if is_float(expected) else expected.dtype)
    tolerance = TOLERANCE[dtype] * (4 if op.kind == "composite" else 1)
    np.testing.assert_allclose(got.astype(np.float64), expected.astype(np.float64), rtol=tolerance, atol=tolerance)


def weighted(graph: Graph, rng: np.random.Generator) -> Node:
    """Return a scalar that depends on every element of the output, smoothly where the output does."""
    output = graph.outputs[0]
    weights = rng.standard_normal([int(str(d)) for d in output.shape])
    return ops.sum(output * weights)


def directional(loss: Node, inputs: Sequence[Node], arrays: Sequence[Array], rng: np.random.Generator) -> None:
    """Assert that the gradient along a random direction is the central difference."""
    floats = [i for i, a in enumerate(arrays) if is_float(a)]
    direction = [rng.standard_normal(arrays[i].shape) for i in floats]
    wrt = [inputs[i] for i in floats]
    cotangents, _ = evaluate(Graph(tuple(inputs), tuple(gradients(loss, wrt))), arrays)
    for cotangent, i in zip(cotangents, floats, strict=True):
        assert (cotangent.shape, cotangent.dtype) == (arrays[i].shape, arrays[i].dtype)
    slope = sum(float(np.sum(c * d)) for c, d in zip(cotangents, direction, strict=True))
    values = []
    for sign in (1, -1):
        moved = list(arrays)
        for i, d in zip(floats, direction, strict=True):
            moved[i] = arrays[i] + sign * 1e-5 * d
        values.append(float(evaluate(Graph(tuple(inputs), (loss,)), moved)[0][0]))
    difference = (values[0] - values[1]) / 2e-5
    assert slope == pytest.approx(difference, rel=1e-5, abs=1e-6)


DIFFERENTIABLE = [case for case in CASES if is_differentiable(case)]


@each(DIFFERENTIABLE)
def test_gradient_is_the_finite_difference(case: tuple[Op, int]) -> None:
    arrays, attrs = sample(*case)
    graph = build(case[0], arrays, attrs)
    rng = np.random.default_rng(11)
    directional(weighted(graph, rng), graph.inputs, arrays, rng)


@each(DIFFERENTIABLE)
def test_second_derivative_is_the_finite_difference(case: tuple[Op, int]) -> None:
    arrays, attrs = sample(*case)
    graph = build(case[0], arrays, attrs)
    rng = np.random.default_rng(12)
    wrt = [n for n, a in zip(graph.inputs, arrays, strict=True) if is_float(a)]
    first = gradients(weighted(graph, rng), wrt)
    slope: Node = ops.zeros(())
    for n, a in zip(first, (a for a in arrays if is_float(a)), strict=True):
        slope = slope + ops.sum(n * rng.standard_normal(a.shape))
    directional(slope, graph.inputs, arrays, rng)


@each([c for c in CASES if has_float_operand(c) and not has_gradient(c[0])])
def test_op_without_a_gradient_passes_none(case: tuple[Op, int]) -> None:
    arrays, attrs = sample(*case)
    graph = build(case[0], arrays, attrs)
    loss = ops.sum(ops.cast(graph.outputs[0], "float64"))
    cotangents, _ = evaluate(Graph(graph.inputs, tuple(gradients(loss, graph.inputs))), arrays)
    assert all(not np.any(c) for c in cotangents)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each(CASES)
def test_scheduled_program_means_the_same(case: tuple[Op, int], dtype: str) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    cast = [a.astype(dtype) if is_float(a) else a for a in arrays]
    graph = build(op, cast, attrs)
    [expected], _ = evaluate(graph, cast)
    [got], _ = evaluate_plan(lower_graph(expand_composites(graph)), cast)
    assert got.shape == expected.shape
    close(got, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@each(CASES)
def test_compiled_function_means_the_same(case: tuple[Op, int], dtype: str) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    cast = [a.astype(dtypes.numpy_dtype(dtype)) if is_float(a) else a for a in arrays]
    graph = build(op, cast, attrs)
    [expected], _ = evaluate(graph, cast)
    got = function(graph.inputs, graph.outputs[0])(*cast)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    close(got, expected, TOLERANCE[dtype])


def has_rows(case: tuple[Op, int]) -> bool:
    """Tell whether the leading axis of the operands may have any size: no attribute speaks of sizes."""
    op, number = case
    arrays, _ = sample(op, number)
    counts = {a.shape[0] for a in arrays if a.ndim and a.ndim == max(b.ndim for b in arrays) and a.shape[0] != 1}
    kinds = op.kind in ("elementwise", "reduction", "composite") or op.name in ("cumsum", "cumprod", "transpose")
    return kinds and len(counts) == 1 and min(counts) > 1


@each([case for case in CASES if has_rows(case)])
def test_one_program_serves_every_number_of_rows(case: tuple[Op, int]) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    rank = max(a.ndim for a in arrays)
    rows = fresh_symbol("rows")
    counted = [a.ndim == rank and a.shape[0] != 1 for a in arrays]
    inputs = tuple(
        placeholder((rows, *a.shape[1:]) if has else a.shape, dtypes.canonical(a.dtype))
        for a, has in zip(arrays, counted, strict=True)
    )
    graph = Graph(inputs, (apply(op, *inputs, **attrs),))
    plan = lower_graph(expand_composites(graph))
    compiled = function(inputs, graph.outputs[0])
    for repeats in (1, 2):
        longer = [np.concatenate([a] * repeats) if has else a for a, has in zip(arrays, counted, strict=True)]
        [expected], _ = evaluate(build(op, longer, attrs), longer)
        [scheduled], _ = evaluate_plan(plan, longer)
        close(scheduled, expected, 1e-10)
        close(compiled(*longer), expected, 1e-10)


def close(got: Array, expected: Array, tolerance: float) -> None:
    if got.dtype == ml_dtypes.bfloat16:
        got, expected = got.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), ()], ids=str)
@each([(op, 0) for op in OPS if op.kind == "elementwise" and op.samples and not sample(op, 0)[1]])
def test_elementwise_takes_empty_single_and_scalar_operands(case: tuple[Op, int], shape: tuple[int, ...]) -> None:
    arrays, attrs = sample(*case)
    small = [np.resize(a, shape).astype(a.dtype) for a in arrays]
    graph = build(case[0], small, attrs)
    [value], _ = evaluate(graph, small)
    assert value.shape == shape
    close(function(graph.inputs, graph.outputs[0])(*small), value, 1e-10)


LIFTED = [case for case in CASES if case[0].lift is not None]


@pytest.mark.parametrize("which", ["all", "first", "last"])
@each(LIFTED)
def test_lifted_op_does_for_each_position_what_the_op_does(case: tuple[Op, int], which: str) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    chosen = {"all": range(len(arrays)), "first": range(1), "last": range(len(arrays) - 1, len(arrays))}[which]
    steps = [list(arrays) for _ in range(7)]
    for position, step in enumerate(steps):
        for i in chosen:
            step[i] = np.roll(arrays[i], position)
    graph = build(op, arrays, attrs)
    stacked = [np.stack([step[i] for step in steps]) if i in chosen else a for i, a in enumerate(arrays)]
    inputs = tuple(placeholder(a.shape, dtypes.canonical(a.dtype)) for a in stacked)
    assert op.lift is not None
    lifted = op.lift(graph.outputs[0], inputs)
    [got], _ = evaluate(Graph(inputs, (lifted,)), stacked)
    close(got, np.stack([evaluate(graph, step)[0][0] for step in steps]), 1e-12)


def test_every_indexed_op_lifts() -> None:
    kinds = ("elementwise", "movement", "reduction", "contraction")
    without = {op.name for op in OPS if op.kind in kinds and op.lift is None}
    # Those without operands that change, and those that only a pass behind the rewriting of recurrences makes.
    assert without == {"dimension", "iota", "random_bits", "winograd_tiles", "winograd_join"}
