"""`graphc view`: the explorer page of a model or of a compiled function."""

from __future__ import annotations

from typing import Any

from graphc import observe, viz
from graphc.cli.target import CommandError, find_objects
from graphc.errors import GraphcError
from graphc.graph import Graph, Node


def view(target: str, output: str, run: bool, rows: int) -> int:
    """Write the page and return 0. Raises CommandError where not exactly one thing to look at is found."""
    name, value = find_program(target)
    try:
        path = observe.view(value, output, run, title=str(getattr(value, "name", None) or name), rows=rows)
    except (GraphcError, OSError) as error:
        raise CommandError(str(error)) from None
    print(path)
    return 0


def find_program(target: str) -> tuple[str, Any]:
    """Return the one thing of a target that has programs, and its name. Raises CommandError for none or several."""
    found = find_objects(target, _has_program if ":" in target else viz.is_model, "model or compiled function")
    if len(found) > 1:
        raise CommandError(f"'{target}' has several models: choose one with {target}:NAME out of {', '.join(found)}")
    [(name, value)] = found.items()
    return name, value


def _has_program(value: Any) -> bool:
    is_graph = isinstance(value, (Graph, Node)) or isinstance(getattr(value, "graph", None), Graph)
    return is_graph or viz.is_model(value) or callable(getattr(value, "executable", None))
