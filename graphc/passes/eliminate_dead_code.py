"""eliminate_dead_code: what nothing needs is dropped."""

from __future__ import annotations

from graphc.graph import Graph


def eliminate_dead_code(graph: Graph) -> Graph:
    """Drop updates that give a state its own value; all other dead code is unreachable, and so gone already.

    Unused inputs stay: they are part of how the program is called.

        update %1 <- %1   ->
    """
    updates = tuple((state, new) for state, new in graph.updates if new is not state)
    return graph if len(updates) == len(graph.updates) else Graph(graph.inputs, graph.outputs, updates)
