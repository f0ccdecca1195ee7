"""The layout: boxes never overlap, arrows go down, the same input gives the same picture."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.viz.layout import lay_out


@st.composite
def diagrams(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    count = draw(st.integers(1, 14))
    sizes = draw(st.lists(st.tuples(st.floats(5, 200), st.floats(5, 60)), min_size=count, max_size=count))
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=24)) if pairs else []
    return sizes, edges


@given(diagrams())
def test_boxes_keep_their_distance_and_stay_inside(
    diagram: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = diagram
    layout = lay_out(sizes, edges, gap=20.0, rank_gap=30.0)
    for a, b in itertools.combinations(range(len(sizes)), 2):
        (xa, ya), (xb, yb) = layout.centres[a], layout.centres[b]
        beside = abs(xa - xb) >= (sizes[a][0] + sizes[b][0]) / 2 + 20.0 - 1e-6
        apart = abs(ya - yb) >= (sizes[a][1] + sizes[b][1]) / 2 + 30.0 - 1e-6
        assert beside or apart
    for (x, y), (width, height) in zip(layout.centres, sizes):
        assert width / 2 - 1e-6 <= x <= layout.breadth - width / 2 + 1e-6
        assert height / 2 - 1e-6 <= y <= layout.depth - height / 2 + 1e-6


@given(diagrams())
def test_every_arrow_goes_down_one_rank_at_a_time(
    diagram: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, edges = diagram
    layout = lay_out(sizes, edges)
    assert len(layout.routes) == len(edges)
    for (source, target), route in zip(edges, layout.routes):
        assert len(route) == layout.ranks[target] - layout.ranks[source] + 1
        assert all(upper[1] < lower[1] for upper, lower in itertools.pairwise(route))


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out([(40.0, 10.0), (80.0, 10.0), (60.0, 10.0)], [(0, 1), (1, 2)])
    assert {round(x, 6) for x, _ in layout.centres} == {40.0}


def test_a_chain_stays_straight_beside_the_long_arrows_that_leave_it() -> None:
    chain = [(i, i + 1) for i in range(6)]
    layout = lay_out([(40.0 + i, 10.0) for i in range(7)], [*chain, (0, 6), (1, 5), (2, 6)])
    assert len({round(x, 6) for x, _ in layout.centres}) == 1


def test_a_long_arrow_is_straight_between_its_first_and_its_last_piece() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5), (1, 4)]
    layout = lay_out([(40.0, 10.0)] * 6, edges)
    for edge, route in zip(edges, layout.routes):
        assert len({round(x, 6) for x, _ in route[1:-1]}) <= 1, edge


def test_of_too_many_bends_the_longest_arrows_run_beside_the_drawing() -> None:
    half = 400
    forward = [(i, i + 1) for i in range(2 * half - 1)]
    waiting = [(i, 2 * half - 1 - i) for i in range(half)]  # each array waits for its gradient
    layout = lay_out([(40.0, 10.0)] * (2 * half), [*forward, *waiting], gap=20.0)
    boxes = max(x + 20.0 for x, _ in layout.centres)
    beside = [{x for x, _ in route[1:-1]} for route in layout.routes[len(forward) :]]
    outside = [xs for xs in beside if xs and min(xs) > boxes]
    assert 200 < len(outside) < half, "the shortest stay inside"
    assert all(len(xs) == 1 for xs in outside), "a lane is straight"
    lanes = [x for xs in outside for x in xs]
    assert lanes == sorted(lanes, reverse=True) and len(set(lanes)) == len(lanes), "arrows that lie within each other"
    assert max(lanes) < layout.breadth
    for (source, target), route in zip(waiting, layout.routes[len(forward) :]):
        assert len(route) == layout.ranks[target] - layout.ranks[source] + 1


def test_arrows_one_after_the_other_share_a_lane() -> None:
    half = 200
    forward = [(i, i + 1) for i in range(4 * half - 1)]
    nests = [[(i + start, 2 * half - 1 - i + start) for i in range(half)] for start in (0, 2 * half)]
    layout = lay_out([(40.0, 10.0)] * (4 * half), [*forward, *nests[0], *nests[1]])
    boxes = max(x for x, _ in layout.centres)
    routes = layout.routes[len(forward) :]
    first, second = (
        {route[1][0] for route in part if len(route) > 2 and route[1][0] > boxes + 20.0}
        for part in (routes[:half], routes[half:])
    )
    assert first == second and len(first) > 100


def test_two_crossed_arrows_are_uncrossed() -> None:
    layout = lay_out([(40.0, 10.0)] * 4, [(0, 3), (1, 2)])
    upper = layout.centres[0][0] < layout.centres[1][0]
    lower = layout.centres[3][0] < layout.centres[2][0]
    assert upper == lower


def test_a_source_stands_right_above_its_only_user() -> None:
    layout = lay_out([(40.0, 10.0)] * 5, [(0, 1), (1, 2), (2, 4), (3, 4)])
    assert layout.ranks == [0, 1, 2, 2, 3]


def test_parts_that_nothing_joins_stand_side_by_side() -> None:
    layout = lay_out([(40.0, 10.0)] * 6, [(0, 2), (2, 4), (1, 3), (3, 5)], gap=20.0)
    assert [x for x, _ in layout.centres] == pytest.approx([20.0, 100.0] * 3)
    assert layout.breadth == pytest.approx(120.0)


def test_nothing_gives_an_empty_layout() -> None:
    layout = lay_out([], [])
    assert (layout.centres, layout.breadth, layout.depth) == ([], 0.0, 0.0)


@pytest.mark.parametrize("count", [400])
def test_deep_diagrams_are_laid_out(count: int) -> None:
    edges = [(i, i + 1) for i in range(count - 1)] + [(0, i) for i in range(20, count, 20)]
    layout = lay_out([(30.0, 10.0)] * count, edges)
    assert max(layout.ranks) == count - 1
