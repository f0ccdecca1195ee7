"""PNG from our own SVG: the few elements that `svg` writes, drawn with Pillow. No program is needed."""

from __future__ import annotations

import io
import itertools
import re
from typing import Any
from xml.etree import ElementTree

from graphc.errors import MissingPackageError

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_CURVE_STEPS = 16
# Pixels a unit: letters of nine units stay readable. Fewer where a picture would take too much memory.
_SCALE, _MOST_PIXELS = 2.0, 80e6
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
Point = tuple[float, float]


def to_png_bytes(svg: str) -> bytes:
    """Return the picture of an SVG document of this package as PNG. Raises MissingPackageError without Pillow."""
    try:
        # An optional package: pictures as SVG and DOT need none.
        from PIL import Image, ImageDraw
    except ImportError:
        raise MissingPackageError("drawing PNG needs the package Pillow (or write .svg, which needs nothing)") from None
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(name, "1")) for name in ("width", "height"))
    scale = min(_SCALE, (_MOST_PIXELS / (width * height)) ** 0.5)
    image = Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))), "white")
    _Painter(ImageDraw.Draw(image), scale).paint(root, (0.0, 0.0), {"fill": "black", "font-size": "12"})
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class _Painter:
    """Draws elements; what an element does not say of itself it has from those around it."""

    def __init__(self, draw: Any, scale: float) -> None:
        from PIL import ImageFont

        self._draw, self._scale, self._make_font = draw, scale, ImageFont.load_default
        self._fonts: dict[float, Any] = {}

    def paint(self, element: ElementTree.Element, shift: Point, around: dict[str, str]) -> None:
        """Draw an element and what is in it, moved by `shift` units."""
        given = around | element.attrib
        moved = re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
        if moved:
            shift = shift[0] + float(moved[1]), shift[1] + float(moved[2])
        match element.tag.removeprefix(_NAMESPACE):
            case "rect":
                self._rectangle(given, shift)
            case "path":
                self._path(given, shift)
            case "text":
                self._text(element.text or "", given, shift)
            case "svg" | "g":
                for child in element:
                    self.paint(child, shift, given)

    def _at(self, x: float, y: float, shift: Point) -> Point:
        return (x + shift[0]) * self._scale, (y + shift[1]) * self._scale

    def _width(self, given: dict[str, str]) -> int:
        return max(1, round(float(given.get("stroke-width", "1")) * self._scale))

    def _rectangle(self, given: dict[str, str], shift: Point) -> None:
        x, y, width, height, radius = (float(given.get(name, "0")) for name in ("x", "y", "width", "height", "rx"))
        corners = (*self._at(x, y, shift), *self._at(x + width, y + height, shift))
        line = None if given.get("stroke", "none") == "none" else given["stroke"]
        self._draw.rounded_rectangle(
            corners, radius * self._scale, fill=given["fill"], outline=line, width=self._width(given)
        )

    def _path(self, given: dict[str, str], shift: Point) -> None:
        points = [self._at(x, y, shift) for x, y in _path_points(given["d"])]
        for start, end in _dashes(points) if "stroke-dasharray" in given else itertools.pairwise(points):
            self._draw.line([start, end], fill=given["stroke"], width=self._width(given))
        if "marker-end" in given:
            self._draw.polygon(_head(points[-2], points[-1], 7.0 * self._scale), fill=given["stroke"])

    def _text(self, text: str, given: dict[str, str], shift: Point) -> None:
        size = float(given["font-size"]) * self._scale
        font = self._fonts.setdefault(size, self._make_font(size))
        place = self._at(float(given["x"]), float(given["y"]), shift)
        # The font has no arrows.
        self._draw.text(
            place, text.replace("→", "->"), given["fill"], font, anchor=_ANCHORS[given.get("text-anchor", "start")]
        )


def _path_points(path: str) -> list[Point]:
    """Return the points of a path of M, L and C commands with absolute places; curves as short lines."""
    points: list[Point] = []
    for command, text in re.findall(r"([MLC])([^MLC]*)", path):
        numbers = [float(number) for number in text.split()]
        given = list(zip(numbers[::2], numbers[1::2]))
        if command == "C":
            a, (b, c, d) = points[-1], given
            steps = [i / _CURVE_STEPS for i in range(1, _CURVE_STEPS + 1)]
            points += [(_cubic(a[0], b[0], c[0], d[0], t), _cubic(a[1], b[1], c[1], d[1], t)) for t in steps]
        else:
            points += given
    return points


def _cubic(a: float, b: float, c: float, d: float, t: float) -> float:
    s = 1 - t
    return a * s**3 + 3 * b * s * s * t + 3 * c * s * t * t + d * t**3


def _dashes(points: list[Point]) -> list[tuple[Point, Point]]:
    """Return every other piece of a line: curves are made of pieces of about a dash's length."""
    return list(itertools.pairwise(points))[::2]


def _head(before: Point, tip: Point, size: float) -> list[Point]:
    """Return the triangle at the end of an arrow."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-6)
    dx, dy = dx / length * size, dy / length * size
    return [tip, (tip[0] - dx - dy / 2, tip[1] - dy + dx / 2), (tip[0] - dx + dy / 2, tip[1] - dy - dx / 2)]
