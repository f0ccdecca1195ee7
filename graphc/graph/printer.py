"""Graphs as text to read (flat SSA) and as Python that rebuilds them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from graphc import symbolic
from graphc.errors import GraphError
from graphc.graph.attributes import symbols_of
from graphc.graph.bodies import body_of, joint_bodies
from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, PLACEHOLDER, STATE
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Polynomial, Symbol

_SHOWN_ELEMENTS = 6
_LITERAL_ELEMENTS = 64


def format_graph(graph: Graph, provenance: bool = True) -> str:
    """Return the graph as flat SSA text: a line per node, inputs first, then `return` and `update` lines.

    A body stands indented before the first node that runs it; its nodes have numbers of their own. `provenance` ends
    a line with the node's layer and the user's line (the file's name without its folder).
    """
    return "\n".join(_Text(provenance).graph_lines(graph))


def _order(graph: Graph) -> tuple[Node, ...]:
    """Every node of the graph, producers first: inputs, then the others, then updated states that nothing reads."""
    return topological_order((*graph.inputs, *graph.roots, *(state for state, _ in graph.updates)))


class _Text:
    """Text of a graph and of the bodies in it, which get names b0, b1, ... as they are met."""

    def __init__(self, provenance: bool) -> None:
        self.provenance = provenance
        self.bodies: dict[Graph, str] = {}
        self.inner: dict[Graph, dict[Node, str]] = {}

    def graph_lines(self, graph: Graph) -> Iterator[str]:
        order = _order(graph)
        names = {n: f"%{position}" for position, n in enumerate(order)}
        yield f"graph({', '.join(names[n] for n in graph.inputs)})"
        yield from self._node_lines(order, names)
        yield from (f"  update {names[state]} <- {names[new]}" for state, new in graph.updates)
        yield f"  return {', '.join(names[n] for n in graph.outputs)}"

    def _node_lines(self, order: Sequence[Node], names: dict[Node, str]) -> Iterator[str]:
        joint = joint_bodies(order)
        for n in order:
            body = body_of(n)
            if body is not None and body not in self.bodies:
                yield from (f"  {line}" for line in self._body_lines(body, joint[body]))
            comment = _comment(n) if self.provenance else ""
            yield f"  {names[n]} = {self._call_text(n, names)} : {n.type}{comment}"

    def _body_lines(self, body: Graph, joint: Graph) -> Iterator[str]:
        self.bodies[body] = name = f"b{len(self.bodies)}"
        order = _order(joint)
        names = self.inner[body] = {n: f"%{name}.{position}" for position, n in enumerate(order)}
        yield f"body {name}({', '.join(names[n] for n in body.inputs)})"
        yield from self._node_lines(order, names)
        yield f"  return {', '.join(names[n] for n in body.outputs)}"

    def _call_text(self, n: Node, names: dict[Node, str]) -> str:
        if n.op is PLACEHOLDER or n.op is STATE:
            return f"{n.op.name} {n.attrs['name']}"
        if n.op is CONSTANT:
            return f"constant {_array_text(n.attrs['value'])}"
        arguments = [names[i] for i in n.inputs]
        arguments += [f"{name}={self._attribute_text(value, n)}" for name, value in n.attrs.items()]
        return f"{n.op.name}({', '.join(arguments)})"

    def _attribute_text(self, value: Any, n: Node) -> str:
        match value:
            case tuple():
                return f"({', '.join(self._attribute_text(v, n) for v in value)}{',' if len(value) == 1 else ''})"
            case Graph():
                return self.bodies[value]
            case Node():
                return self.inner[n.attrs["body"]][value]
            case Polynomial():
                return str(value)
        return repr(value)


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.size > _SHOWN_ELEMENTS:
        first = ", ".join(map(str, array.reshape(-1)[:2].tolist()))
        return f"[{first}, ..]"
    return str(array.tolist())


def _comment(n: Node) -> str:
    layer = f"layer '{n.provenance.layer}'" if n.provenance.layer else ""
    source = PurePath(n.provenance.source).name if n.provenance.source else ""
    text = ", ".join(part for part in (layer, source) if part)
    return f"  # {text}" if text else ""


def format_python(graph: Graph) -> str:
    """Return Python that defines `build(states)`, which gives back the same graph.

    `states` maps each state's identity to its State. Nodes are interned, so what `build` returns consists of the
    very nodes of `graph`. Raises GraphError for an attribute that has no literal.
    """
    order = _with_bodies(_order(graph))
    names: dict[Node | Graph, str] = {n: f"n{position}" for position, n in enumerate(order)}
    bodies = dict.fromkeys(body for n in order if (body := body_of(n)) is not None)
    names |= {body: f"b{position}" for position, body in enumerate(bodies)}
    symbols = sorted({s for n in order for s in symbols_of(n)}, key=lambda s: s.name)
    written = {s: f"d{position}" for position, s in enumerate(symbols)}
    return "\n".join(_python_lines(graph, order, names, written)) + "\n"


def _with_bodies(order: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes, each node with a body after all nodes of the body."""
    joint = joint_bodies(order)
    result: dict[Node, None] = {}
    for n in order:
        body = body_of(n)
        if body is not None:
            result |= dict.fromkeys(_with_bodies(_order(joint[body])))
        result[n] = None
    return tuple(result)


def _python_lines(
    graph: Graph, order: tuple[Node, ...], names: dict[Node | Graph, str], symbols: dict[Symbol, str]
) -> Iterator[str]:
    yield "import numpy as np"
    yield ""
    yield "import graphc.ops"
    yield "from graphc.dtypes import numpy_dtype"
    yield "from graphc.graph import REGISTRY, Graph, TensorType, apply, constant, placeholder"
    yield "from graphc.symbolic import symbol"
    yield ""
    yield ""
    yield "def build(states):"
    for s, name in symbols.items():
        yield f"    {name} = symbol({s.name!r})"
    written: set[Graph] = set()
    for n in order:
        body = body_of(n)
        if body is not None and body not in written:
            written.add(body)
            yield f"    {names[body]} = {_python_graph(body, names)}"
        yield f"    {names[n]} = {_python_node(n, names, symbols)}"
    yield f"    return {_python_graph(graph, names)}"


def _python_graph(graph: Graph, names: dict[Node | Graph, str]) -> str:
    inputs = _python_tuple([names[n] for n in graph.inputs])
    outputs = _python_tuple([names[n] for n in graph.outputs])
    updates = _python_tuple([f"({names[state]}, {names[new]})" for state, new in graph.updates])
    return f"Graph({inputs}, {outputs}, {updates})"


def _python_node(n: Node, names: dict[Node | Graph, str], symbols: dict[Symbol, str]) -> str:
    if n.op is STATE:
        return f"states[{n.attrs['identity']}].node"
    if n.op is CONSTANT:
        return _python_constant(n)
    if n.op is PLACEHOLDER:
        type_ = f"TensorType({_literal(n.shape, symbols)}, {n.dtype!r})"
        return f"placeholder({type_}, {n.attrs['name']!r}, {n.attrs['identity']})"
    arguments = [f"REGISTRY[{n.op.name!r}]", *(names[i] for i in n.inputs)]
    for name, value in n.attrs.items():
        arguments.append(f"{name}={names[value] if isinstance(value, (Node, Graph)) else _literal(value, symbols)}")
    return f"apply({', '.join(arguments)})"


def _python_constant(n: Node) -> str:
    array: np.ndarray[Any, Any] = n.attrs["value"]
    exact = n.dtype not in ("float16", "bfloat16") and (array.dtype.kind != "f" or bool(np.isfinite(array).all()))
    if exact and array.size <= _LITERAL_ELEMENTS and 0 not in array.shape:
        return f"constant({array.tolist()!r}, {n.dtype!r})"
    data = f"np.frombuffer(bytes.fromhex({array.tobytes().hex()!r}), numpy_dtype({n.dtype!r}))"
    return f"constant({data}.reshape({array.shape}), {n.dtype!r})"


def _python_tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _literal(value: Any, symbols: dict[Symbol, str]) -> str:
    match value:
        case Polynomial():
            return _literal_dim(value, symbols)
        case tuple():
            return _python_tuple([_literal(v, symbols) for v in value])
        case float() if not math.isfinite(value):
            return f"float({str(value)!r})"
        case bool() | int() | float() | str() | None:
            return repr(value)
        case np.generic():
            return f"np.frombuffer(bytes.fromhex({value.tobytes().hex()!r}), numpy_dtype({value.dtype.name!r}))[0]"
    raise GraphError(f"an attribute of type {type(value).__name__} has no literal: {value!r}")


def _literal_dim(dim: Dim, symbols: dict[Symbol, str]) -> str:
    if isinstance(dim, int):
        return str(dim)
    terms = []
    for monomial, coefficient in dim.terms.items():
        factors = [_literal_atom(atom, symbols) for atom in monomial]
        terms.append(" * ".join(factors if coefficient == 1 and factors else [str(coefficient), *factors]))
    if len(terms) == 1 and terms[0].isidentifier():
        return terms[0]
    return f"({' + '.join(terms)})"


def _literal_atom(atom: Atom, symbols: dict[Symbol, str]) -> str:
    match atom:
        case Symbol():
            return symbols[atom]
        case FloorDiv(numerator, divisor):
            return f"({_literal_dim(numerator, symbols)} // {_literal_dim(divisor, symbols)})"
        case Modulo(numerator, divisor):
            return f"({_literal_dim(numerator, symbols)} % {_literal_dim(divisor, symbols)})"
    raise GraphError(f"the computed dim {symbolic.Polynomial({(atom,): 1})} has no literal")
