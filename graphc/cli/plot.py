"""`graphc plot`: a picture of a model, a graph or a compiled function."""

from __future__ import annotations

from typing import Any

from graphc import viz
from graphc.cli.target import CommandError, find_objects
from graphc.errors import GraphcError
from graphc.graph import Graph, Node


def plot(target: str, output: str, ops: bool, direction: viz.Direction, expand_nested: bool = False) -> int:
    """Write the picture and return 0. Raises CommandError where not exactly one thing to draw is found."""
    if ":" in target:
        found = find_objects(target, _can_be_drawn, "model, graph or compiled function")
    else:
        found = find_objects(target, viz.is_model, "model")
    if len(found) > 1:
        raise CommandError(f"'{target}' has several models: choose one with {target}:NAME out of {', '.join(found)}")
    [(name, value)] = found.items()
    title = str(getattr(value, "name", None) or name)
    try:
        path = viz.plot(value, ops, title, direction, expand_nested=expand_nested).save(output)
    except (GraphcError, OSError) as error:
        raise CommandError(str(error)) from None
    print(path)
    return 0


def _can_be_drawn(value: Any) -> bool:
    is_graph = isinstance(value, (Graph, Node)) or isinstance(getattr(value, "graph", None), Graph)
    return is_graph or viz.is_model(value)
