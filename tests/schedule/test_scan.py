"""Recurrences become loops over places: what is kept where, and that it is right whatever is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops, runtime, symbolic
from graphc.compile import placeholder, state
from graphc.graph import Graph, Node, evaluate
from graphc.loopir import Launch, Loop, Plan, evaluate_plan, verify_plan
from graphc.passes import expand_composites
from graphc.schedule import lower_graph

Array = np.ndarray[Any, Any]
UNITS = 6


def normal(*shape: int) -> Array:
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def check_lowered(graph: Graph, arrays: Sequence[Array]) -> Plan:
    """Compare the plan's meaning with NumPy's; return the plan."""
    plan = lower_graph(expand_composites(graph))
    verify_plan(plan)
    for got, expected in zip(evaluate_plan(plan, arrays)[0], evaluate(graph, arrays)[0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)
    return plan


def check(graph: Graph, arrays: Sequence[Array]) -> Plan:
    """Compare the compiled program and the plan's meaning with NumPy's; return the plan."""
    compiled = graphc.function(graph.inputs, graph.outputs)(*arrays)
    for got, expected in zip(compiled, evaluate(graph, arrays)[0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)
    return check_lowered(graph, arrays)


def loops(plan: Plan) -> list[Loop]:
    return [step for step in plan.steps if isinstance(step, Loop)]


def siblings(length: int | None, reverse: bool) -> tuple[tuple[Node, ...], dict[str, Node]]:
    """Return the inputs of a recurrence with two carries, and all that can be asked of it, by name."""
    x, a, b, w = (placeholder(shape) for shape in ((length, None, UNITS), (None, UNITS), (None, UNITS), (UNITS, UNITS)))
    inner: list[Node] = []

    def step(x: Node, a: Node, b: Node, w: Node) -> tuple[tuple[Node, Node], tuple[Node, ...]]:
        between = a @ w + x
        new_a, new_b = ops.tanh(between) * b, b * 0.5 + a
        inner[:] = [a, b, between]
        return (new_a, new_b), (new_a, new_b, a, between, x)

    finals, stacked = graphc.scan(step, [x], [a, b], [w], reverse=reverse)
    names = ("after a", "after b", "before a", "between", "element")
    return (x, a, b, w), {"final a": finals[0], "final b": finals[1], **dict(zip(names, stacked, strict=True))}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [None, 4])
@pytest.mark.parametrize("kept", ["inside", "given"])
def test_every_set_of_results_is_right(kept: str, length: int | None, reverse: bool) -> None:
    inputs, found = siblings(length, reverse)
    arrays = [normal(4, 3, UNITS), normal(3, UNITS), normal(3, UNITS), normal(UNITS, UNITS)]
    for count in (1, 2, 7):
        for names in itertools.combinations(found, count):
            results = tuple(found[name] for name in names)
            outputs = results if kept == "given" else (ops.add_n([ops.sum(n * n) for n in results]),)
            plan = check_lowered(Graph(inputs, outputs), arrays)
            assert len(loops(plan)) == (names != ("element",))  # which is the sequence itself


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [None, 4])
def test_compiled_loops_give_every_result(length: int | None, reverse: bool) -> None:
    inputs, found = siblings(length, reverse)
    arrays = [normal(4, 3, UNITS), normal(3, UNITS), normal(3, UNITS), normal(UNITS, UNITS)]
    check(Graph(inputs, tuple(found.values())), arrays)
    check(Graph(inputs, (ops.sum(found["before a"], axis=0), found["final a"])), arrays)


@pytest.mark.parametrize("reverse", [False, True])
def test_no_step_gives_the_initial_value(reverse: bool) -> None:
    inputs, found = siblings(None, reverse)
    arrays = [normal(0, 3, UNITS), normal(3, UNITS), normal(3, UNITS), normal(UNITS, UNITS)]
    for names in (("final a", "final b"), ("final a", "after a"), ("final b", "before a")):
        check(Graph(inputs, tuple(found[name] for name in names)), arrays)


def test_a_carry_that_is_stacked_is_kept_in_the_result() -> None:
    inputs, found = siblings(4, False)
    plan = lower_graph(Graph(inputs, (found["after a"],)))
    [loop] = loops(plan)
    written = {
        place.buffer
        for step in loop.steps
        if isinstance(step, Launch)
        for parameter, place in zip(step.kernel.parameters, step.places)
        if parameter.writable
    }
    assert "out0" in written
    # Carry b alone takes turns between two halves; nothing else is stored.
    assert sum(b.role == "temporary" for b in plan.buffers) == 1
    initial = [place.initial for step in loop.steps for place in step.places if place.initial is not None]  # type: ignore[union-attr]
    assert {place.buffer for place in initial} == {"in1", "in2"}


def test_only_a_history_of_earlier_values_copies_the_initial_one() -> None:
    inputs, found = siblings(4, False)
    plan = lower_graph(Graph(inputs, (ops.sum(found["before a"]),)))
    assert "initial" in [step.kernel.label for step in plan.steps if isinstance(step, Launch)]
    plan = lower_graph(Graph(inputs, (ops.sum(found["after a"]),)))
    assert "initial" not in [launch.kernel.label for launch in plan.launches]


def test_a_slice_of_a_buffer_is_a_sequence_without_a_copy() -> None:
    x, a = placeholder((7, 5)), placeholder((5,))
    finals, _ = graphc.scan(lambda x, a: (a * 0.5 + x, ()), [x[2:6]], [a])
    plan = check(Graph((x, a), finals), [normal(7, 5), normal(5)])
    step, _ = plan.launches
    assert [symbolic.evaluate(p.offset, {loops(plan)[0].symbol: 1}) for p in step.places if p.buffer == "in0"] == [15]


def test_carries_may_change_places_and_stay() -> None:
    a, b, c = placeholder((3,)), placeholder((3,)), placeholder((3,))
    finals, stacked = graphc.scan(lambda a, b, c: ((b, a, c), (c,)), [], [a, b, c], length=5)
    check(Graph((a, b, c), (*finals, *stacked)), [normal(3), normal(3) + 1, normal(3) + 2])


def test_two_carries_may_have_one_new_value() -> None:
    a, b = placeholder((3,)), placeholder((3,))
    finals, stacked = graphc.scan(lambda a, b: ((a + b, a + b), (a + b,)), [], [a, b], length=4)
    check(Graph((a, b), (*finals, *stacked)), [normal(3), normal(3) + 1])


def test_loops_nest() -> None:
    x, a, w = placeholder((None, 4, 3)), placeholder((3,)), placeholder((3,))

    def outer(row: Node, a: Node, w: Node) -> tuple[Node, Node]:
        finals, stacked = graphc.scan(lambda e, b, w: (ops.sin(b * w) + e, b), [row], [a], [w])
        return finals[0], ops.sum(stacked[0], axis=0)

    finals, stacked = graphc.scan(outer, [x], [a], [w])
    plan = check(Graph((x, a, w), (*finals, *stacked)), [normal(5, 4, 3), normal(3), normal(3)])
    assert any(isinstance(step, Loop) for step in loops(plan)[0].steps)


def test_one_recurrence_feeds_the_next() -> None:
    x, a = placeholder((None, 3)), placeholder((3,))
    first, middle = graphc.scan(lambda e, a: (a * 0.5 + e, a), [x], [a])
    second, last = graphc.scan(lambda e, a: (a * 0.25 + e, a), [middle[0]], [first[0]], reverse=True)
    plan = check(Graph((x, a), (*second, *last)), [normal(6, 3), normal(3)])
    assert len(loops(plan)) == 2


def test_a_state_is_updated_from_the_last_carry() -> None:
    kept = state(normal(3), name="kept")
    x = placeholder((None, 3))
    finals, stacked = graphc.scan(lambda e, a: (a * 0.5 + e, a), [x], [kept.node])
    f = graphc.function([x], stacked[0], updates=[(kept, finals[0])])
    values, wanted = normal(6, 3), kept.get_value().astype(np.float64)
    for _ in range(2):
        before = []
        for row in values:
            before.append(wanted)
            wanted = wanted * 0.5 + row
        np.testing.assert_allclose(f(values), before, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(kept.get_value(), wanted, rtol=1e-5, atol=1e-6)


def test_temporaries_of_a_step_do_not_overlap_what_goes_on() -> None:
    """Values of one step share memory; nothing else does while the loop runs."""
    x, a = placeholder((None, 8, 64)), placeholder((8, 64))

    def step(x: Node, a: Node) -> tuple[Node, tuple[()]]:
        for _ in range(3):
            a = ops.tanh((a + x) @ ops.transpose(a) @ a)
        return a, ()

    finals, _ = graphc.scan(step, [x], [a])
    check(Graph((x, a), (finals[0] * 2.0, ops.sum(finals[0]))), [normal(5, 8, 64) * 0.1, normal(8, 64) * 0.1])


@pytest.mark.parametrize("rows", [1, 33, 64])
@pytest.mark.parametrize("gates", [1, 3, 4])
def test_bits_do_not_depend_on_the_threads(rows: int, gates: int) -> None:
    x, a, w = placeholder((None, None, 128)), placeholder((None, 128)), placeholder((128, gates * 128))

    def step(e: Node, a: Node, w: Node) -> tuple[Node, Node]:
        z = a @ w
        return ops.tanh(sum((z[:, i * 128 : (i + 1) * 128] for i in range(gates)), e)), a

    finals, stacked = graphc.scan(step, [x], [a], [w])
    f = graphc.function([x, a, w], [*finals, *stacked])
    arrays = [normal(30, rows, 128), normal(rows, 128), normal(128, gates * 128) * (0.1 / gates)]
    results, usual = [], runtime.threads()
    for threads in (1, 2, 3):
        graphc.set_threads(threads)
        results.append(f(*arrays))
    graphc.set_threads(usual)
    for other in results[1:]:
        for got, expected in zip(other, results[0], strict=True):
            assert np.array_equal(got, expected)
    wanted = evaluate(Graph((x, a, w), (*finals, *stacked)), arrays)[0]
    for got, expected in zip(results[0], wanted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_an_operand_at_a_computed_position_is_copied() -> None:
    table, position, h = placeholder((4, 5, 3)), placeholder((), "int64"), placeholder((3,))
    (last,), _ = graphc.scan(lambda x, h: (ops.tanh(x + h), ()), [ops.gather(table, position)], [h])
    check(Graph((table, position, h), (last,)), [normal(4, 5, 3), np.array(2), normal(3)])
