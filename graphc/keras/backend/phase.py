"""Which nodes depend on the learning phase: found once for each node, then remembered."""

from __future__ import annotations

import weakref

from graphc.graph import Node

_phases: weakref.WeakSet[Node] = weakref.WeakSet()
_known: weakref.WeakKeyDictionary[Node, bool] = weakref.WeakKeyDictionary()


def register(n: Node) -> None:
    """Make the placeholder `n` a learning phase."""
    _phases.add(n)
    _known[n] = True


def is_phase(n: Node) -> bool:
    """Tell whether `n` is a learning-phase placeholder."""
    return n in _phases


def phases() -> tuple[Node, ...]:
    """Return every learning-phase placeholder that is alive."""
    return tuple(_phases)


def reached_from(n: Node) -> bool:
    """Tell whether the value of `n` depends on a learning phase."""
    stack = [n]
    while stack:
        top = stack[-1]
        if top in _known:
            stack.pop()
            continue
        unknown = [i for i in top.inputs if i not in _known]
        if unknown:
            stack.extend(unknown)
            continue
        _known[top] = any(_known[i] for i in top.inputs)
        stack.pop()
    return _known[n]
