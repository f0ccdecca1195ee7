"""Which values to keep from one loop for another, and which to compute again: a minimum cut."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from itertools import pairwise

from graphc import dtypes, symbolic
from graphc.graph.graph import topological_order
from graphc.graph.node import Node

# The size that a run-time dim is taken to have, and costs in bytes moved: a kept byte is written and read again, about
# two scalar operations take as long as a byte, and each kept value is one more stream.
_NOMINAL_SIZE = 32
_KEPT_BYTE = 2.0
_OPERATION = 0.5
_STREAM = 64.0
_NEVER = float("inf")


def cheapest_to_keep(targets: Iterable[Node], free: Collection[Node], fixed: Collection[Node] = ()) -> tuple[Node, ...]:
    """Return the nodes to keep so that the targets can be computed from them: the cheapest cut before the targets.

    Keeping a node costs its bytes, computing one again its operations; contractions, recurrences and placeholders are
    never computed again, nor are nodes of `fixed`. Nodes of `free` are kept at no cost. (Give sets: each node is looked
    up in them.)
    """
    targets = tuple(dict.fromkeys(targets))
    network = _Network()
    order = topological_order(targets, free)
    for n in order:
        again = _NEVER if n in fixed else recomputing(n)
        network.add(_START, _before(n), 0.0 if n in free else again)
        network.add(_before(n), _behind(n), 0.0 if n in free else _keeping(n))
        if n not in free:
            for i in n.inputs:
                network.add(_behind(i), _before(n), _NEVER)
    for n in targets:
        network.add(_behind(n), _END, _NEVER)
    late = network.end_side()
    return tuple(n for n in order if _behind(n) in late and _before(n) not in late)


def _keeping(n: Node) -> float:
    return _KEPT_BYTE * _size(n) * dtypes.itemsize(n.dtype) + _STREAM


def recomputing(n: Node) -> float:
    """Return the cost of computing a node again from its inputs; infinite where it is never done."""
    match n.op.kind:
        case "elementwise":
            return _OPERATION * n.op.cost * _size(n)
        case "movement":
            # Moving elements is reading them elsewhere; only what costs more than one operation computes.
            return _OPERATION * (n.op.cost - 1) * _size(n)
        case "reduction":
            return _OPERATION * n.op.cost * _size(n.inputs[0])
        case "composite":
            assert n.op.expand is not None
            body = topological_order((n.op.expand(*n.inputs, **n.attrs),), frozenset(n.inputs))
            return sum(recomputing(inner) for inner in body if inner not in n.inputs)
    return 0.0 if n.op.name == "constant" else _NEVER


def _size(n: Node) -> float:
    dim = n.type.size
    return float(symbolic.evaluate(dim, dict.fromkeys(symbolic.symbols(dim), _NOMINAL_SIZE)))


_Place = tuple[str, Node | None]
_START: _Place = ("start", None)
_END: _Place = ("end", None)


def _before(n: Node) -> _Place:
    return "before", n


def _behind(n: Node) -> _Place:
    return "behind", n


class _Network:
    """A flow network; its minimum cut by the shortest augmenting paths (Edmonds and Karp, 1972)."""

    def __init__(self) -> None:
        self._rest: dict[_Place, dict[_Place, float]] = defaultdict(dict)

    def add(self, source: _Place, target: _Place, capacity: float) -> None:
        self._rest[source][target] = self._rest[source].get(target, 0.0) + capacity
        self._rest[target].setdefault(source, 0.0)

    def end_side(self) -> set[_Place]:
        """Return the places on the end's side of the minimum cut that is nearest to it."""
        while (path := self._path()) is not None:
            flow = min(self._rest[a][b] for a, b in pairwise(path))
            for a, b in pairwise(path):
                self._rest[a][b] -= flow
                self._rest[b][a] += flow
        side = {_END}
        waiting = [_END]
        while waiting:
            place = waiting.pop()
            for previous in self._rest[place]:
                if previous not in side and self._rest[previous][place] > 0:
                    side.add(previous)
                    waiting.append(previous)
        return side

    def _path(self) -> list[_Place] | None:
        """Return a shortest path from start to end along which something still flows."""
        came_from: dict[_Place, _Place] = {_START: _START}
        waiting = deque([_START])
        while waiting:
            place = waiting.popleft()
            for target, rest in self._rest[place].items():
                if rest > 0 and target not in came_from:
                    came_from[target] = place
                    if target == _END:
                        return _walked_back(came_from)
                    waiting.append(target)
        return None


def _walked_back(came_from: dict[_Place, _Place]) -> list[_Place]:
    path = [_END]
    while path[-1] != _START:
        path.append(came_from[path[-1]])
    return path[::-1]
