"""Dims inside attributes: a value is a dim, a tuple of values, a body or a node of one, or anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphc import symbolic
from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.symbolic import Dim, Polynomial, Symbol


def substitute_dims(value: Any, replacements: Mapping[Symbol, Dim]) -> Any:
    """Return an attribute's value with symbols replaced in every dim of it; bodies stay as they are."""
    if isinstance(value, Polynomial):
        return symbolic.substitute(value, replacements)
    if isinstance(value, tuple):
        return tuple(substitute_dims(v, replacements) for v in value)
    return value


def dims_of(value: Any) -> Iterator[Polynomial]:
    """Yield the symbolic dims of an attribute's value, of a body those of all its nodes."""
    match value:
        case Polynomial():
            yield value
        case tuple():
            for v in value:
                yield from dims_of(v)
        case Graph():
            yield from _dims_of_nodes((*value.inputs, *value.nodes))
        case Node():
            yield from _dims_of_nodes(topological_order((value,)))


def _dims_of_nodes(nodes: Iterable[Node]) -> Iterator[Polynomial]:
    for n in nodes:
        for v in (n.shape, *n.attrs.values()):
            yield from dims_of(v)


def symbols_of(n: Node) -> set[Symbol]:
    """Return the symbols of a node's shape and attributes."""
    found: set[Symbol] = set()
    for value in (n.shape, *n.attrs.values()):
        for dim in dims_of(value):
            found |= symbolic.symbols(dim)
    return found
