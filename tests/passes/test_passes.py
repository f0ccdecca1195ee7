"""Pictures of the passes that are not tables of rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc import ops, symbolic
from graphc.errors import ShapeError
from graphc.graph import Graph, State, constant, evaluate, format_graph, layer_scope
from graphc.passes import (
    eliminate_dead_code,
    expand_composites,
    fold_constants,
    run_pipeline,
    sink_transposes,
    unify_dims,
)
from tests.passes.pictures import batch, given, graph_of, picture

Golden = Callable[[str, str], None]
other = symbolic.symbol("other")
width = symbolic.symbol("width")


def test_unify_dims(golden: Golden) -> None:
    x, y, z = given("x", batch, 3), given("y", other, 3), given("z", width)
    graph = graph_of((x, y, z), x + y, ops.reshape(y * z, (other, 3, 1)), ops.concatenate([y, y], 0))
    golden("passes/unify_dims.txt", picture(unify_dims, graph))


def test_unified_inputs_keep_their_identity_and_order() -> None:
    x, y = given("x", batch, 3), given("y", other, 3)
    graph = unify_dims(graph_of((y, x), x + y))
    assert [n.attrs["identity"] for n in graph.inputs] == [y.attrs["identity"], x.attrs["identity"]]
    assert {n.shape for n in graph.inputs} == {(other, 3)}


def test_a_sum_of_dims_is_solved() -> None:
    x, y = given("x", batch, 3), given("y", other, 3)
    graph = unify_dims(graph_of((x, y), ops.concatenate([x, x[1:]], 0) + y))
    assert [n.shape for n in graph.inputs] == [(batch, 3), (batch * 2 - 1, 3)]


def test_updates_bind_dims_to_the_state() -> None:
    state = State(np.zeros((4, 3), np.float32), "total")
    x = given("x", batch, 3)
    graph = unify_dims(Graph((x,), (), ((state.node, x * 2.0),)))
    assert graph.inputs[0].shape == (4, 3)


def test_dims_that_cannot_be_equal_name_the_op_and_the_line() -> None:
    x, y, z = given("x", batch, 2), given("y", 3, 2), given("z", 4, 2)
    with layer_scope("merge"):
        outputs = x + y, x - z
    with pytest.raises(ShapeError, match=r"3 and 4 would have to be equal \[layer 'merge', .*test_passes.py:\d+\]"):
        unify_dims(graph_of((x, y, z), *outputs))


def test_a_graph_without_equalities_is_left_alone() -> None:
    x = given("x", batch, 3)
    graph = graph_of((x,), ops.tanh(x) + 1.0)
    assert unify_dims(graph) is graph


def test_expand_composites(golden: Golden) -> None:
    x = given("x", batch, 3)
    graph = graph_of((x,), ops.softmax(x, axis=1), ops.std(x, axis=0), ops.selu(x))
    golden("passes/expand_composites.txt", picture(expand_composites, graph))


def test_bodies_inherit_the_layer_and_the_line() -> None:
    x = given("x", batch, 3)
    with layer_scope("head"):
        n = ops.softplus(x)
    graph = expand_composites(graph_of((x,), n))
    assert {m.provenance.layer for m in graph.nodes[1:] if m.inputs} == {"head"}
    assert "test_passes.py" in format_graph(graph)


def test_fold_constants(golden: Golden) -> None:
    x = given("x", batch, 3)
    two, row = constant(2.0), constant(np.array([1.0, 2.0, 3.0], np.float32))
    graph = graph_of(
        (x,),
        x * ops.power(two, 3.0),
        x + ops.softmax(row, axis=0),
        x * ops.broadcast_to(ops.exp(two * 0.0), (batch, 3)),
        ops.where(ops.equal(constant(1, "uint8"), 0), x, -x),
        ops.cast(constant(np.array([1.7, -1.7], np.float32)), "int32"),
    )
    golden("passes/fold_constants.txt", picture(fold_constants, graph))


def test_big_results_are_not_folded() -> None:
    column, row = constant(np.ones((100, 1), np.float32)), constant(np.ones((1, 100), np.float32))
    graph = graph_of((), column @ row, ops.sum(column))
    folded = fold_constants(graph)
    assert [n.op.name for n in folded.outputs] == ["matmul", "constant"]


def test_eliminate_dead_code(golden: Golden) -> None:
    x = given("x", batch, 3)
    kept, changed = State(np.zeros(3, np.float32), "kept"), State(np.zeros(3, np.float32), "changed")
    graph = Graph((x,), (x + kept.node,), ((kept.node, kept.node), (changed.node, changed.node + 1.0)))
    golden("passes/eliminate_dead_code.txt", picture(eliminate_dead_code, graph))


def test_a_counter_that_nothing_reads_stays() -> None:
    x = given("x", batch, 3)
    counter = ops.random_state(7)
    noise = ops.random_uniform(x.shape, counter)
    advance = (counter.node, counter.default_update(counter.node))
    training = run_pipeline(Graph((x,), (x + noise,), (advance,))).graph
    inference = run_pipeline(Graph((x,), (ops.where(False, x + noise, x),), (advance,))).graph
    assert [state for state, _ in training.updates] == [counter.node]
    assert inference.updates == ()


def test_an_update_of_the_user_stays_even_if_nothing_reads_the_state() -> None:
    x = given("x", batch, 3)
    counter = ops.random_state(7)
    reset = (counter.node, ops.zeros_like(counter.node))
    assert len(run_pipeline(Graph((x,), (x,), (reset,))).graph.updates) == 1


def test_expanding_keeps_values() -> None:
    x = given("x", batch, 3)
    graph = graph_of((x,), ops.std(x, axis=0), ops.l2_normalize(x, axis=(1,)))
    values = [np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)]
    for given_value, expected in zip(evaluate(expand_composites(graph), values)[0], evaluate(graph, values)[0]):
        np.testing.assert_array_equal(given_value, expected)


def test_sink_transposes(golden: Golden) -> None:
    """Two channels_first layers: what stands between them is computed channels_last, and one transpose is left."""
    x, bias = given("x", batch, 5, 6, 3), given("bias", 3)
    first = ops.transpose(x, (0, 3, 1, 2))
    shifted = ops.maximum(first + ops.reshape(bias, (1, 3, 1, 1)), 0.0)
    scaled = shifted / ops.sum(shifted, axis=(2, 3), keepdims=True)
    padded = ops.pad(ops.concatenate([scaled, first], 1), ((0, 0), (0, 0), (1, 2), (0, 1)))
    graph = graph_of((x, bias), ops.transpose(padded, (0, 2, 3, 1)), ops.argmax(shifted, axis=1))
    golden("passes/sink_transposes.txt", picture(sink_transposes, graph))


def test_a_transpose_beside_another_full_tensor_stays() -> None:
    x, y = given("x", batch, 5, 3), given("y", batch, 3, 5)
    graph = graph_of((x, y), ops.transpose(x, (0, 2, 1)) * y)
    assert sink_transposes(graph) is graph


def test_sunk_transposes_keep_values() -> None:
    x = given("x", 4, 5, 6, 3)
    first = ops.transpose(x, (0, 3, 1, 2))
    outputs = (
        ops.mean(first, axis=(2, 3)), ops.argmax(first, axis=1), ops.max(first, axis=(0, 2)),
        ops.transpose(ops.exp(first), (0, 2, 3, 1)), ops.concatenate([first, first * 2.0], 1),
    )  # fmt: skip
    graph = expand_composites(graph_of((x,), *outputs))
    array = np.random.default_rng(3).standard_normal((4, 5, 6, 3)).astype(np.float32)
    for before, after in zip(evaluate(graph, [array])[0], evaluate(sink_transposes(graph), [array])[0], strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6)
