"""Gradients of recurrences: against the same steps written out, and what the backward loop is made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphc
from graphc import gradients, ops
from graphc.graph import Graph, Node, Recurrence, evaluate, families, topological_order
from tests.strategies import BATCH, Program, assert_close, recurrent_programs
from tests.unrolling import unrolled

relaxed = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
LENGTH, ROWS, WIDTH, UNITS = 5, 2, 3, 4


@settings(relaxed, max_examples=300)
@given(recurrent_programs())
def test_gradient_is_that_of_the_steps_written_out(program: Program) -> None:
    graph = program.graph
    wanted = [n for n in (*graph.inputs, *graph.states) if n.dtype in ("float32", "float64")]
    slopes = []
    for g in (graph, unrolled(graph, BATCH)):
        loss = ops.sum(ops.tanh(ops.cast(g.outputs[0], "float64")))
        slopes.append(Graph(graph.inputs, tuple(gradients(loss, wanted))))
    results = [evaluate(g, program.arrays)[0] for g in slopes]
    if all(np.isfinite(a).all() for a in results[1]):
        assert_close(results[0], results[1], slopes[1])


def inputs() -> tuple[Node, ...]:
    """A sequence, an initial carry, two matrices."""
    shapes = ((LENGTH, ROWS, WIDTH), (ROWS, UNITS), (WIDTH, UNITS), (UNITS, UNITS))
    return tuple(graphc.placeholder(shape, "float64") for shape in shapes)


def arrays(of: tuple[Node, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal([int(str(d)) for d in n.shape]) for n in of]


def simple(act: Callable[[Node], Node] = ops.tanh, reverse: bool = False) -> tuple[tuple[Node, ...], Node, Node]:
    """Return inputs, the last state and all states of a simple recurrent network."""
    x, h, w, u = given_nodes = inputs()

    def step(x: Node, h: Node) -> tuple[Node, Node]:
        new = act(x @ w + h @ u)
        return new, new

    (last,), (states,) = graphc.scan(step, [x], [h], reverse=reverse)
    return given_nodes, last, states


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("of_states", [False, True])
def test_every_input_gets_the_gradient_of_the_steps_written_out(reverse: bool, of_states: bool) -> None:
    nodes, last, states = simple(reverse=reverse)
    loss = ops.sum(ops.sin(last)) + (ops.sum(states * states * 0.3) if of_states else 0.0)
    plain = unrolled(Graph(nodes, (loss,))).outputs[0]
    found, expected = (evaluate(Graph(nodes, tuple(gradients(n, nodes))), arrays(nodes))[0] for n in (loss, plain))
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-12)


def backward_of(loss: Node, wanted: Node) -> Recurrence:
    """Return the one recurrence that the gradient adds to the loss."""
    forward = set(topological_order((loss,)))
    slope = gradients(loss, [wanted])[0]
    added = [f for f in families(topological_order((slope,))) if f[0] not in forward and f[0].attrs["reverse"]]
    assert len(added) == 1
    return Recurrence.of(added[0][0])


def kept_values(loss: Node, wanted: Node) -> list[str]:
    """Return the ops whose values a backward recurrence reads from the forward one."""
    sequences = backward_of(loss, wanted).sequences.values()
    return [n.attrs["value"].op.name for n in sequences if n.op.name == "scan" and n.attrs["value"] is not None]


def test_costly_results_are_kept_and_cheap_ones_computed_again() -> None:
    (_, _, _, u), last, _ = simple(ops.tanh)
    assert kept_values(ops.sum(last), u) == ["placeholder", "tanh"]
    (_, _, _, u), last, _ = simple(lambda z: ops.clip(z * 2.0 + 1.0, -1.0, 1.0) * 0.5)
    # The bounds of clip are compared with what was clipped, which is computed from the sum again.
    assert sorted(kept_values(ops.sum(last), u)) == ["add", "placeholder"]


def test_carries_that_no_cotangent_reaches_have_none() -> None:
    x, h, w, u = nodes = inputs()

    def step(x: Node, h: Node, count: Node, unused: Node) -> tuple[list[Node], Node]:
        return [ops.tanh(x @ w + h @ u), count + 1, ops.sin(unused)], h

    (last, count, _), _ = graphc.scan(step, [x], [h, ops.zeros((), "int32"), ops.ones((7,), "float64")])
    loss = ops.sum(last) * ops.cast(count, "float64")
    assert [n.attrs["name"] for n in backward_of(loss, h).carries] == ["cotangent of carry 0"]
    [slope], _ = evaluate(Graph(nodes, tuple(gradients(loss, [h]))), arrays(nodes))
    plain = unrolled(Graph(nodes, (loss,))).outputs[0]
    [expected], _ = evaluate(Graph(nodes, tuple(gradients(plain, [h]))), arrays(nodes))
    np.testing.assert_allclose(slope, expected, rtol=1e-12)


def test_one_backward_recurrence_serves_all_results() -> None:
    nodes, last, states = simple()
    loss = ops.sum(last) + ops.sum(states * states)
    slopes = Graph(nodes, tuple(gradients(loss, nodes)))
    assert len(families(slopes.nodes)) == 2


def test_the_gradient_of_no_steps_is_that_of_the_initial_value() -> None:
    x, h = graphc.placeholder((0, 3), "float64"), graphc.placeholder((3,), "float64")
    (last,), _ = graphc.scan(lambda x, h: (h * x, ()), [x], [h])
    by_x, by_h = evaluate(
        Graph((x, h), tuple(gradients(ops.sum(last * last), [x, h]))), [np.zeros((0, 3)), np.ones(3)]
    )[0]
    assert by_x.shape == (0, 3)
    np.testing.assert_array_equal(by_h, 2 * np.ones(3))


def test_a_recurrence_inside_a_step_has_a_gradient() -> None:
    x, h, w, u = nodes = inputs()

    def inner(column: Node, total: Node) -> tuple[Node, Node]:
        return ops.tanh(total * 0.5 + column), column

    def step(x: Node, h: Node) -> tuple[Node, Node]:
        (total,), _ = graphc.scan(inner, [ops.transpose(x @ w)], [ops.sum(h @ u, 1)])
        new = ops.sin(h + ops.expand_dims(total, 1))
        return new, total

    (last,), (totals,) = graphc.scan(step, [x], [h])
    loss = ops.sum(last) + ops.sum(totals)
    values = arrays(nodes)
    slopes, _ = evaluate(Graph(nodes, tuple(gradients(loss, nodes))), values)
    rng = np.random.default_rng(1)
    direction = [rng.standard_normal(a.shape) for a in values]
    moved = [[a + sign * 1e-5 * d for a, d in zip(values, direction, strict=True)] for sign in (1, -1)]
    above, below = (float(evaluate(Graph(nodes, (loss,)), m)[0][0]) for m in moved)
    slope = sum(float(np.sum(s * d)) for s, d in zip(slopes, direction, strict=True))
    assert slope == pytest.approx((above - below) / 2e-5, rel=1e-6)
