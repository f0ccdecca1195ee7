"""The NumPy meaning of a graph: each node's `ref` in turn. The oracle that compiled programs are tested against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc import dtypes, symbolic
from graphc.errors import GraphError, ShapeError
from graphc.graph.equalities import equalities_of
from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, PLACEHOLDER, STATE

Array = np.ndarray[Any, Any]
Environment = dict[symbolic.Symbol, int]


def evaluate(graph: Graph, arguments: Sequence[Any]) -> tuple[list[Array], list[Array]]:
    """Return (outputs, new values of updated states) for arrays given in the order of `graph.inputs`.

    Changes no state. Raises GraphError for a missing placeholder, ShapeError for arrays that do not fit and for sizes
    that differ where a shape rule takes them to be equal.
    """
    if len(arguments) != len(graph.inputs):
        raise GraphError(f"the graph has {len(graph.inputs)} inputs; {len(arguments)} arrays were given")
    values: dict[Node, Array] = {}
    environment: Environment = {}
    for n, argument in zip(graph.inputs, arguments):
        values[n] = np.asarray(argument, dtypes.numpy_dtype(n.dtype))
        bind_dims(n, values[n].shape, environment)
    evaluate_nodes(graph.nodes, values, environment)
    return [values[n] for n in graph.outputs], [values[n] for _, n in graph.updates]


def evaluate_node(n: Node) -> Array:
    """Return the value of a node that depends on constants and states alone."""
    values: dict[Node, Array] = {}
    evaluate_nodes(topological_order((n,)), values, {})
    return values[n]


def evaluate_nodes(nodes: Sequence[Node], values: dict[Node, Array], environment: Environment) -> None:
    """Fill `values` for nodes given producers first; `environment` binds the symbols of their dims."""
    for n in nodes:
        if n in values:
            continue
        if n.op is CONSTANT:
            values[n] = n.attrs["value"]
        elif n.op is STATE:
            values[n] = n.attrs["state"].get_value()
        elif n.op is PLACEHOLDER:
            raise GraphError(f"no value was given for placeholder '{n.attrs['name']}' {n.type}")
        else:
            values[n] = _evaluate_one(n, [values[i] for i in n.inputs], environment)


def _evaluate_one(n: Node, inputs: list[Array], environment: Environment) -> Array:
    if n.op.expand is not None and n.op.ref is None:
        inner: dict[Node, Array] = dict(zip(n.inputs, inputs))
        body = n.op.expand(*n.inputs, **n.attrs)
        evaluate_nodes(topological_order((body,), inner), inner, environment)
        return inner[body]
    for a, b in equalities_of(n):
        left, right = (symbolic.evaluate(d, environment) for d in (a, b))
        if left != right:
            # NumPy would take a size of 1 along with any other.
            raise ShapeError(f"{n.op.name} of {n.type} needs {a} to be {b}; they are {left} and {right}")
    attrs = {name: _concrete(value, environment) for name, value in n.attrs.items()}
    assert n.op.ref is not None
    result = np.asarray(n.op.ref(*inputs, **attrs))
    expected = tuple(symbolic.evaluate(d, environment) for d in n.shape)
    if result.shape != expected or result.dtype != dtypes.numpy_dtype(n.dtype):
        raise ShapeError(
            f"{n.op.name}: the shape rule says {n.type}, with {expected}; NumPy gives {result.dtype}{result.shape}"
        )
    return result


def _concrete(value: Any, environment: Environment) -> Any:
    """Return an attribute with its dims evaluated; a body becomes a function of arrays."""
    if isinstance(value, symbolic.Polynomial):
        return symbolic.evaluate(value, environment)
    if isinstance(value, tuple):
        return tuple(_concrete(v, environment) for v in value)
    if isinstance(value, Graph):
        return partial(_run_body, value, environment)
    return value


def _run_body(body: Graph, environment: Environment, arguments: Sequence[Array], also: Sequence[Node]) -> list[Array]:
    """Return the outputs of a body and the values of other nodes of it; its dims are those of the program around."""
    values = dict(zip(body.inputs, arguments, strict=True))
    evaluate_nodes(topological_order((*body.outputs, *also)), values, environment)
    return [values[n] for n in (*body.outputs, *also)]


def bind_dims(n: Node, shape: tuple[int, ...], environment: Environment) -> None:
    """Bind the symbols of n's dims to an array's shape. Raises ShapeError where they do not fit."""
    name = n.attrs.get("name", n.op.name)
    if len(shape) != n.rank:
        raise ShapeError(f"'{name}' is {n.type}: an array of rank {len(shape)}, shape {shape}, was given")
    for dim, size in zip(n.shape, shape):
        if isinstance(dim, symbolic.Polynomial):
            found = symbolic.bare_symbol(dim)
            if found is not None:
                environment.setdefault(found, size)
    for dim, size in zip(n.shape, shape):
        expected = symbolic.evaluate(dim, environment)
        if expected != size:
            raise ShapeError(f"'{name}' is {n.type}: an array of shape {shape} was given ({dim} is {expected})")
