"""Random graphs, compiled: the program's results against the unoptimised graph's meaning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings

import graphc
from graphc.graph import evaluate
from tests.strategies import Program, assert_close, programs, recurrent_programs
from tests.structured_steps import structured_programs

relaxed = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


@settings(relaxed, max_examples=1000)
@given(programs())
def test_programs_compute_what_their_graphs_mean(program: Program) -> None:
    check(program)


@settings(relaxed, max_examples=60)
@given(recurrent_programs())
def test_programs_with_recurrences_compute_what_their_graphs_mean(program: Program) -> None:
    check(program)


@settings(relaxed, max_examples=100)
@given(structured_programs())
def test_programs_with_structured_ops_compute_what_their_graphs_mean(program: Program) -> None:
    check(program)


def check(program: Program) -> None:
    """Compare the compiled program's results with what its graph means, and with those of a second call."""
    graph = program.graph
    outputs, updates = evaluate(graph, program.arrays)
    compiled = graphc.function(graph.inputs, graph.outputs, graph.updates)
    before = [state.get_value() for state in program.states]
    found = run(compiled, program)
    assert_close(found, [*outputs, *updates], graph)
    # The same call again: nothing of the first is left behind.
    for state, value in zip(program.states, before, strict=True):
        state.set_value(value)
    for first, second in zip(found, run(compiled, program), strict=True):
        np.testing.assert_array_equal(first, second)


def run(compiled: Callable[..., list[np.ndarray]], program: Program) -> list[np.ndarray]:
    """Call the program; return its outputs, then the new values of the states it updates."""
    outputs = compiled(*program.arrays)
    return [*outputs, *(state.attrs["state"].get_value() for state, _ in program.graph.updates)]
