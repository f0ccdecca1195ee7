"""The gradient of a recurrence: a recurrence that goes through the positions the other way.

Its carries are the cotangents of the carries, and for each input that is the same in all steps the sum so far of its
cotangents. It reads what the forward steps leave behind: elements, carries before the step, and those inner values
that are cheaper kept than computed again. It gives the cotangents of the elements, stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from graphc import dtypes, ops
from graphc.graph import Node, Recurrence, cheapest_to_keep, inner_placeholder, substitute, topological_order

Backpropagate: TypeAlias = Callable[[Mapping[Node, Node], Sequence[Node]], dict[Node, Node]]


def recurrence_cotangents(
    given: Mapping[Node, Node], needed: Collection[Node], backpropagate: Backpropagate
) -> Iterator[tuple[Node, Node]]:
    """Yield (input, cotangent) for the needed inputs of a recurrence, given cotangents of some of its results.

    `backpropagate` is reverse mode itself, for the body.
    """
    forward = Recurrence.of(next(iter(given)))
    outer = forward.sequences | forward.carries | forward.others
    wanted = [n for n in outer if outer[n] in needed and dtypes.is_float(n.dtype)]
    carries = list(forward.carries)
    finals = {carries[n.attrs["carry"]]: g for n, g in given.items() if n.attrs["carry"] is not None}
    stacked = {n.attrs["value"]: g for n, g in given.items() if n.attrs["value"] is not None}

    # One backward step, in nodes of the forward body and placeholders for the cotangents that come in.
    of_values = {v: inner_placeholder(v.type, "cotangent of value") for v in stacked}
    of_new, results = _differentiate(forward, of_values, finals, wanted, backpropagate)
    sums = {n: inner_placeholder(n.type, "sum") for n in forward.others if n in wanted and n in results}
    elements = [n for n in forward.sequences if n in wanted and n in results]
    new = [results[c] if c in results else ops.zeros_like(c) for c in of_new]
    new += [ops.add(total, results[n]) for n, total in sums.items()]
    roots = (*new, *(results[n] for n in elements))

    # What it reads of the forward body comes in as sequences.
    read = {n: inner_placeholder(n.type, f"kept {i}") for i, n in enumerate(_kept(forward, roots, stacked))}
    roots = substitute(roots, read)
    sequences = {inner: forward.stacked(n) for n, inner in read.items()}
    sequences |= {inner: stacked[v] for v, inner in of_values.items()}
    starts = {g: finals[c] if c in finals else ops.zeros_like(outer[c]) for c, g in of_new.items()}
    starts |= {total: ops.zeros_like(outer[n]) for n, total in sums.items()}
    backward = Recurrence(
        sequences, starts, forward.others, roots[: len(new)], forward.length, reverse=not forward.reverse
    )
    for i, n in enumerate((*of_new, *sums)):
        if n in wanted:
            yield outer[n], backward.final(i)
    for n, value in zip(elements, roots[len(new) :]):
        yield outer[n], backward.stacked(value)


def _differentiate(
    forward: Recurrence,
    of_values: Mapping[Node, Node],
    finals: Collection[Node],
    wanted: Sequence[Node],
    backpropagate: Backpropagate,
) -> tuple[dict[Node, Node], dict[Node, Node]]:
    """Return (for each carry that a cotangent reaches the placeholder for that of its new value, cotangents by a step).

    Reached are carries with a cotangent after the last step, and those that what is reached depends on.
    """
    of_new: dict[Node, Node] = {}
    reached = set(finals)
    while True:
        for i, c in enumerate(forward.carries):
            if c in reached and c not in of_new:
                of_new[c] = inner_placeholder(c.type, f"cotangent of carry {i}")
        seeds = dict(of_values)
        for c, n in zip(forward.carries, forward.new):
            if c in of_new:
                seeds[n] = ops.add(seeds[n], of_new[c]) if n in seeds else of_new[c]
        results = backpropagate(seeds, [*wanted, *(c for c in forward.carries if c not in wanted)])
        found = {c for c in forward.carries if c in results}
        if found <= reached:
            return of_new, results
        reached |= found


def _kept(forward: Recurrence, roots: Sequence[Node], stacked: Collection[Node]) -> tuple[Node, ...]:
    """Return the nodes of the forward body whose values of all steps the backward steps read."""
    inside = set(forward.nodes(stacked))
    used = [n for n in topological_order(roots, inside) if n in inside]
    free = {*forward.sequences, *forward.others, *stacked}
    return tuple(n for n in cheapest_to_keep(used, free) if n not in forward.others)
