"""Picture: boxes and arrows, before any drawing. What `plot` returns; prints in every form."""

from __future__ import annotations

import os
import tempfile
from html import escape
from pathlib import Path
from typing import Literal

from graphc.errors import GraphcError
from graphc.records import record
from graphc.viz.dot import to_dot_text
from graphc.viz.exports import to_graphml_text, to_json_text, to_mermaid_text
from graphc.viz.png import to_png_bytes
from graphc.viz.shapes import Arrow, Box
from graphc.viz.svg import to_svg_text

Direction = Literal["TB", "LR"]
# The ending of a file, and the property of a Picture that goes into it.
ENDINGS = {
    ".svg": "svg", ".dot": "dot", ".gv": "dot", ".png": "png", ".html": "html", ".json": "json", ".mmd": "mermaid",
    ".graphml": "graphml",
}  # fmt: skip


@record
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

    @property
    def png(self) -> bytes:
        """The picture as PNG, drawn here with Pillow. Raises GraphcError where that is not installed."""
        return to_png_bytes(self.svg)

    @property
    def html(self) -> str:
        """The picture as an HTML document that needs nothing else."""
        return f"<!doctype html>\n<meta charset=utf-8>\n<title>{escape(self.title)}</title>\n{self.svg}"

    @property
    def mermaid(self) -> str:
        """The picture as a Mermaid flowchart."""
        return to_mermaid_text(self.title, self.boxes, self.arrows, self.direction)

    @property
    def graphml(self) -> str:
        """The picture as GraphML."""
        return to_graphml_text(self.title, self.boxes, self.arrows, self.direction)

    @property
    def json(self) -> str:
        """The picture's boxes and arrows as JSON."""
        return to_json_text(self.title, self.boxes, self.arrows, self.direction)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture and return its path; the ending decides the form, one of `ENDINGS`.

        The file appears whole or not at all. Raises GraphcError for another ending.
        """
        target = Path(path)
        form = ENDINGS.get(target.suffix)
        if form is None:
            raise GraphcError(f"cannot draw '{target.name}': the name must end in {', '.join(ENDINGS)}")
        write_atomically(target, getattr(self, form))
        return target

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return self.svg

    def _repr_html_(self) -> str:
        """What notebooks show that have no place for SVG: the picture, scrolled where it is large."""
        return f'<div style="overflow: auto; max-height: 40em">{self.svg}</div>'


def write_atomically(target: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all; text as UTF-8."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        # mkstemp gives 0600; a picture is as readable as any new file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
