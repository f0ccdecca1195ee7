"""The guard against non-finite values: a graph that checks itself and then keeps its states as they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes
from graphc.errors import GraphcError
from graphc.graph import PLACEHOLDER, STATE, Graph, Node, bind_dims, builder, evaluate_nodes


def guarded_graph(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Return the graph with one more output a checked value, and what each check is called.

    Checked are floating outputs and new values of states. Each further output is a float32 scalar, 1 where all
    elements are finite, else 0. Where any is 0, every update becomes its state's old value.
    """
    names: list[str] = []
    checks: list[Node] = []
    for position, n in enumerate(graph.outputs):
        if dtypes.is_float(n.dtype):
            checks.append(_all_finite(n))
            names.append(f"output {position}: {n.op.name} {n.type} [{n.provenance}]")
    for state, new in graph.updates:
        if dtypes.is_float(new.dtype):
            checks.append(_all_finite(new))
            names.append(f"new value of state '{state.attrs['name']}': {new.op.name} {new.type} [{new.provenance}]")
    if not checks:
        return graph, ()
    every = checks[0]
    for check in checks[1:]:
        every = builder("logical_and")(every, check)
    flags = tuple(builder("cast")(check, "float32") for check in checks)
    updates = tuple((state, builder("where")(every, new, state)) for state, new in graph.updates)
    return Graph(graph.inputs, graph.outputs + flags, updates), tuple(names)


def _all_finite(n: Node) -> Node:
    return builder("all")(builder("isfinite")(n))


def describe_first_fault(graph: Graph, arguments: Sequence[Any]) -> str:
    """Return which value of a graph is not finite though all it is computed from is, as NumPy computes it.

    An argument or a state that is not finite is the first. Empty where NumPy finds every value finite.
    """
    values: dict[Node, Any] = {}
    environment: dict[Any, int] = {}
    for n, argument in zip(graph.inputs, arguments):
        values[n] = np.asarray(argument, dtypes.numpy_dtype(n.dtype))
        bind_dims(n, values[n].shape, environment)
    with np.errstate(all="ignore"):
        for n in (*graph.inputs, *graph.nodes):
            try:
                evaluate_nodes((n,), values, environment)
            except GraphcError:
                return ""
            if dtypes.is_float(n.dtype) and not np.isfinite(np.asarray(values[n], np.float64)).all():
                what = f"'{n.attrs['name']}'" if n.op in (PLACEHOLDER, STATE) else n.op.name
                return f"{what} {n.type} [{n.provenance}]"
    return ""
