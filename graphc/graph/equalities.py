"""The equalities between dims that a graph's shape rules assume, where types alone do not show them."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.graph.attributes import dims_of
from graphc.graph.bodies import joint_bodies
from graphc.graph.graph import Graph
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, PLACEHOLDER, STATE
from graphc.graph.types import recording_equalities
from graphc.graph.verify import inferred_type
from graphc.symbolic import Dim


def assumed_equalities(graph: Graph) -> Iterator[tuple[Dim, Dim, Node]]:
    """Yield the pairs of dims that are assumed equal, in bodies too, with the node that assumes it."""
    for n in graph.nodes:
        for a, b in equalities_of(n):
            yield a, b, n
    for joint in joint_bodies(graph.nodes).values():
        yield from assumed_equalities(joint)
    for state, new in graph.updates:
        if state.shape != new.shape and state.rank == new.rank:
            for a, b in zip(state.shape, new.shape):
                yield a, b, new


def equalities_of(n: Node) -> list[tuple[Dim, Dim]]:
    """Return the pairs of dims that a node's shape rule assumes equal."""
    if n.op is CONSTANT or n.op is PLACEHOLDER or n.op is STATE or not _has_symbols(n):
        return []
    with recording_equalities() as pairs:
        inferred_type(n)
    return pairs


def _has_symbols(n: Node) -> bool:
    """Tell whether the rule of n meets a symbol at all: an equality of ints is not worth asking for."""
    if any(True for value in n.attrs.values() for _ in dims_of(value)):
        return True
    return any(not isinstance(dim, int) for i in n.inputs for dim in i.shape)
