"""Where a node came from: the layer being called and the user's own source line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
_layer: ContextVar[str | None] = ContextVar("layer", default=None)


@dataclass(frozen=True, slots=True)
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
    frame = sys._getframe(1)
    # Python's own start-up code is nobody's line.
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<frozen ")):
        frame = frame.f_back  # type: ignore[assignment]
    source = None if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return Provenance(_layer.get(), source)
