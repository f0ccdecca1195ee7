"""How passes rewrite recurrences: all results of one together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeAlias

from graphc.graph import (
    PLACEHOLDER,
    Graph,
    Node,
    Recurrence,
    body_of,
    families,
    family_key,
    inheriting,
    map_bodies,
    rebuild,
    substitute,
    topological_order,
)

Result: TypeAlias = int | Node
"""A result of a recurrence: a carry's number (its last value), or an inner node (its values in all steps)."""
Rewrite: TypeAlias = Callable[[Recurrence, Sequence[Result]], Mapping[Result, Node]]


def rewrite_recurrences(graph: Graph, rewrite: Rewrite) -> Graph:
    """Return the graph with the results of each recurrence replaced by what `rewrite` gives for them.

    `rewrite` is given the results asked for and returns a node for each. Recurrences inside bodies are rewritten
    first. The same graph where nothing changes.
    """
    graph = map_bodies(graph, lambda body: rewrite_recurrences(body, rewrite))
    asked = {family_key(siblings[0]): tuple(map(result_of, siblings)) for siblings in families(graph.nodes)}
    if not asked:
        return graph
    found: dict[Hashable, Mapping[Result, Node]] = {}

    def transform(n: Node, inputs: tuple[Node, ...]) -> Node:
        rebuilt = rebuild(n, inputs)
        if body_of(n) is None:
            return rebuilt
        key = family_key(n)
        if key not in found:
            with inheriting(n.provenance):
                found[key] = _rewritten(Recurrence.of(rebuilt), asked[key], rewrite)
        return found[key][result_of(n)]

    after = graph.map(transform)
    return graph if after.roots == graph.roots else after


def _rewritten(recurrence: Recurrence, results: Sequence[Result], rewrite: Rewrite) -> Mapping[Result, Node]:
    """Return the new results; the old ones where a length that goes by two names gave one of them another type."""
    old, new = read_results(recurrence, results), rewrite(recurrence, results)
    return new if all(new[r].type == old[r].type for r in results) else old


def result_of(n: Node) -> Result:
    """Return which result of its recurrence n is."""
    which: Result = n.attrs["value"] if n.attrs["carry"] is None else n.attrs["carry"]
    return which


def read_results(recurrence: Recurrence, results: Sequence[Result]) -> dict[Result, Node]:
    """Return the nodes for results of a recurrence."""
    return {r: recurrence.stacked(r) if isinstance(r, Node) else recurrence.final(r) for r in results}


def trimmed(recurrence: Recurrence, results: Sequence[Result]) -> dict[Result, Node]:
    """Return the nodes for results of the recurrence without the carries and inputs that these do not need."""
    values = [r for r in results if isinstance(r, Node)]
    carries = list(recurrence.carries)
    needed = {carries[r] for r in results if isinstance(r, int)}
    while True:
        roots = [*values, *(new for c, new in zip(carries, recurrence.new) if c in needed)]
        used = set(topological_order(roots))
        if needed >= used & recurrence.carries.keys():
            break
        needed |= used & recurrence.carries.keys()
    kept = [c for c in carries if c in needed]
    after = Recurrence(
        {n: outer for n, outer in recurrence.sequences.items() if n in used},
        {c: recurrence.carries[c] for c in kept},
        {n: outer for n, outer in recurrence.others.items() if n in used},
        tuple(new for c, new in zip(carries, recurrence.new) if c in needed),
        recurrence.length,
        recurrence.reverse,
    )
    places = {r: kept.index(carries[r]) if isinstance(r, int) else r for r in results}
    found = read_results(after, list(places.values()))
    return {r: found[place] for r, place in places.items()}


def substituted(
    recurrence: Recurrence,
    results: Sequence[Result],
    replacements: Mapping[Node, Node],
    sequences: Mapping[Node, Node],
    others: Mapping[Node, Node],
) -> dict[Result, Node]:
    """Return the nodes for results of the recurrence with nodes of the body replaced and inputs added, trimmed."""
    values = [r for r in results if isinstance(r, Node)]
    roots = substitute((*recurrence.new, *values), dict(replacements))
    count = len(recurrence.new)
    after = Recurrence(
        recurrence.sequences | dict(sequences), recurrence.carries, recurrence.others | dict(others), roots[:count],
        recurrence.length, recurrence.reverse,
    )  # fmt: skip
    renamed: dict[Result, Result] = dict(zip(values, roots[count:]))
    found = trimmed(after, [renamed.get(r, r) for r in results])
    return {r: found[renamed.get(r, r)] for r in results}


def lifted_nodes(order: Sequence[Node], known: Mapping[Node, Node]) -> dict[Node, Node]:
    """Return for nodes of a body, producers given first, what they are outside, as far as `known` nodes give them.

    A node that changes from step to step has a leading axis outside; one that is the same in all steps has not.
    """
    outside = dict(known)
    for n in order:
        if n in outside or n.op is PLACEHOLDER or not all(i in outside for i in n.inputs):
            continue
        inputs = tuple(outside[i] for i in n.inputs)
        with inheriting(n.provenance):
            if not any(moves(i, outside) for i in n.inputs):
                outside[n] = rebuild(n, inputs)
            elif n.op.lift is not None:
                outside[n] = n.op.lift(n, inputs)
    return outside


def moves(n: Node, outside: Mapping[Node, Node]) -> bool:
    """Tell whether a node of a body has a leading axis outside."""
    return outside[n].rank > n.rank
