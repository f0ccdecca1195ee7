"""fold_constants: what depends on constants alone is computed now."""

from __future__ import annotations

import math

from graphc.graph import CONSTANT, Graph, Node, constant, dims_of, evaluate_node, inheriting
from graphc.passes.rewriting import sweep

_SMALL = 4096
# What is better kept as it is: a scalar spread, and a loop, which takes its time.
_KEPT = frozenset({"broadcast_to", "scan"})


def fold_constants(graph: Graph) -> Graph:
    """Evaluate nodes whose inputs are all constants, where the result is small or no bigger than they are.

    Small is 4096 elements. A constant spread by `broadcast_to` stays spread, since a scalar is better than an array
    of it; a recurrence stays a loop.

        %0 = constant 2.0                   %2 = constant 8.0
        %1 = constant 3.0
        %2 = power(%0, %1) : float32[]  ->
    """
    return sweep(graph, folded)


def folded(n: Node) -> Node | None:
    """Return the constant that n is, None where it is none or would be too big."""
    if not n.inputs or n.op.name in _KEPT or not all(i.op is CONSTANT for i in n.inputs):
        return None
    if any(True for value in (n.shape, *n.attrs.values()) for _ in dims_of(value)):
        return None
    size = math.prod(d for d in n.shape if isinstance(d, int))
    if size > max(_SMALL, sum(i.attrs["value"].size for i in n.inputs)):
        return None
    with inheriting(n.provenance):
        return constant(evaluate_node(n), n.dtype)
