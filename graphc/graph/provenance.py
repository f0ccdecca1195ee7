"""Where a node came from: the layer being called and the user's own source line."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

from graphc.records import record

_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
_STANDARD = str(Path(os.__file__).parent) + os.sep
_layer: ContextVar[str | None] = ContextVar("layer", default=None)


@record
class Provenance:
    """The layer's name (None outside layers) and the user's `file:line` (None where there is none).

    `backward` tells nodes of a gradient: they have the layer and the line of what they are the gradient of.
    """

    layer: str | None = None
    source: str | None = None
    backward: bool = False

    def __str__(self) -> str:
        layer = f"layer '{self.layer}'" if self.layer else ""
        return ", ".join(part for part in (layer, self.place) if part)

    @property
    def place(self) -> str:
        """The user's `file:line`, the file as seen from the current folder where it lies inside; empty for none."""
        here = os.getcwd() + os.sep
        return (self.source or "").removeprefix(here)


_inherited: ContextVar[Provenance | None] = ContextVar("inherited", default=None)


@contextmanager
def layer_scope(name: str) -> Iterator[None]:
    """Give nodes made in the block the layer `name`; scopes nest as `outer/inner`."""
    outer = _layer.get()
    token = _layer.set(f"{outer}/{name}" if outer else name)
    try:
        yield
    finally:
        _layer.reset(token)


@contextmanager
def inheriting(provenance: Provenance) -> Iterator[None]:
    """Give nodes made in the block this provenance: rewriting keeps the user's line."""
    token = _inherited.set(provenance)
    try:
        yield
    finally:
        _inherited.reset(token)


def current() -> Provenance:
    """Return the provenance of a node made now."""
    inherited = _inherited.get()
    if inherited is not None:
        return inherited
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return _provenance(_layer.get(), *((None, 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)))


@functools.cache
def _is_own(file: str) -> bool:
    # Python's start-up code and its own library (`json` calling us back) are nobody's line; others' packages are.
    is_standard = file.startswith(_STANDARD) and not file.startswith((_STANDARD + "site-packages", _STANDARD + "dist-"))
    return is_standard or file.startswith((_PACKAGE, "<frozen "))


# A layer makes dozens of nodes for one line.
@functools.lru_cache(maxsize=256)
def _provenance(layer: str | None, file: str | None, line: int) -> Provenance:
    return Provenance(layer, None if file is None else f"{file}:{line}")
