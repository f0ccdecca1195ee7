"""Bodies: graphs inside nodes; and families, the nodes that read several results off one recurrence."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from graphc.graph.graph import Graph
from graphc.graph.node import Node


def body_of(n: Node) -> Graph | None:
    """Return the graph that a recurrence runs at each step, None for other nodes."""
    body = n.attrs.get("body")
    return body if isinstance(body, Graph) else None


def family_key(n: Node) -> Hashable:
    """Return what siblings share: nodes of one recurrence differ only in the result they stand for."""
    return n.inputs, *(n.attrs[name] for name in ("body", "length", "reverse"))


def families(nodes: Iterable[Node]) -> list[tuple[Node, ...]]:
    """Return the nodes with a body in groups of siblings, groups and siblings in the order given."""
    found: dict[Hashable, list[Node]] = {}
    for n in nodes:
        if body_of(n) is not None:
            found.setdefault(family_key(n), []).append(n)
    return [tuple(siblings) for siblings in found.values()]


def inner_values(siblings: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes of the body whose values of all steps the siblings stand for."""
    return tuple(n.attrs["value"] for n in siblings if n.attrs["value"] is not None)
