"""sink_scan: contractions that no later step needs are done for all steps at once, after the loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from graphc import ops
from graphc.graph import Graph, Node, Recurrence, cheapest_to_keep, made_of_numbers, rebuild, topological_order
from graphc.passes.recurrences import Result, lifted_nodes, moves, rewrite_recurrences, trimmed


def sink_scan(graph: Graph) -> Graph:
    """Move contractions that feed no carry behind the loop; a sum of them over the steps becomes one contraction.

    The gradient of weights is such a sum. Its factors are stacked, and time becomes part of the depth:

        body b0(%b0.0, %b0.1, %b0.2)                   %1 = transpose(reshape(%x))
          %b0.3 = matmul(transpose(%b0.0), %b0.1)      %2 = reshape(%g)
          %b0.4 = add(%b0.2, %b0.3)               ->   %3 = matmul(%1, %2)
          return %b0.4
        %1 = scan(%x, %g, %zeros, body=b0, carry=0)

    What is stacked is chosen at the least cost, as what a backward step reads of a forward one.
    """
    return rewrite_recurrences(graph, _sunk)


def _sunk(recurrence: Recurrence, results: Sequence[Result]) -> Mapping[Result, Node]:
    values = [r for r in results if isinstance(r, Node)]
    order = recurrence.nodes(values)
    sums = _sums(recurrence, order, results)
    loose = _loose(recurrence, order, sums)
    behind = {n for n in loose if n.op.kind == "contraction"}
    behind.update(n for n in order if n in loose and any(i in behind for i in n.inputs))
    # What the loop computes anyway is stacked and not computed again, unless that only moves elements.
    fixed = {n for n in order if n.op.lift is None or (n not in loose and n.op.kind != "movement")}
    given: set[Node] = {*recurrence.sequences, *recurrence.others, *made_of_numbers(order)}
    stacked = {v for v in values if v not in behind}
    kept = cheapest_to_keep({i for n in behind for i in n.inputs if i not in behind}, given | stacked, fixed)
    stacked.update({_unmoved(n, given) for n in kept} - given)
    for n in sums.values():
        # A sum of sums is worth it where all that it needs is stacked anyway.
        if n.op.fold == "sum" and {*cheapest_to_keep(n.inputs, given | stacked, fixed)} <= given | stacked:
            behind.add(n)
    moved = {i: n for i, n in sums.items() if n in behind}
    asked = [r for r in results if r not in moved and r not in behind]
    found = trimmed(recurrence, [*asked, *(n for n in order if n in stacked and n not in asked)])
    known = recurrence.sequences | recurrence.others | {n: found[n] for n in stacked}
    outside = lifted_nodes(topological_order(behind, known), known)
    found |= {v: outside[v] for v in values if v in behind}
    for i, n in moved.items():
        total, new = _total(n, outside, known), recurrence.new[i]
        found[i] = rebuild(new, tuple(recurrence.carries.get(x, total) for x in new.inputs))
    return found


def _unmoved(n: Node, given: Collection[Node]) -> Node:
    """Return what n only puts in another order: that is stacked as it is computed, and read in n's order behind."""
    while n.op.name in ("transpose", "reshape") and n not in given:
        [n] = n.inputs
    return n


def _sums(recurrence: Recurrence, order: Sequence[Node], results: Sequence[Result]) -> dict[int, Node]:
    """Return what is added at each step to the carries that only sum up, or is taken off, by carry."""
    uses = Counter([i for n in order for i in n.inputs])
    uses.update([*recurrence.new, *(r for r in results if isinstance(r, Node))])
    found: dict[int, Node] = {}
    for i, (carry, new) in enumerate(zip(recurrence.carries, recurrence.new)):
        is_sum = (new.op.name == "add" and carry in new.inputs) or (
            new.op.name == "subtract" and new.inputs[0] is carry
        )
        if i in results and is_sum and uses[carry] == 1 and uses[new] == 1:
            other = new.inputs[1] if new.inputs[0] is carry else new.inputs[0]
            if other.type == carry.type:
                found[i] = other
    return found


def _loose(recurrence: Recurrence, order: Sequence[Node], sums: Mapping[int, Node]) -> set[Node]:
    """Return the nodes that can be computed after the loop: they, and all that reads them, feed no carry but sums."""
    totals = {recurrence.new[i] for i in sums}
    tied = set(topological_order(new for i, new in enumerate(recurrence.new) if i not in sums))
    for n in reversed(order):
        if n not in totals and (n in tied or n.op.lift is None):
            tied.update((n, *n.inputs))
    return {n for n in order if n not in tied and n not in totals}


def _total(n: Node, outside: Mapping[Node, Node], known: Mapping[Node, Node]) -> Node:
    """Return the sum over all steps of a node of the body, given what it and the nodes down to `known` are outside."""
    if n in known:
        return ops.sum(outside[n], 0)
    changing = [i for i in n.inputs if moves(i, outside)]
    if _is_linear(n, changing):
        return rebuild(n, tuple(_total(i, outside, known) if i in changing else outside[i] for i in n.inputs))
    match n.op.name:
        case "sum":
            axes = (0, *(axis + 1 for axis in n.attrs["axes"]))
            return ops.reshape(ops.sum(outside[n.inputs[0]], axes), n.shape)
        case "contract":
            batch, depth = (tuple((i + 1, j + 1) for i, j in n.attrs[name]) for name in ("batch", "depth"))
            a, b = (outside[i] for i in n.inputs)
            return ops.contract(a, b, ((0, 0), *depth), batch)
        case "matmul" if n.inputs[0].rank == n.inputs[1].rank == 2:
            a, b = (outside[i] for i in n.inputs)
            left, right = (ops.reshape(x, (x.shape[0] * x.shape[1], x.shape[2])) for x in (ops.swapaxes(a, 1, 2), b))
            return ops.matmul(ops.transpose(left), right)
    return ops.sum(outside[n], 0)


def _is_linear(n: Node, changing: Sequence[Node]) -> bool:
    """Tell whether the sum of n over the steps is n of the sums of the inputs that change from step to step."""
    if n.op.name in ("add", "subtract"):
        return len(changing) == 2 and all(i.type == n.type for i in changing)
    return n.op.name in ("transpose", "reshape", "negative", "contract", "matmul") and len(changing) == 1
