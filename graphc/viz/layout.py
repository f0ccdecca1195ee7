"""Where boxes stand: ranks by longest path, order by barycentres, straight columns.

A vertex is an index; arrows that cross several ranks are cut into chains through bends, which are vertices of
no width of their own, so that every piece joins neighbouring ranks and long arrows bend around boxes. Where bends would
be too many (each array that waits for its gradient has an arrow through half of a training step), the longest arrows
run in lanes beside the drawing, the shorter ones further in.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from graphc.records import record
from graphc.viz.positions import place_along

# Sweeps over a drawing; fewer over a large one, in which they take long and few crossings can be told apart anyhow.
_LEAST_SWEEPS, _MOST_SWEEPS, _SWEPT = 2, 8, 16_000
_BEND_WIDTH = 6.0
# Bends of a drawing, above which arrows that cross more ranks than all others run beside it: down to so many ranks.
_MOST_BENDS, _LEAST_SPAN = 20_000, 8
Edge = tuple[int, int]


@record
class Layout:
    """Centres of the vertices, and for each edge the points it passes (its ends' centres included).

    `breadth` runs along a rank, `depth` across the ranks. `tops` and `bottoms` are the depths of each rank. `lanes` has
    the number of the lane, counted from the boxes, of each edge that runs beside them.
    """

    centres: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    ranks: list[int]
    tops: list[float]
    bottoms: list[float]
    breadth: float
    depth: float
    lanes: dict[int, int]


def lay_out(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], gap: float = 22.0, rank_gap: float = 38.0
) -> Layout:
    """Return the layout of vertices of these (breadth, depth) sizes. Edges run from lower to higher index.

    The same input gives the same layout.
    """
    ranks = _ranks(len(sizes), edges)
    most = _longest_inside(edges, ranks)
    inside = [e for e in edges if ranks[e[1]] - ranks[e[0]] <= most]
    chains, count, rank_of = _cut_long_edges(len(sizes), inside, ranks)
    breadths = [size[0] for size in sizes] + [_BEND_WIDTH] * (count - len(sizes))
    across, breadth = [0.0] * count, 0.0
    for part in _connected_parts(count, chains):
        members = set(part)
        own_chains = [chain for chain in chains if chain[0] in members]
        rows = _order(part, rank_of, own_chains)
        placed = place_along(rows, *_neighbours(own_chains), breadths, gap, len(sizes))
        left = min(placed[v] - breadths[v] / 2 for v in part) - (breadth + 2 * gap if breadth else 0.0)
        for v in part:
            across[v] = placed[v] - left
        breadth = max(across[v] + breadths[v] / 2 for v in part)
    tops, bottoms = _rank_depths(ranks, sizes, rank_gap)
    middles = [(top + bottom) / 2 for top, bottom in zip(tops, bottoms)]
    points = [(across[v], middles[rank_of[v]]) for v in range(count)]
    outside = {i: e for i, e in enumerate(edges) if ranks[e[1]] - ranks[e[0]] > most}
    lane_of = _lanes(list(outside.values()), ranks)
    lanes = {i: lane_of[source] for i, (source, _) in outside.items()}
    ways = iter(chains)
    routes = []
    for i, (source, target) in enumerate(edges):
        if i not in lanes:
            routes.append([points[v] for v in next(ways)])
            continue
        lane = breadth + gap + lanes[i] * _BEND_WIDTH
        beside = [(lane, middle) for middle in middles[ranks[source] + 1 : ranks[target]]]
        routes.append([points[source], *beside, points[target]])
    breadth += gap + (max(lanes.values()) + 1) * _BEND_WIDTH if lanes else 0.0
    return Layout(points[: len(sizes)], routes, ranks, tops, bottoms, breadth, bottoms[-1] if bottoms else 0.0, lanes)


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Rank by the longest path from the sources; then sources stand right above their first user."""
    ranks = [0] * count
    for source, target in sorted(edges, key=lambda e: e[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    users: dict[int, list[int]] = defaultdict(list)
    fed = {target for _, target in edges}
    for source, target in edges:
        users[source].append(target)
    for v in range(count):
        if v not in fed and users[v]:
            ranks[v] = min(ranks[u] for u in users[v]) - 1
    return ranks


def _longest_inside(edges: Sequence[Edge], ranks: list[int]) -> int:
    """Return how many ranks further the arrows may lead that run among the boxes: half of it while bends are many."""
    spans: dict[int, set[int]] = defaultdict(set)
    for source, target in edges:
        spans[source].add(ranks[target] - ranks[source])
    most = max((max(found) for found in spans.values()), default=0)
    while most > _LEAST_SPAN:
        if sum(max((span - 1 for span in found if span <= most), default=0) for found in spans.values()) <= _MOST_BENDS:
            break
        most //= 2
    return most


def _lanes(edges: Sequence[Edge], ranks: list[int]) -> dict[int, int]:
    """Return the lane in which the arrows of each source run: the shortest first, innermost."""
    ends: dict[int, int] = {}
    for source, target in edges:
        ends[source] = max(ends.get(source, 0), ranks[target])
    taken = [0] * (max(ranks, default=0) + 1)
    lanes: dict[int, int] = {}
    for source in sorted(ends, key=lambda s: (ends[s] - ranks[s], s)):
        crossed = slice(ranks[source], ends[source] + 1)
        lanes[source] = max(taken[crossed])
        taken[crossed] = [lanes[source] + 1] * len(taken[crossed])
    return lanes


def _cut_long_edges(count: int, edges: Sequence[Edge], ranks: list[int]) -> tuple[list[list[int]], int, list[int]]:
    """Return each edge's chain of vertices, the number of vertices with bends, and every vertex's rank.

    Edges of one source share their bends: they run as one line until they part.
    """
    rank_of = list(ranks)
    shared: dict[Edge, int] = {}
    chains: list[list[int]] = []
    for source, target in edges:
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            if (source, rank) not in shared:
                shared[source, rank] = count
                rank_of.append(rank)
                count += 1
            chain.append(shared[source, rank])
        chains.append([*chain, target])
    return chains, count, rank_of


def _connected_parts(count: int, chains: list[list[int]]) -> list[list[int]]:
    """Return the vertices in sets that no edge joins, by their first vertex: each is laid out beside the last."""
    parent = list(range(count))

    def root(v: int) -> int:
        while parent[v] != v:
            parent[v] = v = parent[parent[v]]
        return v

    for chain in chains:
        for a, b in itertools.pairwise(chain):
            first, second = sorted((root(a), root(b)))
            parent[second] = first
    parts: dict[int, list[int]] = defaultdict(list)
    for v in range(count):
        parts[root(v)].append(v)
    return list(parts.values())


def _neighbours(chains: list[list[int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for upper, lower in dict.fromkeys((a, b) for chain in chains for a, b in itertools.pairwise(chain)):
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _order(part: list[int], rank_of: list[int], chains: list[list[int]]) -> list[list[int]]:
    """Return the vertices of each rank in an order with few crossings: the best of some barycentre sweeps."""
    by_rank: dict[int, list[int]] = defaultdict(list)
    for v in part:
        by_rank[rank_of[v]].append(v)
    rows = [by_rank[rank] for rank in sorted(by_rank)]
    above, below = _neighbours(chains)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(min(_MOST_SWEEPS, max(_LEAST_SWEEPS, _SWEPT // max(len(part), 1)))):
        rows = [list(row) for row in rows]
        downward = sweep % 2 == 0
        fixed = above if downward else below
        for row, previous in _row_pairs(rows, downward):
            place = {v: i for i, v in enumerate(previous)}
            keys = {}
            for i, v in enumerate(row):
                near = [place[u] for u in fixed[v]]
                keys[v] = (sum(near) / len(near) if near else i * len(previous) / len(row), i)
            row.sort(key=keys.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _row_pairs(rows: list[list[int]], downward: bool) -> list[tuple[list[int], list[int]]]:
    """Return (row, the row it is aligned to) in the order of a sweep."""
    if downward:
        return list(zip(rows[1:], rows))
    return list(zip(rows[-2::-1], rows[::-1]))


def _crossings(rows: list[list[int]], below: dict[int, list[int]]) -> int:
    """Count the crossing pairs between neighbouring ranks, with a Fenwick tree over the lower row."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {v: i for i, v in enumerate(lower)}
        ends = [p for v in upper for p in sorted(place[u] for u in below[v])]
        tree = [0] * (len(lower) + 1)
        for seen, end in enumerate(ends):
            total += seen
            i = end + 1
            while i:
                total -= tree[i]
                i &= i - 1
            i = end + 1
            while i < len(tree):
                tree[i] += 1
                i += i & -i
    return total


def _rank_depths(
    ranks: list[int], sizes: Sequence[tuple[float, float]], rank_gap: float
) -> tuple[list[float], list[float]]:
    tallest: dict[int, float] = defaultdict(float)
    for rank, (_, depth) in zip(ranks, sizes):
        tallest[rank] = max(tallest[rank], depth)
    tops: list[float] = []
    bottoms: list[float] = []
    top = 0.0
    for rank in sorted(tallest):
        tops.append(top)
        bottoms.append(top + tallest[rank])
        top = bottoms[-1] + rank_gap
    return tops, bottoms
