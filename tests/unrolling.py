"""Recurrences written out step by step: what they mean, without a loop."""

from __future__ import annotations

from graphc import ops
from graphc.graph import Graph, Node, Recurrence, body_of, substitute
from graphc.symbolic import evaluate, symbols


def unrolled(graph: Graph, unknown: int = 0) -> Graph:
    """Return the graph with every recurrence written out (those inside bodies are left); `unknown` dims are so long."""

    def transform(n: Node, inputs: tuple[Node, ...]) -> Node:
        if body_of(n) is None:
            return substitute((n,), dict(zip(n.inputs, inputs, strict=True)))[0]
        recurrence = Recurrence.of(substitute((n,), dict(zip(n.inputs, inputs, strict=True)))[0])
        finals, stacked = _run(recurrence, n.attrs["value"], unknown)
        return stacked if n.attrs["carry"] is None else finals[n.attrs["carry"]]

    return graph.map(transform)


def _run(recurrence: Recurrence, value: Node | None, unknown: int) -> tuple[list[Node], Node]:
    length = evaluate(recurrence.length, dict.fromkeys(symbols(recurrence.length), unknown))
    carries = list(recurrence.carries.values())
    kept: dict[int, Node] = {}
    for position in reversed(range(length)) if recurrence.reverse else range(length):
        given = {inner: outer[position] for inner, outer in recurrence.sequences.items()} | recurrence.others
        given |= dict(zip(recurrence.carries, carries, strict=True))
        wanted = recurrence.new if value is None else (*recurrence.new, value)
        results = substitute(wanted, given)
        carries, kept[position] = list(results[: len(carries)]), results[-1]
    stacked = ops.stack([kept[position] for position in range(length)]) if value is not None else ops.zeros(())
    return carries, stacked
