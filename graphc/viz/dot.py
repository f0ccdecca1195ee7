"""DOT text of boxes and arrows."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.viz.shapes import NEUTRAL, Arrow, Box, group_colours

_SHAPES = {"box": "box", "round": "ellipse", "plain": "plaintext"}


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def to_dot_text(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> str:
    """Return the DOT text: one line a box, then one line an arrow, in the order given."""
    colours = group_colours(tuple(boxes))
    lines = [
        f"digraph {_quote(title)} {{",
        f'  rankdir={direction}; label={_quote(title)}; labelloc=t; fontname="monospace";',
        '  node [fontname="monospace", fontsize=11, style=filled]; edge [fontname="monospace", fontsize=9];',
    ]
    for b in boxes:
        attributes = {
            "label": "\n".join((b.title, *b.details)),
            "shape": _SHAPES[b.form],
            "fillcolor": colours.get(b.group or "", NEUTRAL),
            "tooltip": b.note or b.title,
        }
        if b.thick:
            attributes["penwidth"] = "2.5"
        text = ", ".join(f"{name}={_quote(value)}" for name, value in attributes.items())
        lines.append(f"  {_quote(b.key)} [{text}];")
    for a in arrows:
        attributes = ({"label": a.label} if a.label else {}) | ({"style": "dashed"} if a.dashed else {})
        text = ", ".join(f"{name}={_quote(value)}" for name, value in attributes.items())
        lines.append(f"  {_quote(a.source)} -> {_quote(a.target)}{f' [{text}]' if text else ''};")
    return "\n".join([*lines, "}", ""])
