"""Parts of a contraction that meet element by element are summed and combined by one kernel."""

from __future__ import annotations

import pytest

from graphc import ops
from graphc.compile import placeholder
from graphc.graph import Graph, Node
from graphc.loopir import ContractKernel, For, LoopKernel, Statement
from graphc.schedule import lower_graph
from graphc.schedule.columns import split_columns
from tests.schedule.test_lower import check, kernels, normal


def count_loops(body: tuple[Statement, ...]) -> int:
    return sum(1 + count_loops(s.body) for s in body if isinstance(s, For))


def gates(z: Node, units: int, parts: int) -> list[Node]:
    return [z[..., k * units : (k + 1) * units] for k in range(parts)]


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_gates_of_a_product_are_one_kernel(parts: int) -> None:
    x, w, b = placeholder((None, 5)), placeholder((5, 6 * parts)), placeholder((6 * parts,))
    first, *others = gates(x @ w + b, 6, parts)
    for other in others:
        first = first * ops.tanh(other)
    plan = check(Graph((x, w, b), (first,)), [normal(7, 5), normal(5, 6 * parts), normal(6 * parts)])
    [launch] = plan.launches
    assert isinstance(launch.kernel, ContractKernel) and len(launch.kernel.rights) == parts


def test_products_with_parts_of_one_matrix_share_a_kernel() -> None:
    x, w = placeholder((None, 5)), placeholder((5, 12))
    y = ops.sigmoid(x @ w[:, :6]) * (x @ w[:, 6:])
    assert kernels(check(Graph((x, w), (y,)), [normal(7, 5), normal(5, 12)])) == ["ContractKernel"]


def test_tensor_contractions_split_their_last_axis() -> None:
    x, w = placeholder((None, 3, 5)), placeholder((5, 2, 12))
    y, z = gates(ops.contract(x, w, depth=[(2, 0)]), 6, 2)
    plan = check(Graph((x, w), (y * ops.exp(z),)), [normal(4, 3, 5), normal(5, 2, 12)])
    assert kernels(plan) == ["ContractKernel"]


def test_the_whole_is_put_together_where_it_is_wanted_too() -> None:
    x, w = placeholder((None, 5)), placeholder((5, 12))
    z = x @ w + 1.0
    y, g = gates(z, 6, 2)
    check(Graph((x, w), (y * ops.sigmoid(g), z, ops.sum(x @ w, axis=0))), [normal(7, 5), normal(5, 12)])


@pytest.mark.parametrize(
    "bounds", [((0, 4), (4, 12)), ((0, 5), (5, 10)), ((0, 6), (0, 6)), ((3, 9), (6, 12)), ((0, 2), (2, 4))]
)
def test_uneven_overlapping_and_many_parts_stay_whole(bounds: tuple[tuple[int, int], ...]) -> None:
    x, w = placeholder((None, 5)), placeholder((5, 12))
    z = x @ w
    graph = Graph((x, w), tuple(ops.tanh(z[:, low:high]) for low, high in bounds))
    assert split_columns(graph) is graph
    check(graph, [normal(7, 5), normal(5, 12)])


def test_products_with_other_left_operands_keep_their_own_kernels() -> None:
    x, y, w = placeholder((None, 5)), placeholder((None, 5)), placeholder((5, 12))
    plan = check(Graph((x, y, w), (x @ w[:, :6], y @ w[:, 6:])), [normal(7, 5), normal(4, 5), normal(5, 12)])
    assert len(plan.launches) == 2


def test_a_product_that_needs_another_ones_result_comes_after_it() -> None:
    """The candidate of a gated unit whose reset comes first: two products of one matrix, not one kernel."""
    x, h, w = placeholder((None, 6)), placeholder((None, 6)), placeholder((6, 18))
    z, r = gates(ops.sigmoid(x @ w[:, :12]), 6, 2)
    graph = Graph((x, h, w), (z * h + ops.tanh((r * h) @ w[:, 12:]),))
    plan = check(graph, [normal(7, 6), normal(7, 6), normal(6, 18)])
    assert kernels(plan) == ["ContractKernel", "ContractKernel"]


