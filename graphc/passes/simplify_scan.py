"""simplify_scan: recurrences without what they do not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc import ops
from graphc.graph import Graph, Node, Recurrence, inner_placeholder, made_of_numbers, topological_order
from graphc.passes.recurrences import Result, rewrite_recurrences, substituted


def simplify_scan(graph: Graph) -> Graph:
    """Drop carries and inputs that no result needs; take numbers into the body; join inputs that are one node.

    A carry that no step changes becomes an input that is the same in all steps.

        %1 = constant 0.5                      body b0(%b0.0, %b0.1)
        body b0(%b0.0, %b0.1, %b0.2)             %b0.2 = constant 0.5
          %b0.3 = multiply(%b0.1, %b0.2)   ->    %b0.3 = multiply(%b0.1, %b0.2)
          %b0.4 = add(%b0.0, %b0.3)              %b0.4 = add(%b0.0, %b0.3)
        %2 = scan(%x, %h, %1, body=b0)         %2 = scan(%x, %h, body=b0)

    A condition that a caller fixed (the learning phase) is known inside then.
    """
    return rewrite_recurrences(graph, _simplified)


def _simplified(recurrence: Recurrence, results: Sequence[Result]) -> Mapping[Result, Node]:
    replaced = _duplicates(recurrence.sequences) | _duplicates(recurrence.others)
    others: dict[Node, Node] = {}
    free = made_of_numbers(topological_order((*recurrence.others.values(), *recurrence.sequences.values())))
    for inner, outer in recurrence.others.items():
        if outer in free:
            replaced[inner] = outer
    for inner, outer in recurrence.sequences.items():
        if outer in free and outer.op.name == "broadcast_to" and outer.inputs[0].rank == 0:
            replaced[inner] = ops.broadcast_to(outer.inputs[0], inner.shape)
    found: dict[Result, Node] = {}
    for i, ((carry, initial), new) in enumerate(zip(recurrence.carries.items(), recurrence.new)):
        if new is carry:
            found[i] = initial
            replaced[carry] = inner_placeholder(carry.type, "other")
            others[replaced[carry]] = initial
    asked = [r for r in results if r not in found]
    return found | substituted(recurrence, asked, replaced, {}, others)


def _duplicates(inputs: Mapping[Node, Node]) -> dict[Node, Node]:
    """Return for each placeholder that stands for what an earlier one does that one."""
    first: dict[Node, Node] = {}
    return {inner: first[outer] for inner, outer in inputs.items() if first.setdefault(outer, inner) is not inner}
