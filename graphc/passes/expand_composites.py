"""expand_composites: composite ops become their bodies."""

from __future__ import annotations

from graphc.errors import GraphError
from graphc.graph import Graph, Node
from graphc.passes.rewriting import sweep


def expand_composites(graph: Graph) -> Graph:
    """Replace each composite by its body, and the composites in it by theirs; afterwards only primitives are left.

        %1 = softplus(%0)   ->   %1 = absolute(%0) ... %6 = add(%2, %5)

    Runs after `stabilise`, which still wants to see `softmax` as one node.
    """
    return sweep(graph, _body)


def _body(n: Node) -> Node | None:
    if n.op.kind != "composite":
        return None
    assert n.op.expand is not None
    body = n.op.expand(*n.inputs, **n.attrs)
    if body.type != n.type:
        raise GraphError(f"the body of {n.op.name} is {body.type}, the node {n.type}")
    return body
