"""Random graphs, lowered: the plan's meaning against the unoptimised graph's, whatever target runs it."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings

import graphc
from graphc import ops
from graphc.graph import Graph, evaluate
from graphc.loopir import evaluate_plan, verify_plan
from graphc.passes import run_pipeline
from graphc.schedule import lower_graph
from tests.strategies import Program, assert_close, programs, recurrent_programs
from tests.structured_steps import structured_programs

relaxed = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@settings(relaxed, max_examples=1000)
@given(programs())
def test_plans_mean_what_their_graphs_mean(program: Program) -> None:
    check_program(program)


@settings(relaxed, max_examples=150)
@given(recurrent_programs())
def test_plans_with_recurrences_mean_what_their_graphs_mean(program: Program) -> None:
    check_program(program)


@settings(relaxed, max_examples=150)
@given(structured_programs())
def test_plans_with_structured_ops_mean_what_their_graphs_mean(program: Program) -> None:
    check_program(program)


def check_program(program: Program) -> None:
    """Compare the plan's results and updates with what the graph means."""
    graph = program.graph
    outputs, updates = evaluate(graph, program.arrays)
    plan = lower_graph(run_pipeline(graph).graph)
    verify_plan(plan)
    found, states = evaluate_plan(plan, program.arrays)
    by_state = {b.source: states[b.name] for b in plan.buffers if b.role == "state"}
    found += [by_state[state.attrs["state"]].reshape(new.shape) for state, new in graph.updates]
    assert_close(found, [*outputs, *updates], graph)


def test_a_fold_does_not_join_loops_that_walk_another_shape() -> None:
    """The slopes of a row and the flat copy of all rows are computed by loops of different shapes."""
    x = graphc.placeholder((None, 3))
    shifted = ops.log1p(ops.absolute(x) + 0.5)
    least = ops.min(shifted, 1, keepdims=True)
    check(Graph((x,), (ops.reshape(shifted, (-1,)), least, shifted / (least + 0.5))))


def test_arrays_without_elements_join_loops() -> None:
    x = graphc.placeholder((None, 3))
    least = ops.floor(ops.min(x, (0, 1), keepdims=True))
    nothing = ops.slice(least, (0, 0), (1, 0))
    check(Graph((x,), (nothing, ops.broadcast_to(ops.reshape(nothing, (1, 0, 1)), (1, 0, 3)), 4.0 - least)))


def check(graph: Graph) -> None:
    array = np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
    plan = lower_graph(run_pipeline(graph).graph)
    verify_plan(plan)
    assert_close(evaluate_plan(plan, [array])[0], evaluate(graph, [array])[0], graph)


def test_positions_that_a_guard_reads_are_guarded_too() -> None:
    """Which half a row comes from is read where there is a position to read, not in the padding."""
    x, rows = graphc.placeholder((3,)), graphc.placeholder((None,), dtype="int32")
    halves = ops.concatenate([ops.negative(x), x], axis=0)
    graph = Graph((x, rows), (ops.pad(ops.gather(halves, rows, axis=0), [(0, 1)]),))
    arrays = [np.array([1.5, 2.5, 3.5], np.float32), np.array([4, 0, 5, 1, 2], np.int32)]
    plan = lower_graph(run_pipeline(graph).graph)
    assert_close(evaluate_plan(plan, arrays)[0], evaluate(graph, arrays)[0], graph)
