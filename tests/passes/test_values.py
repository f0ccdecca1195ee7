"""Passes keep values: random graphs, before and after."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from graphc.graph import Graph, evaluate, verify_graph
from graphc.passes import PIPELINE, Pass, run_pipeline, unify_dims
from tests.strategies import Program, assert_close, programs

relaxed = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def check(rewritten: Graph, program: Program) -> None:
    verify_graph(rewritten)
    outputs, updates = evaluate(program.graph, program.arrays)
    found, found_updates = evaluate(rewritten, program.arrays)
    assert [state for state, _ in rewritten.updates] == [state for state, _ in program.graph.updates]
    assert_close([*found, *found_updates], [*outputs, *updates], program.graph)


@settings(relaxed, max_examples=1500)
@given(programs())
def test_the_pipeline_keeps_values(program: Program) -> None:
    check(run_pipeline(program.graph).graph, program)


@pytest.mark.parametrize("rewrite", PIPELINE, ids=lambda rewrite: rewrite.__name__)
@settings(relaxed, max_examples=150)
@given(program=programs())
def test_each_pass_keeps_values(rewrite: Pass, program: Program) -> None:
    check(rewrite(unify_dims(program.graph)), program)
