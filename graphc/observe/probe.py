"""probe(): the values of named tensors inside a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.compile import compile_graph
from graphc.errors import GraphError
from graphc.graph import PLACEHOLDER, STATE, Graph, Node, topological_order
from graphc.observe.programs import programs_of


def probe(value: Any, names: Sequence[str], *arrays: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the values of named tensors of a model or a program for arrays as its inputs.

    A name is a layer's (what it gives on), `layer:op` (what the layer's first such op gives, `dense_1:matmul`), a
    state's or an input's. Of a model the program is the one that predicts. They are computed by one compiled program;
    no state changes. Raises GraphError for a name that the program does not have, and as a call does.
    """
    program = next(iter(programs_of(value).values()))
    graph: Graph = program.built
    found = tuple(_named(graph, name) for name in names)
    values = compile_graph(Graph(graph.inputs, found), f"probe of {program.name}")(*arrays)
    return dict(zip(names, values))


def _named(graph: Graph, name: str) -> Node:
    # What runs backwards through a layer, or updates its weights, is not what the layer gives on.
    nodes = topological_order(graph.outputs or graph.roots)
    layer, _, op = name.partition(":")
    for n in (*graph.inputs, *graph.nodes):
        if n.op in (PLACEHOLDER, STATE) and n.attrs["name"] == name:
            return n
    inside = [n for n in nodes if (n.provenance.layer or "").split("/")[0] == layer or n.provenance.layer == layer]
    computed = [n for n in inside if n.inputs and (not op or n.op.name == op)]
    if not computed:
        layers = dict.fromkeys(n.provenance.layer for n in nodes if n.provenance.layer)
        raise GraphError(f"no tensor is called '{name}'; there are the layers {', '.join(map(str, layers))}")
    return computed[0] if op else computed[-1]
