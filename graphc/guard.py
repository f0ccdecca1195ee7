"""The guard against non-finite values: a graph that checks itself and then keeps its states as they were."""

from __future__ import annotations

from graphc import dtypes
from graphc.graph import Graph, Node, builder


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
