"""Chains of kernels run strip by strip where that keeps memory out of the way; their values are those of whole rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import CompileError
from graphc.graph import Graph, Node, State, evaluate
from graphc.loopir import ContractKernel, Launch, Loop, Plan, evaluate_plan, format_plan, verify_plan
from graphc.passes import run_pipeline
from graphc.records import replace
from graphc.runtime.symbols import set_threads, threads
from graphc.schedule import bands, lower_graph
from tests.schedule.test_lower import normal

CHAIN = ["winograd_tiles", "contract", "winograd_join+maximum"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Strips of small images too; the number of threads restored."""
    monkeypatch.setattr(bands, "LEAST_BYTES", 0)
    monkeypatch.setattr(bands, "MOST_READ_AGAIN", 1000)
    monkeypatch.setattr(bands, "LEAST_STRIPS", 7)
    before = threads()
    yield
    set_threads(before)


def weights(channels: int, results: int) -> State:
    return State(normal(3, 3, channels, results) * np.float32(0.1), "w")


def convolved(x: Node, w: Node) -> Node:
    return ops.maximum(ops.convolution(x, w, 1, "same"), 0.0)


def one_layer(height: int, width: int) -> tuple[Node, Node]:
    x = graphc.placeholder((None, height, width, 33), name="x")
    return x, convolved(x, weights(33, 34).node)


def lowered(graph: Graph) -> Plan:
    plan = lower_graph(run_pipeline(graph).graph, for_cpu=True)
    verify_plan(plan)
    return plan


def loops(plan: Plan) -> list[Loop]:
    return [step for step in plan.steps if isinstance(step, Loop)]


def labels(loop: Loop) -> list[str]:
    return [step.kernel.label for step in loop.steps if isinstance(step, Launch)]


# Rows of tiles: 14, 8 with a last one that is not whole, 7 and 9.
@pytest.mark.parametrize(("height", "width"), [(28, 10), (15, 13), (14, 9), (18, 12)])
def test_values_are_those_of_whole_images_whatever_the_threads(height: int, width: int) -> None:
    x, y = one_layer(height, width)
    graph = Graph((x,), (y,))
    plan = lowered(graph)
    assert [labels(loop) for loop in loops(plan)] == [CHAIN]
    images = normal(3, height, width, 33)
    [wanted], _ = evaluate(graph, [images])
    [found], _ = evaluate_plan(plan, [images])
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    f = graphc.function([x], y)
    set_threads(1)
    alone = f(images)
    np.testing.assert_allclose(alone, wanted, rtol=2e-5, atol=2e-5)
    for count in (2, 5):
        set_threads(count)
        np.testing.assert_array_equal(f(images), alone)


def test_a_strip_takes_its_own_memory_alone() -> None:
    x, y = one_layer(28, 10)
    plan = lowered(Graph((x,), (y,)))
    private = {b.name: b for b in plan.buffers if b.role == "private"}
    # Two rows of five tiles, 16 places each, of 33 and of 34 channels; planes are 16 elements further apart.
    assert [b.size for b in private.values()] == [16 * (2 * 5 * 33 + 16), 16 * (2 * 5 * 34 + 16)]
    # What the arena holds is on the way to the kernels made ready.
    assert [b.size for b in plan.buffers if b.role == "temporary"] == [4 * 3 * 33 * 34]
    assert plan.private == 64 * (5 * 2 * 33 + 16 + 5 * 2 * 34 + 16)
    [loop] = loops(plan)
    product = loop.steps[1]
    assert isinstance(product, Launch) and isinstance(product.kernel, ContractKernel)
    assert product.kernel.row[1] == 10
    assert "loop strip < 7*x" in format_plan(plan) and "# iterations apart" in format_plan(plan)


def test_the_most_rows_that_leave_strips_for_threads_and_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = one_layer(56, 10)
    graph = Graph((x,), (y,))
    assert [str(loop.extent)[:2] for loop in loops(lowered(graph))] == ["7*"]
    monkeypatch.setattr(bands, "MOST_BYTES", 2 * 16 * (5 * 67 + 32) * 4)
    assert [str(loop.extent)[:3] for loop in loops(lowered(graph))] == ["14*"]
    monkeypatch.setattr(bands, "MOST_BYTES", 16 * (5 * 67) * 4)
    assert not loops(lowered(graph))


