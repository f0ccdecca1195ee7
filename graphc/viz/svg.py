"""SVG text of boxes and arrows, laid out here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from graphc.viz.layout import Layout, lay_out
from graphc.viz.shapes import NEUTRAL, Arrow, Box, group_colours

_TITLE_SIZE, _DETAIL_SIZE = 13, 11
# Every font of this family is at most this wide, in units of its size: widths are known without measuring.
_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
_ADVANCE = 0.61
_PADDING = 9.0
_MARGIN = 20.0
_LEGEND_ROW = 18.0
Point = tuple[float, float]


def _text_width(text: str, size: int) -> float:
    return len(text) * size * _ADVANCE


def _box_size(b: Box) -> tuple[float, float]:
    width = max([_text_width(b.title, _TITLE_SIZE), *(_text_width(line, _DETAIL_SIZE) for line in b.details)])
    height = _TITLE_SIZE + 3 + len(b.details) * (_DETAIL_SIZE + 4)
    return width + 2 * _PADDING + (8 if b.form == "round" else 0), height + 2 * _PADDING - 4


def to_svg_text(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> str:
    """Return the SVG document. Boxes stand before what they feed; arrows back to earlier ones go around the side."""
    index = {b.key: i for i, b in enumerate(boxes)}
    forward = [a for a in arrows if index[a.source] < index[a.target]]
    edges = [(index[a.source], index[a.target]) for a in forward]
    sizes = [_box_size(b) for b in boxes]
    flat = direction == "LR"
    layout = lay_out([(h, w) for w, h in sizes] if flat else sizes, edges)
    colours = group_colours(tuple(boxes))
    legend = _legend(colours)
    heading = _MARGIN + _TITLE_SIZE + 14.0
    span = (layout.depth, layout.breadth) if flat else (layout.breadth, layout.depth)
    width = max(span[0], _text_width(title, _TITLE_SIZE + 2), *(w for _, w in legend), 1.0) + 2 * _MARGIN
    legend_top = heading + span[1] + _MARGIN
    height = legend_top + len(legend) * _LEGEND_ROW + (_MARGIN if legend else 0)
    shift = (_MARGIN + (width - 2 * _MARGIN - span[0]) / 2, heading)

    def place(breadth: float, depth: float) -> Point:
        x, y = (depth, breadth) if flat else (breadth, depth)
        return x + shift[0], y + shift[1]

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family={quoteattr(_FONT)}>',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + _TITLE_SIZE:.1f}" font-size="{_TITLE_SIZE + 2}" font-weight="bold">'
        f"{escape(title)}</text>",
    ]
    labels: list[str] = []
    ends = _spread_ends(layout.routes, edges, [size[1 if flat else 0] for size in sizes])
    for a, (source, target), route, end in zip(forward, edges, layout.routes, ends):
        half = sizes[source][0 if flat else 1] / 2, sizes[target][0 if flat else 1] / 2
        points = _waypoints(layout, [*route[:-1], (end, route[-1][1])], layout.ranks[source], half)
        placed = [place(*p) for p in points]
        parts.append(_arrow(a, placed, flat))
        if a.label:
            labels.append(_arrow_label(a.label, placed[-1], flat))
    for a in arrows:
        source, target = index[a.source], index[a.target]
        if source >= target:
            sides = [(place(*layout.centres[i]), sizes[i][0] / 2) for i in (source, target)]
            parts.append(_back_arrow([(x + reach, y) for (x, y), reach in sides]))
    parts += labels
    for b, centre, size in zip(boxes, layout.centres, sizes):
        parts.append(_box(b, place(*centre), size, colours.get(b.group or "", NEUTRAL)))
    for i, (row, _) in enumerate(legend):
        parts.append(f'<g transform="translate({_MARGIN} {legend_top + i * _LEGEND_ROW:.1f})">{row}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _spread_ends(routes: list[list[Point]], edges: list[tuple[int, int]], breadths: list[float]) -> list[float]:
    """Return where each arrow ends along its target's side: side by side, in the order they come in."""
    arriving: dict[int, list[int]] = {}
    for i, (_, target) in enumerate(edges):
        arriving.setdefault(target, []).append(i)
    ends = [route[-1][0] for route in routes]
    for target, arrows in arriving.items():
        step = min(18.0, breadths[target] / (len(arrows) + 1))
        for place, i in enumerate(sorted(arrows, key=lambda i: routes[i][-2][0])):
            ends[i] += (place - (len(arrows) - 1) / 2) * step
    return ends


