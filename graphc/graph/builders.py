"""The functions that build nodes, by name: what operators on nodes call. Filled by the ops room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphc.errors import GraphError

if TYPE_CHECKING:
    from graphc.graph.node import Node

_BUILDERS: dict[str, Callable[..., Node]] = {}


def register_builder(name: str, build: Callable[..., Node]) -> None:
    """Make `build` what operators on nodes call for `name`."""
    _BUILDERS[name] = build


def builder(name: str) -> Callable[..., Node]:
    """Return the function that builds nodes of this name. Raises GraphError where there is none."""
    try:
        return _BUILDERS[name]
    except KeyError:
        raise GraphError(f"no op is named '{name}'") from None
