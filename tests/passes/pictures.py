"""Pictures of passes: one output an example, before and after; and which rules fired on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from graphc import symbolic
from graphc.graph import Graph, Node, TensorType, format_graph, placeholder, verify_graph
from graphc.passes.rewriting import Rule, Rules

_identities = itertools.count(10**6)
batch = symbolic.symbol("batch")


def given(name: str, *shape: symbolic.Dim, dtype: str = "float32") -> Node:
    """Return a placeholder of this name and shape."""
    return placeholder(TensorType(shape, dtype), name, next(_identities))


def graph_of(inputs: Sequence[Node], *outputs: Node) -> Graph:
    """Return the graph of these outputs."""
    return Graph(tuple(inputs), outputs)


def picture(rewrite: Callable[[Graph], Graph], graph: Graph) -> str:
    """Return the text of a graph before and after a pass, which must leave it valid and the outputs' types alone."""
    verify_graph(graph)
    after = rewrite(graph)
    verify_graph(after)
    assert rewrite(after) is after, "a second run changes more"
    return f"before\n{format_graph(graph, False)}\n\nafter {rewrite.__name__}\n{format_graph(after, False)}"


def record_rules(monkeypatch: pytest.MonkeyPatch, *sets: Rules) -> tuple[set[str], set[str]]:
    """Return (the names of all rules in the sets, a set that fills with the names of those that change a node)."""
    fired: set[str] = set()

    def recorded(rule: Rule) -> Rule:
        def run(n: Node) -> Node | None:
            result = rule(n)
            if result is not None and result is not n and result.type == n.type:
                fired.add(rule.__name__)
            return result

        return run

    names = {rule.__name__ for rules in sets for found in rules.by_op.values() for rule in found}
    for rules in sets:
        monkeypatch.setattr(rules, "by_op", {op: [recorded(r) for r in found] for op, found in rules.by_op.items()})
    return names, fired
