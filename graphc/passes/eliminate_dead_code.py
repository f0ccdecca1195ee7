"""eliminate_dead_code: what nothing needs is dropped."""

from __future__ import annotations

from graphc.graph import Graph, Node, topological_order
from graphc.passes.canonicalise import canonicalise
from graphc.passes.fold_constants import fold_constants
from graphc.passes.simplify_algebra import simplify_algebra


def eliminate_dead_code(graph: Graph) -> Graph:
    """Drop updates that give a state its own value, and default updates of states that nothing reads any more.

    A random counter advances in programs that draw from it: where dropout was pruned away, it stays. All other dead
    code is unreachable, and so gone already. Unused inputs stay: they are part of how the program is called.

        update %1 <- %1   ->
    """
    updates = tuple((state, new) for state, new in graph.updates if new is not state)
    updates = tuple(pair for pair in updates if not _is_idle(pair, graph.outputs, updates))
    return graph if len(updates) == len(graph.updates) else Graph(graph.inputs, graph.outputs, updates)


def _is_idle(pair: tuple[Node, Node], outputs: tuple[Node, ...], updates: tuple[tuple[Node, Node], ...]) -> bool:
    """Tell whether an update is its state's default one and nothing else reads the state."""
    state, new = pair
    default = state.attrs["state"].default_update
    if default is None or state in topological_order((*outputs, *(value for s, value in updates if s is not state))):
        return False
    # The update has been through the passes before this one: so must the default be to be compared.
    fresh = Graph((), (default(state),))
    return simplify_algebra(canonicalise(fold_constants(fresh))).outputs[0] is new
