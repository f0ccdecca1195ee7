"""Where the boxes of each rank stand along it: in straight columns (Brandes and Köpf, Fast and simple horizontal
coordinate assignment, 2002).

Four times, once from each corner, every vertex is aligned with a middle one of its neighbours where no other
alignment is in the way; what is aligned is one block, and the blocks are pushed together. A vertex stands at the mean
of the two middle ones of its four places, which keeps the order and the gaps. Chains and long arrows come out straight.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence

Rows = Sequence[Sequence[int]]
Neighbours = Mapping[int, Sequence[int]]


def place_along(
    rows: Rows, above: Neighbours, below: Neighbours, breadths: Sequence[float], gap: float, real: int
) -> dict[int, float]:
    """Return the centre of each vertex of the rows, which have their final order; vertices from `real` on are bends.

    `above` and `below` are the neighbours in the row before and in the row after.
    """
    crossed = _yielding(rows, above, real)
    partners = (_partners(above, below, real), _partners(below, above, real))
    layouts = []
    for upward, leftward in itertools.product((False, True), repeat=2):
        turned = [list(reversed(row)) if leftward else list(row) for row in (reversed(rows) if upward else rows)]
        roots = _aligned(turned, partners[upward], crossed)
        placed = _compacted(turned, roots, breadths, gap)
        layouts.append({v: -x for v, x in placed.items()} if leftward else placed)
    return _balanced(layouts, breadths)


def _yielding(rows: Rows, above: Neighbours, real: int) -> set[tuple[int, int]]:
    """Return the pieces of arrows, as (upper, lower), that cross a piece between two bends: those yield to it."""
    found: set[tuple[int, int]] = set()
    for upper, lower in itertools.pairwise(rows):
        place = {v: i for i, v in enumerate(upper)}
        straight = {v: place[above[v][0]] for v in lower if v >= real and above[v][0] >= real}
        waiting, least = 0, 0
        for position, v in enumerate(lower):
            last = position == len(lower) - 1
            if v not in straight and not last:
                continue
            most = straight.get(v, len(upper) - 1)
            for w in lower[waiting : position + 1]:
                if w not in straight:
                    found |= {(u, w) for u in above[w] if not least <= place[u] <= most}
            waiting, least = position + 1, most
    return found


def _partners(near: Neighbours, back: Neighbours, real: int) -> dict[int, list[int]]:
    """Return the neighbours in `near` that each vertex may be aligned with; `back` are the neighbours of those.

    Boxes prefer boxes and bends bends, so that a chain is straight beside the long arrows that leave it.
    """

    def alike(v: int, found: Sequence[int]) -> list[int]:
        return [u for u in found if (u < real) == (v < real)]

    return {v: alike(v, found) or [u for u in found if not alike(u, back[u])] for v, found in near.items()}


def _aligned(rows: Rows, partners: Neighbours, crossed: set[tuple[int, int]]) -> dict[int, int]:
    """Return each vertex's block, as its first vertex: aligned with a middle one of its partners in the row before."""
    roots = {v: v for row in rows for v in row}
    for previous, row in itertools.pairwise(rows):
        place = {v: i for i, v in enumerate(previous)}
        farthest = -1
        for v in row:
            around = sorted(partners.get(v, ()), key=place.__getitem__)
            middle = (len(around) - 1) / 2
            for u in dict.fromkeys(around[int(i)] for i in (middle, middle + 0.5) if around):
                if roots[v] == v and place[u] > farthest and not {(u, v), (v, u)} & crossed:
                    roots[v] = roots[u]
                    farthest = place[u]
    return roots


def _compacted(rows: Rows, roots: Mapping[int, int], breadths: Sequence[float], gap: float) -> dict[int, float]:
    """Return the places of the vertices where every block stands as far left as it can, then as far right as the
    blocks to its right let it."""
    after: dict[int, dict[int, float]] = defaultdict(dict)
    before: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        for u, v in itertools.pairwise(row):
            a, b = roots[u], roots[v]
            after[a][b] = max(after[a].get(b, 0.0), (breadths[u] + breadths[v]) / 2 + gap)
            before[b].add(a)
    order: list[int] = []
    missing = {root: len(before[root]) for root in dict.fromkeys(roots.values())}
    ready = [root for root, count in missing.items() if not count]
    places = dict.fromkeys(missing, 0.0)
    while ready:
        a = ready.pop()
        order.append(a)
        for b, distance in after[a].items():
            places[b] = max(places[b], places[a] + distance)
            missing[b] -= 1
            if not missing[b]:
                ready.append(b)
    for a in reversed(order):
        if after[a]:
            places[a] = max(places[a], min(places[b] - distance for b, distance in after[a].items()))
    return {v: places[root] for v, root in roots.items()}


def _balanced(layouts: Sequence[dict[int, float]], breadths: Sequence[float]) -> dict[int, float]:
    """Return the mean of the two middle places of each vertex, every layout moved to the borders of the narrowest."""
    borders = [
        (min(x - breadths[v] / 2 for v, x in places.items()), max(x + breadths[v] / 2 for v, x in places.items()))
        for places in layouts
    ]
    left, right = min(borders, key=lambda border: border[1] - border[0])
    moved = []
    for position, (places, border) in enumerate(zip(layouts, borders)):
        # Layouts from the left keep the left border, those from the right the right one.
        shift = right - border[1] if position % 2 else left - border[0]
        moved.append({v: x + shift for v, x in places.items()})
    return {v: sum(sorted(places[v] for places in moved)[1:3]) / 2 for v in moved[0]}
