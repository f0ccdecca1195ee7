"""Graphs as text to read (flat SSA) and as Python that rebuilds them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np

from graphc import symbolic
from graphc.errors import GraphError
from graphc.graph.attributes import symbols_of
from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, PLACEHOLDER, STATE
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Polynomial, Symbol

_SHOWN_ELEMENTS = 6
_LITERAL_ELEMENTS = 64


def format_graph(graph: Graph, provenance: bool = True) -> str:
    """Return the graph as flat SSA text: a line per node, inputs first, then `return` and `update` lines.

    `provenance` ends a line with the node's layer and the user's line (the file's name without its folder).
    """
    order = _order(graph)
    names = {n: f"%{position}" for position, n in enumerate(order)}
    lines = [f"graph({', '.join(names[n] for n in graph.inputs)})"]
    for n in order:
        comment = _comment(n) if provenance else ""
        lines.append(f"  {names[n]} = {_call_text(n, names)} : {n.type}{comment}")
    lines += [f"  update {names[state]} <- {names[new]}" for state, new in graph.updates]
    lines.append(f"  return {', '.join(names[n] for n in graph.outputs)}")
    return "\n".join(lines)


def _order(graph: Graph) -> tuple[Node, ...]:
    """Every node of the graph, producers first: inputs, then the others, then updated states that nothing reads."""
    return topological_order((*graph.inputs, *graph.roots, *(state for state, _ in graph.updates)))


def _call_text(n: Node, names: dict[Node, str]) -> str:
    if n.op is PLACEHOLDER or n.op is STATE:
        return f"{n.op.name} {n.attrs['name']}"
    if n.op is CONSTANT:
        return f"constant {_array_text(n.attrs['value'])}"
    arguments = [names[i] for i in n.inputs]
    arguments += [f"{name}={_attribute_text(value)}" for name, value in n.attrs.items()]
    return f"{n.op.name}({', '.join(arguments)})"


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.size > _SHOWN_ELEMENTS:
        first = ", ".join(map(str, array.reshape(-1)[:2].tolist()))
        return f"[{first}, ..]"
    return str(array.tolist())


def _attribute_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_attribute_text, value))}{',' if len(value) == 1 else ''})"
    return str(value) if isinstance(value, Polynomial) else repr(value)


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
    order = _order(graph)
    names = {n: f"n{position}" for position, n in enumerate(order)}
    symbols = sorted({s for n in order for s in symbols_of(n)}, key=lambda s: s.name)
    written = {s: f"d{position}" for position, s in enumerate(symbols)}
    return "\n".join(_python_lines(graph, order, names, written)) + "\n"


def _python_lines(
    graph: Graph, order: tuple[Node, ...], names: dict[Node, str], symbols: dict[Symbol, str]
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
    for n in order:
        yield f"    {names[n]} = {_python_node(n, names, symbols)}"
    inputs = _python_tuple([names[n] for n in graph.inputs])
    outputs = _python_tuple([names[n] for n in graph.outputs])
    updates = _python_tuple([f"({names[state]}, {names[new]})" for state, new in graph.updates])
    yield f"    return Graph({inputs}, {outputs}, {updates})"


def _python_node(n: Node, names: dict[Node, str], symbols: dict[Symbol, str]) -> str:
    if n.op is STATE:
        return f"states[{n.attrs['identity']}].node"
    if n.op is CONSTANT:
        return _python_constant(n)
    if n.op is PLACEHOLDER:
        type_ = f"TensorType({_literal(n.shape, symbols)}, {n.dtype!r})"
        return f"placeholder({type_}, {n.attrs['name']!r}, {n.attrs['identity']})"
    arguments = [f"REGISTRY[{n.op.name!r}]", *(names[i] for i in n.inputs)]
    arguments += [f"{name}={_literal(value, symbols)}" for name, value in n.attrs.items()]
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
