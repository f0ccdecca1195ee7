"""Pictures of models: plot_model and model_to_dot."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import graphc
from graphc.errors import ExecutionError, GraphError
from graphc.keras.utils.location import located

_SVG_CONVERTERS = {
    "rsvg-convert": ("png", "pdf", "ps", "eps"),
    "inkscape": ("png", "pdf", "ps", "eps"),
}


class ConverterError(ExecutionError, OSError):
    """No program is there that can draw the wanted format, or it failed."""


class Dot:
    """The picture of a model, with the methods of pydot's graphs that notebooks use.

    Drawn here, without Graphviz, as DOT, SVG and (with Pillow) PNG; other formats need one of the programs dot,
    rsvg-convert and inkscape, or the package cairosvg.
    """

    def __init__(self, picture: Any) -> None:
        self.picture = picture

    def to_string(self) -> str:
        """Return the picture in Graphviz's language."""
        return str(self.picture.dot)

    def create(self, prog: str | None = None, format: str = "svg") -> bytes:
        """Return the picture in a format: svg, dot (gv, raw), png and whatever a converter knows.

        `prog` names Graphviz's program for layout; given, it draws svg too, where it is installed. Raises
        ConverterError where nothing can draw the format.
        """
        form = format.lower()
        if form in ("dot", "gv", "raw"):
            return self.to_string().encode()
        if prog is not None and shutil.which(prog):
            return _run([prog, f"-T{form}"], self.to_string())
        return str(self.picture.svg).encode() if form == "svg" else _converted(self.picture, form)

    def create_svg(self, prog: str | None = None) -> bytes:
        """Return the picture as an SVG document."""
        return self.create(prog, "svg")

    def create_png(self, prog: str | None = None) -> bytes:
        """Return the picture as PNG."""
        return self.create(prog, "png")

    def write(self, path: str | os.PathLike[str], prog: str | None = None, format: str = "raw") -> bool:
        """Write the picture in a format to a file; return True."""
        Path(path).write_bytes(self.create(prog, format))
        return True

    def write_svg(self, path: str | os.PathLike[str], prog: str | None = None) -> bool:
        """Write the picture as an SVG document; return True."""
        return self.write(path, prog, "svg")

    def write_png(self, path: str | os.PathLike[str], prog: str | None = None) -> bool:
        """Write the picture as PNG; return True."""
        return self.write(path, prog, "png")

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return str(self.picture.svg)


def _converted(picture: Any, form: str) -> bytes:
    if shutil.which("dot"):
        return _run(["dot", f"-T{form}"], picture.dot)
    for program, forms in _SVG_CONVERTERS.items():
        if form in forms and shutil.which(program):
            options = ["-f", form] if program == "rsvg-convert" else ["--pipe", f"--export-type={form}", "-o", "-"]
            return _run([program, *options], picture.svg)
    try:
        # An optional package.
        import cairosvg
    except ImportError:
        cairosvg = None
    convert = getattr(cairosvg, f"svg2{form}", None)
    if convert is None and form == "png" and find_spec("PIL") is not None:
        return bytes(picture.png)
    if convert is None:
        raise ConverterError(
            located(
                f"Nothing here can draw a model as {form}: install Graphviz (the program dot), rsvg-convert, inkscape, "
                "or the package cairosvg (for png Pillow is enough). Formats that need none of them: svg, dot."
            )
        )
    converted: bytes = convert(bytestring=picture.svg.encode())
    return converted


def _run(command: list[str], text: str) -> bytes:
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        message = done.stderr.decode(errors="replace").strip()
        raise ConverterError(located(f"`{' '.join(command)}` failed ({done.returncode}): {message}"))
    return done.stdout


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
) -> Dot:
    """Return the picture of a model's layers, with their shapes and names where wanted.

    `rankdir` is TB (top to bottom) or LR (left to right); `expand_nested` draws the layers of models in the model.
    Raises GraphError (a ValueError) for another `rankdir`.
    """
    if rankdir != "TB" and rankdir != "LR":
        raise GraphError(located(f"`rankdir` should be TB or LR, got {rankdir!r}"))
    direction: Literal["TB", "LR"] = rankdir  # type: ignore[assignment]
    picture = graphc.plot(
        model, direction=direction, shapes=show_shapes, names=show_layer_names, expand_nested=expand_nested
    )
    return Dot(picture)


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
) -> None:
    """Write the picture of a model's layers to a file; the ending decides the format, PNG without one.

    Raises ConverterError where a format needs a program that is not installed: svg, dot and (with Pillow) png need
    none.
    """
    dot = model_to_dot(model, show_shapes, show_layer_names, rankdir, expand_nested)
    dot.write(to_file, format=Path(to_file).suffix[1:] or "png")
