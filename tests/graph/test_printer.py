"""Graphs as text, and as Python that gives the same graph back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from graphc import ops, symbolic
from graphc.errors import GraphError
from graphc.graph import (
    Graph,
    Node,
    State,
    TensorType,
    apply,
    constant,
    format_graph,
    format_python,
    layer_scope,
    placeholder,
)
from tests.strategies import Program, programs, recurrent_programs

batch = symbolic.symbol("batch")


def example() -> Graph:
    x = placeholder(TensorType((batch, 3), "float32"), "x", 2_000_001)
    k = placeholder(TensorType((batch,), "int32"), "k", 2_000_002)
    weights = State(np.ones((3, 5), np.float32), "weights")
    total = State(np.float32(0), "total")
    hidden = ops.relu(x @ weights.node)
    row = constant(np.arange(7, dtype=np.float64))
    return Graph((x, k), (ops.gather(hidden, k), ops.sum(row)), ((total.node, ops.mean(hidden)),))


def rebuilt(graph: Graph) -> Graph:
    namespace: dict[str, object] = {}
    exec(format_python(graph), namespace)
    states = {n.attrs["identity"]: n.attrs["state"] for n in graph.states}
    result = namespace["build"](states)  # type: ignore[operator]
    assert isinstance(result, Graph)
    return result


def test_text(golden: Callable[[str, str], None]) -> None:
    golden("graph/example.txt", format_graph(example(), provenance=False))


def test_python(golden: Callable[[str, str], None]) -> None:
    graph = example()
    text = format_python(graph)
    for n in graph.states:
        text = text.replace(f"states[{n.attrs['identity']}]", f"states[{n.attrs['name']!r}]")
    golden("graph/example.py.txt", text)


def test_layer_and_line_end_a_line() -> None:
    x = placeholder(TensorType((3,), "float32"), "x", 2_000_003)
    with layer_scope("outer"), layer_scope("inner"):
        n = ops.exp(x)
    line = format_graph(Graph((x,), (n,))).splitlines()[2]
    assert line.startswith("  %1 = exp(%0) : float32[3]  # layer 'outer/inner', test_printer.py:")


def test_python_gives_the_same_nodes() -> None:
    graph = example()
    assert rebuilt(graph) == graph


def constants() -> list[Node]:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1 / 3]
    arrays = [
        np.array(special), np.array(special, np.float32), np.array([True, False]), np.array(-(2**63)), np.zeros((0, 3)),
        np.array([[2**64 - 1]], np.uint64), np.array([0.1, 6e-8], np.float16), np.arange(100, dtype=np.int8),
    ]  # fmt: skip
    return [*map(constant, arrays), constant([0.1, 1e30], "bfloat16"), constant(True), constant(1)]


@pytest.mark.parametrize("n", constants(), ids=lambda n: str(n.type))
def test_python_gives_the_same_constants(n: Node) -> None:
    graph = Graph((), (n,))
    assert rebuilt(graph).outputs[0] is n


def test_python_gives_the_same_dims() -> None:
    x = placeholder(TensorType((batch, 3), "float32"), "x", 2_000_004)
    quotient = ops.dimension((batch * 2 + 1) // 3 * batch - 4)
    remainder = ops.dimension((batch * 5) % 7, "float64")
    graph = Graph((x,), (quotient, remainder, ops.broadcast_to(x, (2, batch, 3))))
    assert rebuilt(graph) == graph


def test_an_attribute_without_a_literal_is_refused() -> None:
    x = placeholder(TensorType((3,), "float32"), "x", 2_000_005)
    padded = ops.pad(x, [(1, 1)]).op
    n = apply(padded, x, low=(1,), high=(1,), interior=(0,), value=object())
    with pytest.raises(GraphError, match="an attribute of type object has no literal"):
        format_python(Graph((x,), (n,)))
    computed = ops.broadcast_to(constant(1.0), (symbolic.value("count"),))
    with pytest.raises(GraphError, match=r"the computed dim \[count\] has no literal"):
        format_python(Graph((), (computed,)))


@settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None, max_examples=200)
@given(programs())
def test_python_gives_random_graphs_back(program: Program) -> None:
    assert rebuilt(program.graph) == program.graph


@settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None, max_examples=100)
@given(recurrent_programs())
def test_python_gives_recurrences_back(program: Program) -> None:
    assert rebuilt(program.graph) == program.graph


def recurrent() -> Graph:
    """A recurrence inside a recurrence, two results of the inner one."""
    x = placeholder(TensorType((4, batch, 3), "float32"), "x", 2_000_006)
    h = placeholder(TensorType((batch, 3), "float32"), "h", 2_000_007)

    def inner(row: Node, total: Node) -> tuple[Node, Node]:
        return total + row, total

    def outer(rows: Node, h: Node) -> tuple[Node, Node]:
        (total,), (totals,) = ops.scan(inner, [rows], [ops.zeros((3,))])
        return h * total, ops.sum(totals, 1)

    finals, stacked = ops.scan(outer, [x], [h], reverse=True)
    return Graph((x, h), (*finals, *stacked))


def test_text_shows_bodies_where_they_are_first_run(golden: Callable[[str, str], None]) -> None:
    golden("graph/recurrent.txt", format_graph(recurrent(), provenance=False))


def test_python_gives_bodies_inside_bodies_back() -> None:
    graph = recurrent()
    assert rebuilt(graph) == graph
