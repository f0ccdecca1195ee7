"""The functions that build nodes, by name: what operators on nodes call. Filled by the ops room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.errors import GraphError

_BUILDERS: dict[str, Callable[..., Any]] = {}


def register_builder(name: str, build: Callable[..., Any]) -> None:
    """Make `build`, which returns a node, what operators on nodes call for `name`."""
    _BUILDERS[name] = build


def builder(name: str) -> Callable[..., Any]:
    """Return the function that builds nodes of this name. Raises GraphError where there is none."""
    try:
        return _BUILDERS[name]
    except KeyError:
        raise GraphError(f"no op is named '{name}'") from None
