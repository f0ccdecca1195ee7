"""Fingerprints: what tells a graph from others, in any process, whatever its tensors are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.graph.op import PLACEHOLDER, REGISTRY, STATE, Op
from graphc.records import record
from graphc.symbolic import Atom, FloorDiv, Modulo, Polynomial, Symbol

# Where the rules of ops may be written that need nobody else's code to be the same tomorrow.
_KNOWN_PACKAGES = frozenset({"graphc", "numpy", "scipy", "math"})


@record
class Fingerprint:
    """The digest of a graph, and what equal digests number alike: its run-time sizes and its states.

    The digest is of ops, attributes, types, the bytes of constants and how all this hangs together; names and
    provenance are left out. Of the sizes' names it has their order, by which programs sort.
    """

    digest: str
    sizes: tuple[Symbol, ...]
    states: tuple[Any, ...]


def fingerprint(graph: Graph) -> Fingerprint | None:
    """Return a graph's fingerprint.

    None where an op or an attribute is not graphc's own, so that what it means cannot be told from outside.
    """
    writer = _Writer(graph)
    try:
        lines = writer.graph_lines(graph)
    except _Foreign:
        return None
    names = [s.name for s in writer.sizes]
    lines.append(repr(sorted(range(len(names)), key=names.__getitem__)))
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Fingerprint(digest, tuple(writer.sizes), tuple(n.attrs["state"] for n in graph.states))


class _Foreign(Exception):
    """Something that has no text of its own."""


class _Writer:
    """Graphs as lines in which nodes, bodies, sizes and states are numbers."""

    def __init__(self, graph: Graph) -> None:
        self.sizes: dict[Symbol, int] = {}
        self._states = {n: position for position, n in enumerate(graph.states)}
        self._numbers: dict[Node, int] = {}
        self._bodies: dict[Graph, int] = {}
        self._identities: dict[int, int] = {}

    def graph_lines(self, graph: Graph) -> list[str]:
        lines = [self._source_line(n) for n in graph.inputs]
        lines += self._node_lines(graph.nodes)
        lines += [self._source_line(state) for state, _ in graph.updates if state not in self._numbers]
        numbers = self._numbers
        ends = [numbers[n] for n in graph.outputs], [(numbers[state], numbers[new]) for state, new in graph.updates]
        return [*lines, repr(ends)]

    def _node_lines(self, nodes: tuple[Node, ...]) -> list[str]:
        lines: list[str] = []
        for n in nodes:
            if n in self._numbers:
                continue
            if n.op is STATE or n.op is PLACEHOLDER:
                lines.append(self._source_line(n))
                continue
            if not _is_known(n.op):
                raise _Foreign
            lines += self._body_lines(n)
            inputs = [self._numbers[i] for i in n.inputs]
            attrs = [(name, self._attribute_text(name, n.attrs[name])) for name in sorted(n.attrs)]
            self._number(n)
            lines.append(f"{n.op.name} {inputs} {attrs} {self._type_text(n)}")
        return lines

    def _source_line(self, n: Node) -> str:
        return f"{n.op.name} {self._number(n)} {self._states.get(n)} {self._type_text(n)}"

    def _body_lines(self, n: Node) -> list[str]:
        """Return the lines of the graphs and nodes among the attributes, which the node's own line has as numbers."""
        lines: list[str] = []
        for value in n.attrs.values():
            if isinstance(value, Graph) and value not in self._bodies:
                lines += [f"body {len(self._bodies)}", *self.graph_lines(value)]
                self._bodies[value] = len(self._bodies)
        for value in n.attrs.values():
            if isinstance(value, Node):
                lines += self._node_lines(topological_order((value,)))
        return lines

    def _number(self, n: Node) -> int:
        return self._numbers.setdefault(n, len(self._numbers))

    def _type_text(self, n: Node) -> str:
        return f"{n.dtype}{[d if isinstance(d, int) else self._text(d) for d in n.shape]}"

    def _attribute_text(self, name: str, value: Any) -> str:
        if name != "identity":
            return self._text(value)
        # It tells nodes apart and no more, and is another number in each process.
        return str(self._identities.setdefault(value, len(self._identities)))

    def _text(self, value: Any) -> str:
        """Return an attribute's value as text that tells -0.0 from 0.0 and 1 from True."""
        match value:
            case bool() | int() | str() | None:
                return repr(value)
            case float():
                return value.hex()
            case tuple() | list():
                return f"{type(value).__name__}({', '.join(map(self._text, value))})"
            case Polynomial():
                # In the order that they have here: programs may be written down in that order.
                terms = [(list(map(self._atom_text, monomial)), c) for monomial, c in value.terms.items()]
                return f"dim{terms}"
            case np.ndarray() | np.generic():
                data = np.ascontiguousarray(value)
                return f"array {value.dtype} {value.shape} {hashlib.sha256(data.view(np.uint8).data).hexdigest()}"
            case Graph():
                return f"body {self._bodies[value]}"
            case Node():
                return f"node {self._numbers[value]}"
        raise _Foreign

    def _atom_text(self, atom: Atom) -> str:
        match atom:
            case Symbol(extent=None):
                return f"size {self.sizes.setdefault(atom, len(self.sizes))}"
            case FloorDiv(numerator, divisor):
                return f"{self._text(numerator)} // {self._text(divisor)}"
            case Modulo(numerator, divisor):
                return f"{self._text(numerator)} % {self._text(divisor)}"
        raise _Foreign


@cache
def _is_known(op: Op) -> bool:
    """Tell whether all rules of an op were written in graphc, or in the libraries it stands on."""
    rules: tuple[Callable[..., Any] | None, ...] = (
        op.infer, op.ref, op.lower, op.lift, op.together, op.expand, op.grad,
    )  # fmt: skip
    origins = {(getattr(rule, "__module__", None) or "numpy").split(".")[0] for rule in rules if rule is not None}
    return REGISTRY.get(op.name) is op and origins <= _KNOWN_PACKAGES
