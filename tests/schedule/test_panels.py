"""Large weights that stay the same are laid out in panels once; everything else is left as it is."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.graph import Graph, Node, State, evaluate
from graphc.loopir import ContractKernel
from graphc.schedule.panels import pack_panels
from tests.schedule.test_lower import normal


def weights(*shape: int) -> State:
    return State(normal(*shape) * np.float32(0.1), "w")


def panels_of(graph: Graph) -> list[tuple[object, ...]]:
    return [n.inputs[0].shape for n in pack_panels(graph).nodes if n.op.name == "contract" for n in n.inputs[1:]]


@pytest.mark.parametrize(
    ("columns", "width"), [(256, 32), (192, 32), (240, 48), (416, 32), (328, 41), (1000, 40), (202, None)]
)
def test_the_width_of_panels_divides_the_columns_and_fills_vectors(columns: int, width: int | None) -> None:
    x, w = graphc.placeholder((None, 1031)), weights(1031, columns)
    graph = Graph((x,), (ops.matmul(x, w.node),))
    assert panels_of(graph) == ([] if width is None else [(columns // width, 1031, width)])


def convolution(w: State) -> tuple[Node, Node]:
    x = graphc.placeholder((None, 6, 5, w.node.shape[2]), name="x")
    return x, ops.maximum(ops.convolution(x, w.node, 1, "same") + 0.5, 0.0)


@pytest.mark.parametrize("shape", [(1, 1, 363, 384), (3, 2, 131, 192)])
def test_values_are_those_of_the_weights_as_they_lie(shape: tuple[int, ...]) -> None:
    w = weights(*shape)
    x, y = convolution(w)
    f = graphc.function([x], y)
    rows = normal(3, 6, 5, shape[2])
    for _ in range(2):
        [wanted], _ = evaluate(Graph((x,), (y,)), [rows])
        np.testing.assert_allclose(f(rows), wanted, rtol=2e-5, atol=2e-5)
        w.set_value(-2 * w.get_value())


def test_panels_are_kept_and_the_epilogue_stays_in_the_kernel() -> None:
    x, y = convolution(weights(1, 1, 363, 384))
    plan = graphc.function([x], y).plan
    assert plan.prepared == 1
    [kept] = [b for b in plan.buffers if b.role == "kept"]
    assert kept.size == 363 * 384
    [launch] = plan.launches[1:]
    assert isinstance(launch.kernel, ContractKernel) and launch.kernel.column[1] == 32


def test_matrices_that_go_in_step_have_panels_each() -> None:
    x, w = graphc.placeholder((3, None, 211)), weights(3, 211, 256)
    y = ops.contract(x, w.node, [(2, 1)], [(0, 0)])
    graph = Graph((x,), (y,))
    assert panels_of(graph) == [(3, 8, 211, 32)]
    rows = normal(3, 7, 211)
    [wanted], _ = evaluate(graph, [rows])
    np.testing.assert_allclose(graphc.function([x], y)(rows), wanted, rtol=2e-5, atol=2e-5)


def test_products_by_tiles_have_kernels_made_ready_in_panels() -> None:
    w = weights(3, 3, 72, 128)
    x, y = convolution(w)
    f = graphc.function([x], y)
    rows = normal(2, 6, 5, 72)
    [wanted], _ = evaluate(Graph((x,), (y,)), [rows])
    np.testing.assert_allclose(f(rows), wanted, rtol=2e-5, atol=2e-5)
    # Written in panels at once; what is on the way there is not kept.
    assert [b.size for b in f.plan.buffers if b.role == "kept"] == [16 * 72 * 128]
    assert [launch.kernel.label for launch in f.plan.launches[:2]] == ["contract", "contract"]
    [product] = [k for launch in f.plan.launches[2:] if isinstance(k := launch.kernel, ContractKernel)]
    assert product.column[1] == 32 and f.plan.prepared == 2


def test_what_changes_is_small_or_huge_stays_as_it_is() -> None:
    x = graphc.placeholder((None, 1031))
    small, w, huge = weights(1031, 64), weights(1031, 256), weights(1031, 4160)
    given = graphc.placeholder((1031, 256))
    for graph in (
        Graph((x,), (ops.matmul(x, small.node),)),
        Graph((x,), (ops.matmul(x, huge.node),)),
        Graph((x, given), (ops.matmul(x, given),)),
        Graph((x,), (ops.matmul(x, w.node),), ((w.node, w.node * 0.5),)),
        Graph((x,), (ops.matmul(x, ops.concatenate([w.node, w.node], 1)[:, :256]),)),
        Graph((), (ops.matmul(ops.ones((7, 1031)), w.node),)),
    ):
        assert panels_of(graph) == []


def test_layers_in_a_row_are_one_kernel_each() -> None:
    """What the next product reads as rows is written by the one before it, whose columns are in panels."""
    x = graphc.placeholder((None, 5, 7, 512), name="x")
    y, states = x, [weights(1, 1, 512, 512) for _ in range(3)]
    for w in states:
        y = ops.maximum(ops.convolution(y, w.node), 0.0)
    assert len(graphc.function([x], y).plan.launches) == 6
