"""Passes over recurrences: pictures, what stays in the loop, and unchanged values on random bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphc
from graphc import gradients, ops
from graphc.graph import Graph, Node, State, evaluate, families, format_graph, joint_bodies, verify_graph
from graphc.passes import Pass, hoist_scan, run_pipeline, simplify_scan, sink_scan, unify_dims
from tests.passes.pictures import batch, graph_of, picture
from tests.passes.pictures import given as input_node
from tests.strategies import Program, assert_close, recurrent_programs

Golden = Callable[[str, str], None]
relaxed = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@settings(relaxed, max_examples=300)
@given(recurrent_programs())
def test_the_pipeline_keeps_values(program: Program) -> None:
    check(run_pipeline(program.graph).graph, program)


@pytest.mark.parametrize("rewrite", [unify_dims, simplify_scan, hoist_scan, sink_scan], ids=lambda r: r.__name__)
@settings(relaxed, max_examples=100)
@given(program=recurrent_programs())
def test_each_pass_keeps_values(rewrite: Pass, program: Program) -> None:
    check(rewrite(unify_dims(program.graph)), program)


def check(rewritten: Graph, program: Program) -> None:
    verify_graph(rewritten)
    outputs, updates = evaluate(program.graph, program.arrays)
    found, found_updates = evaluate(rewritten, program.arrays)
    assert_close([*found, *found_updates], [*outputs, *updates], program.graph)


def simple() -> Graph:
    """A simple recurrent network, all of whose states are asked for."""
    x, h = input_node("x", 4, batch, 3), input_node("h", batch, 5)
    w, u = input_node("w", 3, 5), input_node("u", 5, 5)
    _, (states,) = graphc.scan(lambda x, h: 2 * (ops.tanh(x @ w + h @ u),), [x], [h])
    return graph_of((x, h, w, u), states)


def test_hoist_scan(golden: Golden) -> None:
    golden("passes/hoist_scan.txt", picture(hoist_scan, simple()))


def test_sink_scan(golden: Golden) -> None:
    x, g, start = input_node("x", 4, batch, 3), input_node("g", 4, batch, 5), input_node("start", 3, 5)
    (total,), _ = graphc.scan(lambda x, g, total: (total + ops.transpose(x) @ g, ()), [x, g], [start])
    golden("passes/sink_scan.txt", picture(sink_scan, graph_of((x, g, start), total)))


def test_simplify_scan(golden: Golden) -> None:
    x, h, unused = input_node("x", 4, batch), input_node("h", batch), input_node("unused", batch)

    def step(x: Node, y: Node, h: Node, steady: Node, idle: Node, half: Node) -> tuple[list[Node], Node]:
        return [h * half + x + y, steady, idle + 1.0], steady + h

    finals, (values,) = graphc.scan(step, [x, x], [h, h * 3.0, unused], [ops.cast(0.5, "float32")])
    golden("passes/simplify_scan.txt", picture(simplify_scan, graph_of((x, h, unused), finals[0], finals[1], values)))


def test_a_condition_that_a_caller_fixed_is_folded_in_the_step() -> None:
    x, h, phase = input_node("x", 4, batch), input_node("h", batch), input_node("phase", dtype="uint8")
    last = graphc.scan(lambda x, h: (ops.where(ops.equal(phase, 1), ops.exp(x), x) + h, ()), [x], [h])[0][0]
    graph = graph_of((x, h), *graphc.graph.substitute((last,), {phase: graphc.graph.constant(0, "uint8")}))
    assert ops_inside(run_pipeline(graph).graph) == [Counter({"placeholder": 2, "add": 1})]


def ops_inside(graph: Graph) -> list[Counter[str]]:
    """Return for each body how often each op stands in it."""
    return [Counter(n.op.name for n in joint.nodes) for joint in joint_bodies(graph.nodes).values()]


UNITS = 5


def lstm(x: Node) -> tuple[Node, list[State]]:
    """All states of a long short-term memory of 5 units over x: (time, batch, 3), and its weights."""
    shapes = {"w": (3, 4 * UNITS), "u": (UNITS, 4 * UNITS), "b": (4 * UNITS,)}
    rng = np.random.default_rng(2)
    w, u, b = weights = [State(rng.standard_normal(s).astype(np.float32), name) for name, s in shapes.items()]

    def step(x: Node, h: Node, c: Node) -> tuple[list[Node], Node]:
        z = x @ w.node + b.node + h @ u.node
        i, f, g, o = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return [h, c], h

    zeros = ops.zeros((x.shape[1], UNITS))
    _, (states,) = graphc.scan(step, [x], [zeros, zeros])
    return states, weights


def training_step() -> Graph:
    x = input_node("x", 4, batch, 3)
    states, weights = lstm(x)
    slopes = gradients(ops.sum(states * states), [x, *weights])
    return Graph((x,), (slopes[0],), tuple((w.node, w.node - s) for w, s in zip(weights, slopes[1:], strict=True)))


def test_an_lstm_multiplies_once_in_each_loop_and_four_times_outside(golden: Golden) -> None:
    graph = run_pipeline(training_step()).graph
    forward, backward = ops_inside(graph)
    assert (forward["matmul"], backward["matmul"]) == (1, 1)
    # x w, and of the gradients those of x, w and u.
    assert Counter(n.op.name for n in graph.nodes)["matmul"] == 4
    # The gates and the two states are read again, the last tanh is computed again.
    assert (backward["sigmoid"], backward["tanh"]) == (0, 1)
    golden("passes/lstm_step.txt", format_graph(graph, False))


def test_a_training_step_of_an_lstm_keeps_its_values() -> None:
    graph = training_step()
    array = [np.random.default_rng(3).standard_normal((4, 2, 3)).astype(np.float32)]
    (dx,), updates = evaluate(graph, array)
    (found,), found_updates = evaluate(run_pipeline(graph).graph, array)
    for f, e in zip([found, *found_updates], [dx, *updates], strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-5)


def test_siblings_stay_one_recurrence() -> None:
    graph = run_pipeline(training_step()).graph
    assert len(families(graph.nodes)) == 2
    assert len({id(n.attrs["body"]) for family in families(graph.nodes) for n in family}) == 2


def test_dims_that_turn_out_equal_outside_are_equal_in_the_step() -> None:
    x, h = graphc.placeholder((None, None, 3)), graphc.placeholder((None, 3))
    (last,), _ = graphc.scan(lambda x, h: (x + h, ()), [x], [h])
    known = input_node("known", 7, 3)
    graph = unify_dims(graph_of((x, h, known), last + known))
    [joint] = joint_bodies(graph.nodes).values()
    assert {n.shape for n in joint.nodes} == {(7, 3)}
    verify_graph(graph)


def test_a_projection_that_no_carry_needs_leaves_the_loop_altogether() -> None:
    x, w = input_node("x", 4, batch, 3), input_node("w", 3, 5)
    _, (values,) = graphc.scan(lambda x: ((), ops.tanh(x @ w)), [x])
    graph = run_pipeline(graph_of((x, w), values)).graph
    assert not families(graph.nodes)


def test_a_cheap_result_stays_in_the_loop() -> None:
    x, h = input_node("x", 4, batch), input_node("h", batch)
    (last,), _ = graphc.scan(lambda x, h: (ops.sin(h) + x * 2.0, ()), [x], [h])
    graph = graph_of((x, h), last)
    assert hoist_scan(graph) is graph


# What a step adds to a total, of elements of x (batch, 3) and y (batch, 5), a carry h (batch, 5) and a matrix (3, 5).
ADDED: dict[str, Callable[[Node, Node, Node, Node], Node]] = {
    "product": lambda x, y, h, w: ops.transpose(x) @ h,
    "difference of products": lambda x, y, h, w: ops.transpose(x) @ h - ops.transpose(x) @ y,
    "product with what is the same": lambda x, y, h, w: -(h @ ops.transpose(w)),
    "product of higher rank": lambda x, y, h, w: ops.stack([x, x]) @ (w * ops.reshape(h, (-1, 1, 5))[:1]),
    "contraction": lambda x, y, h, w: ops.contract(x, h, depth=((0, 0),)),
    "contraction with a batch": lambda x, y, h, w: ops.contract(y, h, depth=((1, 1),), batch=((0, 0),)),
    "product, then more": lambda x, y, h, w: ops.tanh(ops.transpose(x) @ h),
    "sum beside a product": lambda x, y, h, w: ops.reshape(ops.sum(h, 0), (1, 5)) + ops.transpose(x) @ h,
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("added", ADDED.values(), ids=ADDED.keys())
def test_sums_of_products_are_taken_behind_the_loop(added: Callable[..., Node], reverse: bool) -> None:
    x, y, h = (graphc.placeholder(shape) for shape in ((7, 2, 3), (7, 2, 5), (2, 5)))
    w = State(np.random.default_rng(1).standard_normal((3, 5)).astype(np.float32), "w").node
    shape = added(x[0], y[0], h, w).shape
    start = ops.full(shape, 0.25) + ops.reshape(ops.arange(shape[-1], dtype="float32"), (-1,))

    def step(x: Node, y: Node, h: Node, total: Node) -> tuple[list[Node], tuple[()]]:
        new = ops.sin(h + y)
        return [new, total + added(x, y, new, w)], ()

    (last, total), _ = graphc.scan(step, [x, y], [h, start], reverse=reverse)
    graph = Graph((x, y, h), (last, total))
    rewritten = run_pipeline(graph).graph
    verify_graph(rewritten)
    assert all(not counts.keys() & {"matmul", "contract"} for counts in ops_inside(rewritten))
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((7, 2, 3), (7, 2, 5), (2, 5))]
    for found, expected in zip(evaluate(rewritten, arrays)[0], evaluate(graph, arrays)[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_sum_that_each_step_shows_stays_in_the_loop() -> None:
    x, start = input_node("x", 4, batch, 3), input_node("start", 3, 3)
    _, (totals,) = graphc.scan(lambda x, total: (total + ops.transpose(x) @ x, total), [x], [start])
    [counts] = ops_inside(run_pipeline(graph_of((x, start), totals)).graph)
    assert counts["add"] == 1


def test_a_sum_of_elements_stays_in_the_loop() -> None:
    x, start = input_node("x", 4, batch), input_node("start", batch)
    (total,), _ = graphc.scan(lambda x, total: (total + ops.sin(x), ()), [x], [start])
    [counts] = ops_inside(run_pipeline(graph_of((x, start), total)).graph)
    assert counts["add"] == 1
