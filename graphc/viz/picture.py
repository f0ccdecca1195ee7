"""Picture: boxes and arrows, before any drawing. What `plot` returns; prints as DOT and as SVG."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphc.errors import GraphcError
from graphc.viz.dot import to_dot_text
from graphc.viz.shapes import Arrow, Box
from graphc.viz.svg import to_svg_text

Direction = Literal["TB", "LR"]


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes joined by arrows, with a title. `direction` is TB (top to bottom) or LR (left to right)."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    direction: Direction = "TB"

    @property
    def dot(self) -> str:
        """The picture in Graphviz's language."""
        return to_dot_text(self.title, self.boxes, self.arrows, self.direction)

    @property
    def svg(self) -> str:
        """The picture as an SVG document, laid out here: Graphviz is not needed."""
        return to_svg_text(self.title, self.boxes, self.arrows, self.direction)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture and return its path; the ending, .svg or .dot (.gv), decides the form.

        The file appears whole or not at all. Raises GraphcError for another ending.
        """
        target = Path(path)
        if target.suffix not in (".svg", ".dot", ".gv"):
            raise GraphcError(f"cannot draw '{target.name}': the name must end in .svg, .dot or .gv")
        write_atomically(target, self.svg if target.suffix == ".svg" else self.dot)
        return target

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return self.svg


def write_atomically(target: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp gives 0600; a picture is as readable as any new file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
