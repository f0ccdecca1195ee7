"""The engine of rule-based passes: rules by op, applied in one sweep from producers to consumers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from graphc.errors import GraphError
from graphc.graph import Graph, Node, inheriting, map_bodies, rebuild
from graphc.passes.recording import record_rewrite

Rule: TypeAlias = Callable[[Node], Node | None]


class Rules:
    """The rules of one pass, by the op of the node they look at."""

    def __init__(self) -> None:
        self.by_op: dict[str, list[Rule]] = {}

    def rule(self, *ops: str) -> Callable[[Rule], Rule]:
        """Register a rule for nodes of these ops; its docstring is its algebra (`x * 1 -> x`).

        A rule returns a node of the same value and type that is no worse, or None where it does not apply. A result
        of another type is not taken. Raises GraphError at import for a rule without docstring.
        """

        def register(function: Rule) -> Rule:
            if not function.__doc__:
                raise GraphError(f"rule {function.__name__} needs a docstring: its algebra")
            for op in ops:
                self.by_op.setdefault(op, []).append(function)
            return function

        return register

    def first_match(self, n: Node) -> Node | None:
        """Return what the first applicable rule makes of n, None where none applies."""
        rules = self.by_op.get(n.op.name)
        if rules is None:
            return None
        for rule in rules:
            result = rule(n)
            if result is not None and result is not n and result.type == n.type:
                record_rewrite(" ".join((rule.__doc__ or "").split()), n, result)
                return result
        return None

    def rewrite(self, graph: Graph) -> Graph:
        """Return the graph with rules applied until none does; the same graph where none ever did."""
        return sweep(graph, self.first_match)


def sweep(graph: Graph, match: Rule) -> Graph:
    """Return the graph with each node replaced by what `match` makes of it; the same graph where nothing changes.

    Each node is visited once, after its inputs; what `match` returns is visited in turn. None: the node stays. What
    `match` makes has the node's layer and line.
    Bodies are swept first.
    """
    graph = map_bodies(graph, lambda body: sweep(body, match))
    done = _visit(graph.roots, match)
    if all(n is done[n] for n in graph.roots):
        return graph
    updates = tuple((state, done[new]) for state, new in graph.updates)
    return Graph(graph.inputs, tuple(done[n] for n in graph.outputs), updates)


def _visit(roots: tuple[Node, ...], match: Rule) -> dict[Node, Node]:
    """Return what becomes of every root (and of every node met on the way)."""
    done: dict[Node, Node] = {}
    becomes: dict[Node, Node] = {}
    stack: list[Node] = list(reversed(roots))
    while stack:
        n = stack[-1]
        if n in done:
            stack.pop()
            continue
        target = becomes.get(n)
        if target is not None:
            # A chain of rules that came back to n would never end: n stays as it is.
            if target not in done and target in becomes and _returns(target, n, becomes):
                done[target] = target
            if target in done:
                done[n] = done[target]
                stack.pop()
            else:
                stack.append(target)
            continue
        pending = [i for i in n.inputs if i not in done]
        if pending:
            stack.extend(reversed(pending))
            continue
        rebuilt = n if all(done[i] is i for i in n.inputs) else rebuild(n, tuple(done[i] for i in n.inputs))
        result = None
        if rebuilt not in done:
            with inheriting(rebuilt.provenance):
                result = match(rebuilt)
        if rebuilt is not n:
            record_rewrite("", n, rebuilt)
        if result is None:
            done[n] = done.setdefault(rebuilt, rebuilt)
        else:
            record_rewrite("", rebuilt, result)
            becomes[n] = result
    return done


def _returns(start: Node, n: Node, becomes: dict[Node, Node]) -> bool:
    """Tell whether following rules from `start` leads to n."""
    seen: set[Node] = set()
    while start in becomes and start not in seen:
        if start is n:
            return True
        seen.add(start)
        start = becomes[start]
    return start is n