def _waypoints(layout: Layout, route: list[Point], rank: int, half: tuple[float, float]) -> list[Point]:
    """Return the points a line passes: straight through the ranks it crosses, curved in the gaps between them."""
    (first, start), (last, end) = route[0], route[-1]
    points = [(first, start + half[0])]
    for step, (breadth, _) in enumerate(route[1:-1], rank + 1):
        points += [(breadth, layout.tops[step]), (breadth, layout.bottoms[step])]
    return [*points, (last, end - half[1])]


def _arrow(a: Arrow, points: list[Point], flat: bool) -> str:
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for i, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        if i % 2:
            path += f" L{x1:.1f} {y1:.1f}"
        elif flat:
            middle = (x0 + x1) / 2
            path += f" C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        else:
            middle = (y0 + y1) / 2
            path += f" C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    dash = ' stroke-dasharray="5 4"' if a.dashed else ""
    return f'<path d="{path}" fill="none" stroke="#555"{dash} marker-end="url(#head)"/>'


def _arrow_label(label: str, head: Point, flat: bool) -> str:
    """Return the label beside the arrow's head, on a white edge that keeps it readable where lines pass."""
    x, y, anchor = (head[0] - 9, head[1] - 4, "end") if flat else (head[0] + 5, head[1] - 8, "start")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="9" fill="#555" text-anchor="{anchor}" paint-order="stroke" '
        f'stroke="white" stroke-width="3">{escape(label)}</text>'
    )


def _back_arrow(ends: list[Point]) -> str:
    (x0, y0), (x1, y1) = ends
    side = max(x0, x1) + 28
    path = f"M{x0:.1f} {y0 - 5:.1f} C{side:.1f} {y0 - 25:.1f} {side:.1f} {y1 + 25:.1f} {x1:.1f} {y1 + 5:.1f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#head)"/>'


def _box(b: Box, centre: Point, size: tuple[float, float], colour: str) -> str:
    (x, y), (width, height) = centre, size
    left, top = x - width / 2, y - height / 2
    line = "none" if b.form == "plain" else "#333"
    radius = height / 2 if b.form == "round" else 4
    rows = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:.1f}" '
        f'fill="{colour}" stroke="{line}" stroke-width="{2.2 if b.thick else 1}"/>'
    ]
    baseline = top + _PADDING + _TITLE_SIZE - 3
    rows.append(
        f'<text x="{x:.1f}" y="{baseline:.1f}" font-size="{_TITLE_SIZE}" text-anchor="middle">{escape(b.title)}</text>'
    )
    for i, text in enumerate(b.details, 1):
        rows.append(
            f'<text x="{x:.1f}" y="{baseline + i * (_DETAIL_SIZE + 4):.1f}" font-size="{_DETAIL_SIZE}" '
            f'fill="#444" text-anchor="middle">{escape(text)}</text>'
        )
    return f"<g><title>{escape(b.note or b.title)}</title>{''.join(rows)}</g>"


def _legend(colours: dict[str, str]) -> list[tuple[str, float]]:
    """Return (SVG, width) of each row: a swatch and the layer's name."""
    return [
        (
            f'<rect width="12" height="12" rx="2" fill="{colour}" stroke="#333"/>'
            f'<text x="18" y="10.5" font-size="{_DETAIL_SIZE}">{escape(group)}</text>',
            18 + _text_width(group, _DETAIL_SIZE),
        )
        for group, colour in colours.items()
    ]
