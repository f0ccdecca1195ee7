"""Plans compute what graphs mean, fused as intended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from graphc import ops
from graphc.compile import placeholder, state
from graphc.errors import CompileError
from graphc.graph import Graph, Node, evaluate
from graphc.loopir import ContractKernel, For, LoopKernel, Plan, evaluate_plan, verify_plan
from graphc.passes import expand_composites
from graphc.schedule import lower_graph

Array = np.ndarray[Any, Any]


def normal(*shape: int) -> Array:
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def check(graph: Graph, arrays: Sequence[Array]) -> Plan:
    """Lower the graph; compare the plan's results and new states with NumPy's; return the plan."""
    plan = lower_graph(expand_composites(graph))
    verify_plan(plan)
    results, states = evaluate_plan(plan, arrays)
    outputs, updates = evaluate(graph, arrays)
    for got, expected in zip(results, outputs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)
    by_state = {b.source: states[b.name] for b in plan.buffers if b.role == "state"}
    for (n, _), expected in zip(graph.updates, updates, strict=True):
        np.testing.assert_allclose(by_state[n.attrs["state"]], expected.ravel(), rtol=2e-5, atol=1e-6)
    return plan


def kernels(plan: Plan) -> list[str]:
    return [type(launch.kernel).__name__ for launch in plan.launches]


def test_elementwise_chain_is_one_loop() -> None:
    x = placeholder((None, 6))
    plan = check(Graph((x,), (ops.tanh(x * 2.0 + 1.0) * ops.exp(-x),)), [normal(5, 6)])
    assert len(plan.launches) == 1
    [loop] = plan.launches[0].kernel.body  # type: ignore[union-attr]
    assert isinstance(loop, For) and loop.parallel and loop.vector
    assert not any(isinstance(s, For) for s in loop.body)


def test_softmax_is_one_kernel_over_rows() -> None:
    x = placeholder((None, 7))
    e = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    plan = check(Graph((x,), (e / ops.sum(e, axis=-1, keepdims=True),)), [normal(5, 7)])
    assert kernels(plan) == ["LoopKernel"]


def test_bias_and_activation_join_the_contraction() -> None:
    x, w, b = placeholder((None, 6)), state(normal(6, 5)), state(normal(5))
    plan = check(Graph((x,), (ops.maximum(x @ w.node + b.node, 0.0),)), [normal(4, 6)])
    assert kernels(plan) == ["ContractKernel"]
    assert plan.arena == 0


def test_optimizer_update_is_the_epilogue_of_the_weight_gradient() -> None:
    x, d = placeholder((None, 6)), placeholder((None, 5))
    w, a = state(normal(6, 5)), state(np.abs(normal(6, 5)))
    g = ops.transpose(x) @ d
    new_a = 0.9 * a.node + 0.1 * ops.square(g)
    new_w = w.node - 0.01 * g / (ops.sqrt(new_a) + 1e-7)
    plan = check(Graph((x, d), (), ((w.node, new_w), (a.node, new_a))), [normal(4, 6), normal(4, 5)])
    assert kernels(plan) == ["ContractKernel"]
    assert {b.role for b in plan.buffers} == {"input", "state"}


def test_states_are_overwritten_after_their_readers() -> None:
    x, w = placeholder((None, 6)), state(normal(6, 5))
    y = x @ w.node
    g = ops.transpose(x) @ y
    plan = check(Graph((x,), (y @ ops.transpose(w.node),), ((w.node, w.node - 0.1 * g),)), [normal(4, 6)])
    writer = next(
        i
        for i, launch in enumerate(plan.launches)
        if "state0" in launch.arguments and "subtract" in launch.kernel.label
    )
    assert writer == len(plan.launches) - 1


def test_states_can_be_swapped() -> None:
    a, b = state(normal(5)), state(normal(5) + 1)
    check(Graph((), (), ((a.node, b.node), (b.node, a.node))), [])


def test_a_transposed_update_is_not_done_in_place() -> None:
    w = state(normal(5, 5))
    check(Graph((), (), ((w.node, ops.transpose(w.node) + 1.0),)), [])


def test_an_update_that_reads_a_column_norm() -> None:
    w = state(normal(6, 5))
    norm = ops.sqrt(ops.sum(ops.square(w.node), axis=0, keepdims=True))
    check(Graph((), (norm,), ((w.node, w.node / (norm + 1e-7)),)), [])


def test_an_update_that_reads_a_row_norm_twice() -> None:
    w = state(normal(6, 5))
    scaled = ops.exp(w.node / ops.sum(ops.square(w.node), axis=1, keepdims=True))
    rest = ops.sum(scaled * w.node, axis=1, keepdims=True)
    check(Graph((), (rest,), ((w.node, scaled * rest + w.node),)), [])


def test_the_same_node_as_two_outputs_and_an_input_as_output() -> None:
    x = placeholder((None, 6))
    y = ops.exp(x)
    check(Graph((x,), (y, x, y, ops.sum(y))), [normal(3, 6)])


@pytest.mark.parametrize("transposed", ["", "left", "right", "both"])
def test_contraction_operands_are_views(transposed: str) -> None:
    x = placeholder((6, 4) if transposed in ("left", "both") else (4, 6))
    y = placeholder((5, 6) if transposed in ("right", "both") else (6, 5))
    left = ops.transpose(x) if transposed in ("left", "both") else x
    right = ops.transpose(y) if transposed in ("right", "both") else y
    plan = check(Graph((x, y), (left @ right,)), [normal(*x.shape), normal(*y.shape)])  # type: ignore[arg-type]
    assert kernels(plan) == ["ContractKernel"]


def test_a_dense_layer_over_time_is_one_plain_contraction() -> None:
    x, w, b = placeholder((None, 3, 6)), state(normal(6, 5)), state(normal(5))
    plan = check(Graph((x,), (ops.tanh(x @ w.node + b.node),)), [normal(4, 3, 6)])
    assert kernels(plan) == ["ContractKernel"]
    kernel = plan.launches[0].kernel
    assert isinstance(kernel, ContractKernel) and not kernel.batch


def test_batched_contraction() -> None:
    x, y = placeholder((None, 3, 6)), placeholder((None, 6, 5))
    plan = check(Graph((x, y), (ops.matmul(x, y) * 2.0,)), [normal(4, 3, 6), normal(4, 6, 5)])
    assert kernels(plan) == ["ContractKernel"]


def test_integer_products_are_loops() -> None:
    x, y = placeholder((None, 6), "int32"), placeholder((6, 5), "int32")
    arrays = [np.arange(24, dtype=np.int32).reshape(4, 6), np.arange(30, dtype=np.int32).reshape(6, 5)]
    assert kernels(check(Graph((x, y), (x @ y,)), arrays)) == ["LoopKernel"]


def test_large_sums_are_split() -> None:
    x = placeholder((400, 300))
    plan = check(Graph((x,), (ops.sum(x),)), [normal(400, 300)])
    assert len(plan.launches) == 2


def test_temporaries_share_memory() -> None:
    x = placeholder((8, 8))
    y = x
    for _ in range(6):
        y = ops.tanh(y @ x)
    plan = check(Graph((x,), (y,)), [normal(8, 8)])
    assert plan.arena == 2 * 8 * 8 * 4


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_folds(name: str, axis: int, reverse: bool) -> None:
    x = placeholder((3, None, 5))
    check(Graph((x,), (getattr(ops, name)(x, axis, reverse) * 2.0,)), [normal(3, 4, 5)])


def test_scatter_add() -> None:
    base, indices, rows = placeholder((7, 5)), placeholder((None,), "int32"), placeholder((None, 5))
    arrays = [normal(7, 5), np.array([3, 0, 3, 6], np.int32), normal(4, 5)]
    check(Graph((base, indices, rows), (ops.scatter_add(base, indices, rows),)), arrays)


def test_scatter_add_along_a_middle_axis() -> None:
    base, indices, rows = placeholder((2, 7, 5)), placeholder((4,), "int32"), placeholder((2, 4, 5))
    arrays = [normal(2, 7, 5), np.array([3, 0, 3, 6], np.int32), normal(2, 4, 5)]
    check(Graph((base, indices, rows), (ops.scatter_add(base, indices, rows, 1),)), arrays)


def test_equal_kernels_are_one() -> None:
    x = placeholder((None, 6))
    y = x
    for _ in range(3):
        y = ops.tanh(y @ state(normal(6, 6)).node)
    plan = check(Graph((x,), (y,)), [normal(4, 6)])
    assert len({launch.kernel for launch in plan.launches}) == 1


def test_a_size_that_no_input_has_is_refused() -> None:
    x = placeholder((None, 6))
    loose: Node = ops.zeros((placeholder((None,)).shape[0], 6)) if hasattr(ops, "zeros") else x
    with pytest.raises(CompileError, match="not the size of an axis"):
        lower_graph(expand_composites(Graph((x,), (ops.exp(x), ops.exp(loose)))))


def test_only_loops_and_contractions_are_emitted() -> None:
    x = placeholder((None, 6))
    plan = check(Graph((x,), (ops.argmax(x, axis=-1), ops.mean(x, axis=0))), [normal(4, 6)])
    assert all(isinstance(launch.kernel, LoopKernel) for launch in plan.launches)


@pytest.mark.parametrize(("width", "is_soon"), [(2**14, True), (2**6, False)])
def test_what_sums_up_large_values_runs_before_others_need_memory(width: int, is_soon: bool) -> None:
    x, w = placeholder((None, width)), placeholder((width, width))
    first = ops.matmul(x, w)
    second = ops.matmul(first, w)
    plan = lower_graph(Graph((x, w), (ops.matmul(second, w), ops.sum(first, 1))))
    labels = [launch.kernel.label for launch in plan.launches]
    assert labels.index("sum") == (1 if is_soon else len(labels) - 1)
