"""Scopes in scopes: what is in which, what joins them, and that equal ones are one."""

from __future__ import annotations

import pytest

from graphc.viz.explorer.nest import Nests


def test_edges_stand_in_the_innermost_scope_around_both() -> None:
    nests = Nests()
    # 0 -> 1 inside a, 1 -> 2 from a to b, both in the outermost scope.
    root = nests.add([(0, ("a",)), (1, ("a",)), (2, ("b",))], [(0, 1), (1, 2)], ["x", "y", "z"])
    name, children, _, edges, back = nests.scopes[root]
    assert (name, len(children), edges, back) == ("", 2, [0, 1], [])
    first, second = (nests.scopes[~child] for child in children)
    assert (first[0], first[1], first[3]) == ("a", [0, 1], [0, 1])
    assert (second[0], second[1], second[3]) == ("b", ["a", 2], [0, 1])


def test_a_node_of_the_outermost_scope_is_a_port_by_its_name() -> None:
    nests = Nests()
    root = nests.add([(0, ()), (1, ("a", "b"))], [(0, 1)], ["image", "y"])
    [outer] = [nests.scopes[~c] for c in nests.scopes[root][1] if c < 0]
    assert outer[1][0] == "image"
    assert nests.scopes[~outer[1][1]][1] == ["image", 1]


def test_layers_used_twice_make_a_line_back() -> None:
    nests = Nests()
    root = nests.add([(0, ("a",)), (1, ("b",)), (2, ("a",))], [(0, 1), (1, 2)], ["x", "y", "z"])
    _, children, _, edges, back = nests.scopes[root]
    assert [nests.scopes[~c][0] for c in children] == ["a", "b"]
    assert (edges, back) == ([0, 1], [1, 0])


def test_equal_scopes_and_layouts_are_one() -> None:
    nests = Nests()
    paths = [(0, ("a",)), (1, ("a",))]
    assert nests.add(paths, [(0, 1)], ["x", "y"]) == nests.add(paths, [(0, 1)], ["x", "y"])
    assert len(nests.scopes) == 2
    nests.add([(2, ("c",)), (3, ("c",))], [(2, 3)], ["x", "y", "z", "w"])
    assert len(nests.layouts) == 2


@pytest.mark.parametrize("count", [20])
def test_ports_are_few(count: int) -> None:
    nests = Nests()
    paths = [*((i, ()) for i in range(count)), (count, ("a",))]
    root = nests.add(paths, [(i, count) for i in range(count)], [f"x{i}" for i in range(count + 1)])
    [inner] = [nests.scopes[~c] for c in nests.scopes[root][1] if c < 0]
    assert sum(isinstance(child, str) for child in inner[1]) == 8
