"""Verifier of graphs: what a pass may take for granted, and must leave true."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.graph.attributes import symbols_of
from graphc.graph.bodies import joint_bodies
from graphc.graph.graph import Graph
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, PLACEHOLDER, REGISTRY, STATE
from graphc.graph.printer import format_graph
from graphc.graph.types import TensorType
from graphc.symbolic import Symbol, bare_symbol


def verify_graph(graph: Graph) -> None:
    """Check that a graph is well formed. Raises GraphError with every problem and the graph's text.

    Inputs are distinct placeholders and every placeholder used is among them; each node's op is the registry's
    and its type is what the op's shape rule gives; each update gives a distinct state a value of its type; every
    symbolic dim is bound by an axis of an input that is the bare symbol. A body uses its own inputs alone: no other
    placeholders and no states. (Graphs are acyclic by construction.)
    """
    problems = [
        *_input_problems(graph),
        *_node_problems(graph),
        *_update_problems(graph),
        *_symbol_problems(graph),
    ]
    if problems:
        raise GraphError("malformed graph: " + "; ".join(problems) + "\n" + format_graph(graph))


def _input_problems(graph: Graph) -> Iterator[str]:
    for n in graph.inputs:
        if n.op is not PLACEHOLDER:
            yield f"input {n!r} is not a placeholder"
    if len(set(graph.inputs)) != len(graph.inputs):
        yield "two inputs are the same placeholder"
    for n in graph.free_placeholders:
        yield f"placeholder '{n.attrs['name']}' is used but is not an input"


def _node_problems(graph: Graph) -> Iterator[str]:
    for n in graph.nodes:
        if REGISTRY.get(n.op.name) is not n.op:
            yield f"{n!r}: its op is not the registry's '{n.op.name}'"
        elif n.op is CONSTANT:
            array = n.attrs["value"]
            if array.shape != n.shape or array.dtype.name != n.dtype:
                yield f"{n!r} holds an array of {array.dtype}{array.shape}"
        elif n.op is not PLACEHOLDER and n.op is not STATE:
            yield from _type_problems(n)
    for joint in joint_bodies(graph.nodes).values():
        yield from _input_problems(joint)
        yield from (f"state '{n.attrs['name']}' is used inside a body" for n in joint.states)
        yield from _node_problems(joint)


def _type_problems(n: Node) -> Iterator[str]:
    given = ", ".join(str(i.type) for i in n.inputs)
    try:
        expected = inferred_type(n)
    except (ShapeError, DTypeError) as error:
        yield f"{n.op.name}({given}): {error}"
        return
    if expected != n.type:
        yield f"{n.op.name}({given}) is {n.type}; its shape rule says {expected}"


def inferred_type(n: Node) -> TensorType:
    """Return the type that the op's shape rule (or body) gives for the node's inputs. Raises what the rule raises."""
    if n.op.infer is not None:
        return n.op.infer(*(i.type for i in n.inputs), **n.attrs)
    assert n.op.expand is not None
    return n.op.expand(*n.inputs, **n.attrs).type


def _update_problems(graph: Graph) -> Iterator[str]:
    states = [state for state, _ in graph.updates]
    if len(set(states)) != len(states):
        yield "a state is updated twice"
    for state, new in graph.updates:
        if state.op is not STATE:
            yield f"the updated node {state!r} is not a state"
        elif not _fits(state, new):
            yield f"state '{state.attrs['name']}' is {state.type}; its new value is {new.type}"


def _fits(state: Node, new: Node) -> bool:
    """A symbolic dim may turn out to be the state's: it is checked when sizes are bound."""
    same_rank = state.rank == new.rank and state.dtype == new.dtype
    return same_rank and all(a == b or not isinstance(b, int) for a, b in zip(state.shape, new.shape))


def _symbol_problems(graph: Graph) -> Iterator[str]:
    bound = {bare_symbol(dim) for n in graph.inputs for dim in n.shape}
    reported: set[Symbol] = set()
    for n in (*graph.inputs, *graph.nodes):
        for symbol in sorted(symbols_of(n) - bound - reported, key=lambda s: s.name):
            reported.add(symbol)
            yield f"dim {symbol.name} of {n!r} is bound by no input"
