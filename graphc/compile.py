"""function(): the driver. Graph -> passes -> plan -> text -> executable."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from graphc import dtypes, symbolic
from graphc.graph import Graph, Node, State, TensorType, evaluate, substitute
from graphc.graph import placeholder as _placeholder

_identity = itertools.count()


def placeholder(shape: Sequence[int | symbolic.Dim | None], dtype: str = "float32", name: str | None = None) -> Node:
    """Return a node that stands for an array given at each call. `None` dims take any size at run time."""
    identity = next(_identity)
    name = name or f"input_{identity}"
    dims = tuple(symbolic.fresh_symbol(f"{name}_{axis}") if d is None else d for axis, d in enumerate(shape))
    return _placeholder(TensorType(dims, dtypes.canonical(dtype)), name, identity)


def state(value: Any, name: str | None = None, dtype: str | None = None) -> State:
    """Return a State: an array that lives between calls; use `.node` in graphs."""
    return State(value, name, dtype)


class _Interpreted:
    def __init__(self, graph: Graph, single: bool) -> None:
        self.graph, self.single = graph, single

    def __call__(self, *arrays: Any) -> Any:
        outputs, values = evaluate(self.graph, arrays)
        for (n, _), value in zip(self.graph.updates, values):
            n.attrs["state"].set_value(value)
        return outputs[0] if self.single else outputs


def function(
    inputs: Sequence[Node],
    outputs: Node | Sequence[Node],
    updates: Sequence[tuple[State | Node, Node]] | None = None,
    givens: dict[Node, Node] | None = None,
    name: str | None = None,
) -> Any:
    """Return a callable of the inputs."""
    single = isinstance(outputs, Node)
    output_nodes = (outputs,) if isinstance(outputs, Node) else tuple(outputs)
    pairs = [(s.node if isinstance(s, State) else s, new) for s, new in updates or ()]
    roots = substitute((*output_nodes, *(new for _, new in pairs)), givens or {})
    graph = Graph(tuple(inputs), roots[: len(output_nodes)], tuple(zip((s for s, _ in pairs), roots[len(output_nodes) :])))
    updated = {s for s, _ in graph.updates}
    extra = tuple(
        (s, s.attrs["state"].default_update(s))
        for s in graph.states
        if s not in updated and s.attrs["state"].default_update is not None
    )
    return _Interpreted(Graph(graph.inputs, graph.outputs, graph.updates + extra), single)
