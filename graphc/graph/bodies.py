"""Bodies: graphs inside nodes; and families, the nodes that read several results off one recurrence."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from graphc.graph.graph import Graph
from graphc.graph.node import Node
from graphc.graph.op import rebuild


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


def joint_bodies(nodes: Iterable[Node]) -> dict[Graph, Graph]:
    """Return each body that the nodes run, with its joint graph: the inner values asked for are further outputs."""
    found: dict[Graph, dict[Node, None]] = {}
    for n in nodes:
        body = body_of(n)
        if body is not None:
            values = found.setdefault(body, {})
            if n.attrs["value"] is not None:
                values[n.attrs["value"]] = None
    return {body: Graph(body.inputs, (*body.outputs, *values)) for body, values in found.items()}


def map_bodies(graph: Graph, rewrite: Callable[[Graph], Graph]) -> Graph:
    """Return the graph with each joint body replaced by what `rewrite` makes of it, for all that run it alike.

    `rewrite` keeps the number of inputs and outputs. The same graph where it changes no body.
    """
    attrs: dict[tuple[Graph, Node | None], dict[str, Any]] = {}
    for body, joint in joint_bodies(graph.nodes).items():
        after = rewrite(joint)
        if after is joint:
            continue
        count = len(body.outputs)
        new = Graph(after.inputs, after.outputs[:count])
        attrs[body, None] = {"body": new}
        for value, replaced in zip(joint.outputs[count:], after.outputs[count:], strict=True):
            attrs[body, value] = {"body": new, "value": replaced}
    if not attrs:
        return graph

    def transform(n: Node, inputs: tuple[Node, ...]) -> Node:
        body = body_of(n)
        changed = None if body is None else attrs.get((body, n.attrs["value"]))
        return rebuild(n, inputs, None if changed is None else {**n.attrs, **changed})

    return graph.map(transform)