def test_sums_of_products_of_two_matrices_are_split_alike() -> None:
    x, h, w, u = placeholder((None, 5)), placeholder((None, 6)), placeholder((5, 12)), placeholder((6, 12))
    y, g = gates(x @ w + h @ u, 6, 2)
    graph = Graph((x, h, w, u), (ops.tanh(y) * ops.sigmoid(g),))
    check(graph, [normal(7, 5), normal(7, 6), normal(5, 12), normal(6, 12)])
    assert max(len(k.kernel.rights) for k in lower_graph(graph).launches if isinstance(k.kernel, ContractKernel)) == 2


def test_a_concatenation_of_equal_parts_is_stored_by_the_kernel_of_its_parts() -> None:
    x = placeholder((None, 5))
    y = placeholder(x.shape)
    parts = [ops.tanh(x) * y, ops.exp(y), ops.zeros_like(x), x]
    plan = check(Graph((x, y), (ops.concatenate(parts, axis=1),)), [normal(7, 5), normal(7, 5) + 1])
    [launch] = plan.launches
    assert launch.kernel.label == "concatenate"
    plan = check(Graph((x, y), (ops.stack(parts),)), [normal(7, 5), normal(7, 5) + 1])
    assert len(plan.launches) == 1


def test_a_concatenation_of_unequal_parts_has_a_loop_for_each_of_them() -> None:
    widths = 21, 16, 35
    parts = [placeholder((None, 3, width)) for width in widths]
    joined = ops.concatenate([ops.tanh(parts[0]), *parts[1:]], axis=2)
    plan = check(Graph(tuple(parts), (joined,)), [normal(5, 3, width) for width in widths])
    [launch] = plan.launches
    assert isinstance(launch.kernel, LoopKernel)
    [rows] = launch.kernel.body
    assert isinstance(rows, For) and rows.parallel
    assert [s.extent for s in rows.body if isinstance(s, For) and s.vector] == list(widths)


@pytest.mark.parametrize("widths", [(21, 15), (21, 16, None)])
def test_narrow_parts_and_parts_of_unknown_width_share_their_lanes(widths: tuple[int | None, ...]) -> None:
    parts = [placeholder((None, width)) for width in widths]
    plan = check(Graph(tuple(parts), (ops.concatenate(parts, axis=1),)), [normal(5, width or 19) for width in widths])
    [launch] = plan.launches
    assert isinstance(launch.kernel, LoopKernel) and count_loops(launch.kernel.body) <= 2


def test_a_concatenation_of_folded_rows_joins_their_kernel() -> None:
    x = placeholder((None, 5, 9))
    e = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    p = e / ops.sum(e, axis=-1, keepdims=True)
    plan = check(Graph((x,), (ops.concatenate([p, 1.0 - p], axis=0),)), [normal(2, 5, 9)])
    assert len(plan.launches) == 1


def test_what_reads_a_concatenation_elsewhere_comes_after_it() -> None:
    x, w = placeholder((None, 6)), placeholder((12, 5))
    joined = ops.concatenate([ops.tanh(x), ops.exp(x)], axis=1)
    plan = check(Graph((x, w), (joined[:, ::-1] * joined, joined @ w, joined)), [normal(7, 6), normal(12, 5)])
    assert len(plan.launches) == 3


def test_parts_of_what_was_put_together_are_the_parts() -> None:
    x, y = placeholder((None, 6)), placeholder((None, 12))
    p, q = gates(ops.concatenate([ops.tanh(x), ops.exp(x)], axis=1) + y, 6, 2)
    graph = Graph((x, y), (p * q,))
    check(graph, [normal(7, 6), normal(7, 12)])
    assert "concatenate" not in {n.op.name for n in split_columns(graph).nodes}
