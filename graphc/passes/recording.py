"""What the rules did: a log that is kept only while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from graphc.graph import Node
from graphc.records import record


@record
class Rewrite:
    """What became of a node. `algebra` is the rule that did it (`x * 1 -> x`); empty where a pass has no rules, or
    where only the inputs are others."""

    algebra: str
    before: Node
    after: Node


_log: ContextVar[list[Rewrite] | None] = ContextVar("log", default=None)


@contextmanager
def recording() -> Iterator[list[Rewrite]]:
    """Collect the rewrites of the block, in order."""
    rewrites: list[Rewrite] = []
    token = _log.set(rewrites)
    try:
        yield rewrites
    finally:
        _log.reset(token)


def record_rewrite(algebra: str, before: Node, after: Node) -> None:
    """Add a rewrite to the log, where one is kept."""
    log = _log.get()
    if log is not None:
        log.append(Rewrite(algebra, before, after))
