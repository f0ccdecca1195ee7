"""plot(): a picture of whatever it is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphc.errors import GraphcError
from graphc.graph import Graph, Node
from graphc.loopir import Plan
from graphc.viz.models import is_model, picture_of_model
from graphc.viz.picture import Direction, Picture
from graphc.viz.programs import picture_of_graph, picture_of_plan


def plot(
    value: Any,
    ops: bool = False,
    title: str | None = None,
    direction: Direction = "TB",
    shapes: bool = True,
    names: bool = True,
    expand_nested: bool = False,
) -> Picture:
    """Return a picture of a model, a graph, a node, several nodes, a plan or an executable.

    A model is drawn as its layers, with their `names` and `shapes` (with `expand_nested`, also those of models in
    it); with `ops`, as the graph of operations from its inputs to its outputs. An executable is drawn as the graph
    that it computes. `direction` is TB (top to bottom) or LR (left to right).
    Raises GraphcError for anything else.
    """
    if isinstance(value, Plan):
        return picture_of_plan(value, title or "plan", direction)
    if is_model(value) and not ops:
        return picture_of_model(value, title, direction, shapes, names, expand_nested)
    graph = graph_of(value)
    if graph is None:
        raise GraphcError(
            f"cannot draw a {type(value).__name__}: give a model, a graph, nodes, a plan or an executable"
        )
    return picture_of_graph(graph, title or str(getattr(value, "name", None) or "graph"), direction)


def to_dot(value: Any) -> str:
    """Return `plot(value)` in Graphviz's language."""
    return plot(value).dot


def to_svg(value: Any) -> str:
    """Return `plot(value)` as an SVG document."""
    return plot(value).svg


def graph_of(value: Any) -> Graph | None:
    """Return the graph of a graph, a model, what holds one as `.graph`, a node or nodes; None for anything else."""
    if isinstance(value, Graph):
        return value
    if is_model(value):
        inputs, outputs = (_as_nodes(tensors) for tensors in (value.inputs, value.outputs))
        return None if inputs is None or outputs is None else Graph(inputs, outputs)
    if isinstance(getattr(value, "graph", None), Graph):
        return value.graph  # type: ignore[no-any-return]
    outputs = _as_nodes(value if isinstance(value, (list, tuple)) else [value])
    return None if not outputs else Graph((), outputs)


def _as_nodes(values: Iterable[Any] | None) -> tuple[Node, ...] | None:
    """Return the nodes of values that are nodes or hold one as `.node`; None where one is neither."""
    nodes = [value if isinstance(value, Node) else getattr(value, "node", None) for value in values or ()]
    return tuple(nodes) if all(isinstance(n, Node) for n in nodes) else None  # type: ignore[arg-type]