def test_what_each_strip_reads_anew_must_be_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "MOST_READ_AGAIN", 1)
    x, y = one_layer(28, 10)
    # Kernels made ready: 16 * 33 * 34 elements; between the kernels there are 16 * (10 * 67 + 32).
    assert not loops(lowered(Graph((x,), (y,))))
    x, y = one_layer(28, 20)
    assert loops(lowered(Graph((x,), (y,))))


def test_buffers_that_a_cache_holds_anyway_join_no_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = one_layer(28, 10)
    graph = Graph((x,), (y,))
    monkeypatch.setattr(bands, "LEAST_BYTES", 16 * 14 * 5 * 34 * 4)
    assert not loops(lowered(graph))
    monkeypatch.setattr(bands, "LEAST_BYTES", 16 * 14 * 5 * 33 * 4)
    assert [labels(loop) for loop in loops(lowered(graph))] == [CHAIN]


def test_what_others_read_is_not_private() -> None:
    x = graphc.placeholder((None, 14, 11, 33), name="x")
    w, v = weights(33, 34), weights(34, 35)
    first = convolved(x, w.node)
    graph = Graph((x,), (convolved(first, v.node), first))
    plan = lowered(graph)
    assert [labels(loop) for loop in loops(plan)] == [CHAIN, CHAIN]
    images = normal(2, 14, 11, 33)
    found, _ = evaluate_plan(plan, [images])
    for result, wanted in zip(found, evaluate(graph, [images])[0]):
        np.testing.assert_allclose(result, wanted, rtol=2e-5, atol=2e-5)


def test_what_follows_row_by_row_goes_along() -> None:
    x = graphc.placeholder((None, 28, 12, 33), name="x")
    w, v = weights(33, 34), State(normal(1, 1, 34, 37) * np.float32(0.1), "v")
    y = ops.convolution(convolved(x, w.node), v.node)
    graph = Graph((x,), (y,))
    plan = lowered(graph)
    assert [labels(loop) for loop in loops(plan)] == [[*CHAIN, "contract"]]
    images = normal(2, 28, 12, 33)
    [found], _ = evaluate_plan(plan, [images])
    [wanted], _ = evaluate(graph, [images])
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(graphc.function([x], y)(images), wanted, rtol=2e-5, atol=2e-5)


def test_a_training_step_runs_its_gradients_in_strips() -> None:
    # Kernels are made ready between a chain's first launch and its last.
    x = graphc.placeholder((None, 28, 12, 33), name="x")
    w, v = weights(33, 34), weights(34, 35)
    loss = ops.mean(convolved(convolved(x, w.node), v.node) ** 2)
    pairs = [(s, s.node - 0.1 * g) for s, g in zip((w, v), graphc.gradients(loss, [w.node, v.node]))]
    graph = Graph((x,), (loss,), tuple((s.node, new) for s, new in pairs))
    images = normal(2, 28, 12, 33)
    _, wanted = evaluate(graph, [images])
    f = graphc.function([x], loss, updates=pairs)
    assert [labels(loop)[:2] for loop in loops(f.plan)] == [CHAIN[:2]] * 3
    set_threads(2)
    f(images)
    for state, new in zip((w, v), wanted):
        np.testing.assert_allclose(state.get_value(), new, rtol=2e-4, atol=2e-5)


def test_a_profile_has_the_launches_of_strips() -> None:
    x, y = one_layer(28, 10)
    f = graphc.function([x], y)
    for count in (1, 3):
        set_threads(count)
        profile = f.profile(normal(9, 28, 10, 33), seconds=0.01)
        assert [k.label for k in profile.kernels][-3:] == CHAIN
        assert all(k.nanoseconds > 0 and k.operations > 0 for k in profile.kernels[-3:])


def test_the_verifier_keeps_private_memory_inside() -> None:
    x, y = one_layer(28, 10)
    plan = lowered(Graph((x,), (y,)))
    outside = tuple(replace(step, apart=False) if isinstance(step, Loop) else step for step in plan.steps)
    with pytest.raises(CompileError, match=r"private tmp\d+ is used where iterations are not apart"):
        verify_plan(replace(plan, steps=outside))
    nested = tuple(replace(step, steps=(step,)) if isinstance(step, Loop) else step for step in plan.steps)
    with pytest.raises(CompileError, match="iterations that are apart have a loop inside"):
        verify_plan(replace(plan, steps=nested))
