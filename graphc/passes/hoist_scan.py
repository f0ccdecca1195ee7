"""hoist_scan: what a step computes of the sequences alone is computed for all steps at once, before the loop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from graphc import ops
from graphc.graph import (
    PLACEHOLDER,
    Graph,
    Node,
    Recurrence,
    cheapest_to_keep,
    inner_placeholder,
    made_of_numbers,
    topological_order,
)
from graphc.passes.recurrences import Result, lifted_nodes, moves, rewrite_recurrences, substituted


def hoist_scan(graph: Graph) -> Graph:
    """Compute outside what depends on no carry: contractions, and what is costlier to compute than to read.

    The projection of a sequence becomes one product over all steps and rows:

        body b0(%b0.0, %b0.1, %b0.2, %b0.3)         %1 = reshape(%x, shape=(4*time, 5))
          %b0.4 = matmul(%b0.0, %b0.2)              %2 = matmul(%1, %w)
          %b0.5 = matmul(%b0.1, %b0.3)         ->   %3 = reshape(%2, shape=(time, 4, 3))
          %b0.6 = add(%b0.4, %b0.5)                 body b0(%b0.0, %b0.1, %b0.2)
        %1 = scan(%x, %h, %w, %u, body=b0)            %b0.3 = matmul(%b0.1, %b0.2)
                                                      %b0.4 = add(%b0.0, %b0.3)
                                                    %4 = scan(%3, %h, %u, body=b0)

    What depends only on inputs that are the same in all steps goes outside too, unless it merely moves elements. A
    matrix that each step multiplies by transposed is transposed once.
    """
    return rewrite_recurrences(graph, _hoisted)


def _hoisted(recurrence: Recurrence, results: Sequence[Result]) -> Mapping[Result, Node]:
    values = [r for r in results if isinstance(r, Node)]
    order = recurrence.nodes(values)
    outside = lifted_nodes(order, recurrence.sequences | recurrence.others)
    found: dict[Result, Node] = {v: _all_steps(v, outside, recurrence) for v in values if v in outside}
    roots = [*recurrence.new, *(v for v in values if v not in found)]
    used = {i for n in order if n not in outside for i in n.inputs} | set(roots)
    steady = {n for n in outside if not moves(n, outside)}
    kept = cheapest_to_keep([n for n in used if n in outside and n not in steady], {*recurrence.sequences, *steady})
    moving = [n for n in kept if n not in recurrence.sequences and n not in steady]
    left = topological_order(roots, set(moving))
    still = _costly_steady([n for n in left if n not in moving], steady, roots)
    elements = {n: inner_placeholder(n.type, n.op.name) for n in moving}
    others = {n: inner_placeholder(n.type, n.op.name) for n in still}
    asked = [r for r in results if r not in found]
    return found | substituted(
        recurrence,
        asked,
        elements | others,
        sequences={inner: outside[n] for n, inner in elements.items()},
        others={inner: outside[n] for n, inner in others.items()},
    )


def _all_steps(v: Node, outside: Mapping[Node, Node], recurrence: Recurrence) -> Node:
    """Return the values of a node in all steps, computed outside."""
    return outside[v] if moves(v, outside) else ops.broadcast_to(outside[v], (recurrence.length, *v.shape))


def _costly_steady(inside: Iterable[Node], steady: Collection[Node], roots: Iterable[Node]) -> list[Node]:
    """Return the nodes, the same in all steps, that what stays inside reads and that do more than move elements.

    Transposed right operands of contractions are among them: kernels read rows of those, and would copy them each time.
    """
    inside = list(inside)
    free = made_of_numbers(inside)
    waiting = [i for n in inside if n not in steady for i in n.inputs if i in steady]
    waiting += [n for n in roots if n in steady]
    products = (n for n in inside if n.op.kind == "contraction" and n not in steady)
    transposed = {n.inputs[1] for n in products if n.inputs[1] in steady and n.inputs[1].op.name == "transpose"}
    found: dict[Node, None] = {}
    while waiting:
        n = waiting.pop()
        if n.op.kind == "movement" and n not in transposed:
            waiting.extend(n.inputs)
        elif n.op is not PLACEHOLDER and n not in free:
            found[n] = None
    return list(found)
