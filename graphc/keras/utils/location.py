"""Where an error or a warning comes from: the layer at work, and the user's source line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from graphc import graph

_PACKAGE = str(Path(graph.__file__).parents[1])
_subject: ContextVar[str | None] = ContextVar("subject", default=None)


@contextmanager
def about(name: str) -> Iterator[None]:
    """Name the layer `name` in the errors of the block, which makes or calls it."""
    token = _subject.set(name)
    try:
        yield
    finally:
        _subject.reset(token)


def located(message: str) -> str:
    """Return `message` after the layer at work, and before ` [file:line]` of the user's code that led here.

    The layer is left out where the message names it, either where there is none.
    """
    name = _subject.get()
    if name is not None and name not in message:
        message = f"Layer {name}: {message}"
    source = graph.current_provenance().source
    return f"{message} [{source}]" if source else message


def warn(message: str) -> None:
    """Warn (UserWarning) at the user's line that led here."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
