"""Boxes in boxes: nodes in their scopes, and where everything stands inside the scope around it.

A scope's picture depends on what is directly in it, so that scopes which look alike share a layout, and a scope that
a pass did not touch is the same before and after.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from graphc.viz.layout import lay_out

OP_SIZE = (170.0, 36.0)
SCOPE_SIZE = (190.0, 44.0)
PORT_SIZE = (130.0, 20.0)
_GAP, _RANK_GAP = 18.0, 30.0
_MOST_PORTS = 8
Path = tuple[str, ...]
# A node by its number, a scope inside by its path, or a producer outside by its name.
Child = Union[int, Path, str]


@dataclass(slots=True)
class _Scope:
    path: Path
    children: dict[Child, None] = field(default_factory=dict)
    edges: dict[tuple[Child, Child], None] = field(default_factory=dict)
    ports: int = 0


class Nests:
    """The scopes and layouts of a page, each once; `scopes` and `layouts` are lists for JSON.

    A scope is [name, children, layout, edges, back edges]: a child is a node's number, ~number of a scope, or the
    text of a port; edges are pairs of positions among the children. A layout is [ranks, centres, the places of each
    edge's bends, breadth].
    """

    def __init__(self) -> None:
        self.scopes: list[list[Any]] = []
        self.layouts: list[list[Any]] = []
        self._scope_numbers: dict[object, int] = {}
        self._layout_numbers: dict[object, int] = {}

    def add(self, paths: Sequence[tuple[int, Path]], edges: Iterable[tuple[int, int]], names: Sequence[str]) -> int:
        """Return the number of the outermost scope of nodes, each with the path of its scope; producers first.

        `edges` join nodes by number, `names` are what nodes are called as ports.
        """
        scopes: dict[Path, _Scope] = {(): _Scope(())}
        place = dict(paths)
        for number, path in paths:
            for depth, _ in enumerate(path):
                inner = path[: depth + 1]
                scopes.setdefault(inner, _Scope(inner))
                scopes[path[:depth]].children.setdefault(inner)
            scopes[path].children.setdefault(number)
        for source, target in edges:
            _add_edge(scopes, source, place[source], target, place[target], names)
        return self._finish((), scopes)

    def _finish(self, path: Path, scopes: dict[Path, _Scope]) -> int:
        scope = scopes[path]
        order = _sources_first(list(scope.children), scope.edges)
        numbers = {child: i for i, child in enumerate(order)}
        written: list[int | str] = []
        sizes = []
        for child in order:
            match child:
                case tuple():
                    written.append(~self._finish(child, scopes))
                    sizes.append(SCOPE_SIZE)
                case str():
                    written.append(child)
                    sizes.append(PORT_SIZE)
                case _:
                    written.append(child)
                    sizes.append(OP_SIZE)
        pairs = [(numbers[a], numbers[b]) for a, b in scope.edges]
        forward = sorted((a, b) for a, b in pairs if a < b)
        backward = sorted((a, b) for a, b in pairs if a > b)
        layout = self._layout(tuple(sizes), tuple(forward))
        name = path[-1] if path else ""
        content = [name, written, layout, [i for pair in forward for i in pair], [i for pair in backward for i in pair]]
        key = repr(content)
        if key not in self._scope_numbers:
            self._scope_numbers[key] = len(self.scopes)
            self.scopes.append(content)
        return self._scope_numbers[key]

    def _layout(self, sizes: tuple[tuple[float, float], ...], edges: tuple[tuple[int, int], ...]) -> int:
        key = (sizes, edges)
        if key not in self._layout_numbers:
            found = lay_out(sizes, edges, _GAP, _RANK_GAP)
            # Of an arrow beside the boxes its lane, of the others where they cross each rank.
            bends = [found.lanes.get(i, [round(x) for x, _ in r[1:-1]]) for i, r in enumerate(found.routes)]
            centres = [round(x) for x, _ in found.centres]
            self._layout_numbers[key] = len(self.layouts)
            self.layouts.append([found.ranks, centres, bends, round(found.breadth)])
        return self._layout_numbers[key]


def _add_edge(
    scopes: dict[Path, _Scope], source: int, outside: Path, target: int, inside: Path, names: Sequence[str]
) -> None:
    """Join two nodes in the innermost scope around both, and show the source as a port in the scopes further in."""
    common = 0
    while common < min(len(outside), len(inside)) and outside[common] == inside[common]:
        common += 1
    first: Child = outside[: common + 1] if len(outside) > common else source
    second: Child = inside[: common + 1] if len(inside) > common else target
    if first != second:
        scopes[inside[:common]].edges.setdefault((first, second))
    port = "/".join(outside) or names[source]
    for depth in range(common + 1, len(inside) + 1):
        scope = scopes[inside[:depth]]
        child: Child = inside[: depth + 1] if len(inside) > depth else target
        if port not in scope.children and scope.ports < _MOST_PORTS:
            scope.children[port] = None
            scope.ports += 1
        if port in scope.children:
            scope.edges.setdefault((port, child))


def _sources_first(children: list[Child], edges: Iterable[tuple[Child, Child]]) -> list[Child]:
    """Return the children, each after those that feed it where that can be; else as they came."""
    position = {child: i for i, child in enumerate(children)}
    waiting = [0] * len(children)
    users: list[list[int]] = [[] for _ in children]
    for a, b in edges:
        users[position[a]].append(position[b])
        waiting[position[b]] += 1
    ready = [i for i, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    left = dict.fromkeys(range(len(children)))
    order: list[Child] = []
    while left:
        # In a circle (a layer that is used again behind what it feeds) the first to come is the first to stand.
        i = heapq.heappop(ready) if ready else next(iter(left))
        if i not in left:
            continue
        del left[i]
        order.append(children[i])
        for user in users[i]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    return order
