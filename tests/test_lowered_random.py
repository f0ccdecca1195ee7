"""Random graphs, lowered: the plan's meaning against the unoptimised graph's, whatever target runs it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from graphc.graph import evaluate
from graphc.loopir import evaluate_plan, verify_plan
from graphc.passes import run_pipeline
from graphc.schedule import lower_graph
from tests.strategies import Program, assert_close, programs


@settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None, max_examples=1000)
@given(programs())
def test_plans_mean_what_their_graphs_mean(program: Program) -> None:
    graph = program.graph
    outputs, updates = evaluate(graph, program.arrays)
    plan = lower_graph(run_pipeline(graph).graph)
    verify_plan(plan)
    found, states = evaluate_plan(plan, program.arrays)
    by_state = {b.source: states[b.name] for b in plan.buffers if b.role == "state"}
    found += [by_state[state.attrs["state"]].reshape(new.shape) for state, new in graph.updates]
    assert_close(found, [*outputs, *updates], graph)
