"""Reverse mode: accumulation, composites, missing paths, second derivatives, depth, provenance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import ops
from graphc.compile import placeholder, state
from graphc.errors import GradientError, ShapeError
from graphc.grad import gradients
from graphc.graph import Graph, Node, as_node, evaluate, evaluate_node, layer_scope, topological_order

Array = np.ndarray[Any, Any]


def numbers(*shape: int) -> Array:
    return np.random.default_rng(3).standard_normal(shape)


def value_of(loss: Node, x: Node) -> Array:
    return evaluate_node(gradients(loss, [x])[0])


def test_contributions_of_all_paths_are_added() -> None:
    x = as_node(numbers(3, 4))
    v = evaluate_node(x)
    np.testing.assert_allclose(value_of(ops.sum(x * x + x * 3.0 + x), x), 2 * v + 4)


def test_a_loss_that_is_no_scalar_counts_as_its_weighted_sum() -> None:
    x, weights = as_node(numbers(3, 4)), numbers(3, 4) + 1
    np.testing.assert_allclose(value_of(ops.exp(x), x), np.exp(evaluate_node(x)))
    [g] = gradients(ops.exp(x), [x], grad_loss=as_node(weights))
    np.testing.assert_allclose(evaluate_node(g), np.exp(evaluate_node(x)) * weights)
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        gradients(ops.exp(x), [x], grad_loss=as_node(np.zeros(3)))


def test_gradients_by_intermediate_nodes_and_by_the_loss_itself() -> None:
    x = as_node(numbers(3, 4))
    y = x * 2.0
    loss = ops.sum(y * y)
    by_x, by_y, by_loss = gradients(loss, [x, y, loss])
    np.testing.assert_allclose(evaluate_node(by_y), 2 * evaluate_node(y))
    np.testing.assert_allclose(evaluate_node(by_x), 4 * evaluate_node(y))
    assert evaluate_node(by_loss) == 1


def test_missing_paths_are_zeros_or_an_error() -> None:
    x, y, whole = as_node(numbers(3, 4)), as_node(numbers(2, 5)), as_node(np.arange(3))
    loss = ops.sum(x * ops.stop_gradient(x)) + ops.sum(ops.floor(x))
    np.testing.assert_array_equal(value_of(loss, y), np.zeros((2, 5)))
    np.testing.assert_array_equal(value_of(loss, whole), np.zeros(3))
    np.testing.assert_allclose(value_of(loss, x), evaluate_node(x))
    with pytest.raises(GradientError, match="depend"):
        gradients(loss, [x, y], disconnected="error")
    with pytest.raises(GradientError, match="depend"):
        gradients(ops.sum(ops.stop_gradient(x)), [x], disconnected="error")
    with pytest.raises(GradientError, match="floating"):
        gradients(ops.sum(whole), [x])


def test_no_gradient_flows_through_integers_and_truth_values() -> None:
    x = as_node(numbers(3, 4))
    through = ops.sum(ops.cast(ops.cast(x, "int32"), "float64")) + ops.sum(ops.where(x > 0, 2.0, 3.0))
    with pytest.raises(GradientError, match="depend"):
        gradients(through, [x], disconnected="error")


def test_broadcasting_is_undone() -> None:
    x, row, column, scalar = (as_node(numbers(*s)) for s in ((3, 4), (4,), (3, 1), ()))
    loss = ops.sum(x * row * column * scalar)
    product = [evaluate_node(n) for n in (x, row, column, scalar)]
    by_row, by_column, by_scalar = (evaluate_node(g) for g in gradients(loss, [row, column, scalar]))
    np.testing.assert_allclose(by_row, (product[0] * product[2] * product[3]).sum(0))
    np.testing.assert_allclose(by_column, (product[0] * product[1] * product[3]).sum(1, keepdims=True))
    np.testing.assert_allclose(by_scalar, (product[0] * product[1] * product[2]).sum())


def test_one_program_for_every_batch() -> None:
    x, w = placeholder((None, 3), "float64"), state(numbers(3, 2))
    loss = ops.mean(ops.square(ops.tanh(x @ w.node)))
    [g] = gradients(loss, [w])
    for rows in (1, 5):
        v = numbers(rows, 3)
        t = np.tanh(v @ w.get_value())
        [got], _ = evaluate(Graph((x,), (g,)), [v])
        np.testing.assert_allclose(got, v.T @ (2 * t * (1 - t * t)) / t.size)


def test_composites_with_and_without_a_rule_of_their_own() -> None:
    x = as_node(numbers(3, 4))
    v = evaluate_node(x)
    np.testing.assert_allclose(value_of(ops.sum(ops.var(x, axis=1)), x), 2 * (v - v.mean(1, keepdims=True)) / 4)
    chosen = gradients(ops.sum(ops.softplus(x)), [x])[0]
    assert "sigmoid" in {n.op.name for n in topological_order((chosen,))}
    np.testing.assert_allclose(evaluate_node(chosen), 1 / (1 + np.exp(-v)))


def test_a_composite_of_one_node_twice_and_of_its_own_ancestor() -> None:
    x = as_node(np.abs(numbers(3, 4)))
    e = np.exp(evaluate_node(x))
    v = evaluate_node(x)
    once = ops.softmax_cross_entropy(x, x)
    np.testing.assert_allclose(
        value_of(ops.sum(once), x),
        -(v - np.log(e.sum(1, keepdims=True))) - v + e / e.sum(1, keepdims=True) * v.sum(1, keepdims=True),
    )
    y = x * 2.0
    both = gradients(ops.sum(ops.softmax_cross_entropy(x, y)), [x, y])
    p = np.exp(2 * v) / np.exp(2 * v).sum(1, keepdims=True)
    np.testing.assert_allclose(evaluate_node(both[1]), p * v.sum(1, keepdims=True) - v)
    np.testing.assert_allclose(evaluate_node(both[0]), -np.log(p) + 2 * (p * v.sum(1, keepdims=True) - v), rtol=1e-10)


def test_ties_and_zeros() -> None:
    x = as_node(np.array([2.0, 5.0, 5.0]))
    np.testing.assert_allclose(value_of(ops.max(x), x), [0, 0.5, 0.5])
    np.testing.assert_allclose(value_of(ops.sum(ops.maximum(x, 5.0)), x), [0, 1, 1])
    np.testing.assert_allclose(value_of(ops.sum(ops.relu(x - 5.0)), x), [0, 0, 0])
    np.testing.assert_allclose(value_of(ops.sum(ops.clip(x, 2.0, 4.0)), x), [1, 0, 0])
    zeros = as_node(np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 5.0, 3.0]]))
    np.testing.assert_allclose(value_of(ops.prod(zeros, 1), zeros), [[0, 6, 0], [0, 0, 0], [15, 6, 10]])
    start = as_node(np.array([0.0, 2.0]))
    np.testing.assert_allclose(value_of(ops.power(start, 2.0), start), [0, 4])
    np.testing.assert_allclose(value_of(ops.power(start, 0.0), start), [0, 0])
    np.testing.assert_allclose(value_of(ops.power(start, as_node(np.array([2.0, 3.0]))), start), [0, 12])


def test_hessian_of_a_quadratic() -> None:
    x, a = as_node(numbers(4)), numbers(4, 4)
    loss = ops.sum(x * ops.matmul(a, x))
    [g] = gradients(loss, [x])
    rows = [evaluate_node(gradients(g[i], [x])[0]) for i in range(4)]
    np.testing.assert_allclose(np.stack(rows), a + a.T)


def test_third_derivative() -> None:
    x = as_node(np.array([0.3, -0.7]))
    g = ops.sum(ops.sin(x))
    for _ in range(3):
        g = gradients(g, [x])[0]
    np.testing.assert_allclose(evaluate_node(g), -np.cos([0.3, -0.7]))


def test_depth_has_no_limit() -> None:
    x = as_node(numbers(2))
    y = x
    for _ in range(3000):
        y = y + 1.0
    np.testing.assert_array_equal(value_of(y, x), [1, 1])


def test_gradients_keep_the_layer_they_came_from() -> None:
    x = placeholder((3, 4))
    with layer_scope("dense_1"):
        y = ops.tanh(x)
    [g] = gradients(ops.sum(y), [x])
    assert g.provenance.layer == "dense_1"
    assert g.provenance.backward and not y.provenance.backward


def test_float16_gradients_stay_float16() -> None:
    x, w = placeholder((3, 4), "float16"), placeholder((4, 5), "float16")
    assert [g.dtype for g in gradients(ops.mean(ops.tanh(x @ w)), [x, w])] == ["float16", "float16"]
