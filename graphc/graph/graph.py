"""Graph: what to compute. Inputs, outputs and updates; pure data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphc.graph.node import Node
from graphc.graph.op import PLACEHOLDER, STATE, rebuild

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class Graph:
    """Outputs and state updates as functions of inputs.

    `inputs` are placeholders, in the order a call gives them; `updates` are pairs (state node, new value).
    All updates see the values from before the step.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[Node, Node], ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """The nodes that must be computed: outputs, then new values of states."""
        return self.outputs + tuple(new for _, new in self.updates)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node that the roots need, producers before consumers (unused inputs are not among them)."""
        return topological_order(self.roots)

    @property
    def states(self) -> tuple[Node, ...]:
        """The state nodes read or updated, in order of identity."""
        found = {n for n in self.nodes if n.op is STATE} | {state for state, _ in self.updates}
        return tuple(sorted(found, key=lambda n: n.attrs["identity"]))

    @property
    def free_placeholders(self) -> tuple[Node, ...]:
        """Placeholders that are used and not among the inputs."""
        given = set(self.inputs)
        return tuple(n for n in self.nodes if n.op is PLACEHOLDER and n not in given)

    @property
    def interning_key(self) -> object:
        """What tells this graph from others where it is an attribute: equal graphs make equal nodes."""
        groups = (self.inputs, self.outputs, *self.updates)
        return "graph", *(tuple(map(id, nodes)) for nodes in groups)

    def consumers(self) -> dict[Node, list[Node]]:
        """Return every node's consumers, one entry for each use."""
        result: dict[Node, list[Node]] = {n: [] for n in self.nodes}
        for n in self.nodes:
            for source in n.inputs:
                result[source].append(n)
        return result

    def map(self, transform: Callable[[Node, tuple[Node, ...]], Node]) -> Graph:
        """Return the graph with each node replaced by `transform(node, new_inputs)`, producers first."""
        new: dict[Node, Node] = {}
        for n in self.nodes:
            new[n] = transform(n, tuple(new[i] for i in n.inputs))
        return Graph(
            self.inputs,
            tuple(new[n] for n in self.outputs),
            tuple((state, new[value]) for state, value in self.updates),
        )

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """Return a networkx view: vertices keyed by position, with op, type, layer and source; an edge per argument."""
        import networkx  # only tools and tests ask for it, and it takes a tenth of a second to import

        view: Any = networkx.MultiDiGraph()
        position = {n: i for i, n in enumerate(self.nodes)}
        for n, i in position.items():
            view.add_node(
                i, op=n.op.name, type=str(n.type), name=n.attrs.get("name"),
                layer=n.provenance.layer, source=n.provenance.source, output=n in self.outputs,
            )  # fmt: skip
            for argument, source in enumerate(n.inputs):
                view.add_edge(position[source], i, argument=argument)
        return view


def topological_order(roots: Iterable[Node], leaves: Collection[Node] = ()) -> tuple[Node, ...]:
    """Return every node the roots need, producers before consumers; iterative, so that depth has no limit.

    What only `leaves` need is left out. (Give a set or a dict: each node is looked up in it.)
    """
    order: list[Node] = []
    done: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            n, expanded = stack.pop()
            if n in done:
                continue
            if expanded or n in leaves:
                done.add(n)
                order.append(n)
                continue
            stack.append((n, True))
            stack.extend((i, False) for i in reversed(n.inputs) if i not in done)
    return tuple(order)


def substitute(roots: Iterable[Node], replacements: dict[Node, Node]) -> tuple[Node, ...]:
    """Return the roots with nodes replaced; replacements are not looked into again."""
    roots = tuple(roots)
    new = dict(replacements)
    pending: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while pending:
        n, expanded = pending.pop()
        if n in new:
            continue
        if expanded:
            new[n] = rebuild(n, tuple(new[i] for i in n.inputs))
            continue
        pending.append((n, True))
        pending.extend((i, False) for i in n.inputs if i not in new)
    return tuple(new[root] for root in roots)
