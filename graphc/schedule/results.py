"""Results get memory of their own: a result that no kernel can write there, or is one twice, is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.graph import Graph, Node, Op, TensorType, apply, body_of
from graphc.loopir import Expr


def _infer(t: TensorType, *, position: int) -> TensorType:
    return t


def _ref(x: Any, *, position: int) -> Any:
    return x


def _lower(n: Node, index: tuple[Any, ...], load: Callable[[int, tuple[Any, ...]], Expr]) -> Expr:
    return load(0, index)


# Not in the registry: it exists between a graph and its plan only. `position` keeps two copies of a node apart.
COPY = Op("copy", "elementwise", "The same value in memory of its own.", infer=_infer, ref=_ref, lower=_lower)


def separate_results(graph: Graph) -> Graph:
    """Return the graph with each root a distinct node that a kernel computes."""
    seen: set[Node] = set()
    roots: list[Node] = []
    outputs = len(graph.outputs)
    for position, root in enumerate(graph.roots):
        if (
            root.op.kind == "source"
            or root in seen
            or (body_of(root) is not None and not _is_stored(root, position < outputs))
        ):
            root = copy_of(root, position)
        seen.add(root)
        roots.append(root)
    updates = tuple((state, new) for (state, _), new in zip(graph.updates, roots[outputs:]))
    return Graph(graph.inputs, tuple(roots[:outputs]), updates)


def _is_stored(n: Node, is_output: bool) -> bool:
    """Tell whether n can be stored where it is wanted; of recurrences, outputs in the order of their steps can."""
    body = body_of(n)
    if body is None:
        return True
    return is_output and n.attrs["value"] is not None and n.attrs["value"] not in body.inputs


def copy_of(n: Node, position: int) -> Node:
    """Return a node with n's value that is told apart by `position`."""
    return apply(COPY, n, position=position)
