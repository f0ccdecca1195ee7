"""Pictures in the languages of other tools: Mermaid, GraphML, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from graphc.records import as_dict
from graphc.viz.shapes import Arrow, Box

_MERMAID_FORMS = {"box": ('["', '"]'), "round": ('(["', '"])'), "plain": ('["', '"]')}


def to_mermaid_text(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> str:
    """Return the picture as a Mermaid flowchart."""
    names = {b.key: f"b{i}" for i, b in enumerate(boxes)}
    lines = ["---", f"title: {json.dumps(title)}", "---", f"flowchart {direction}"]
    for b in boxes:
        opening, closing = _MERMAID_FORMS[b.form]
        label = "<br>".join((b.title, *b.details)).replace('"', "#quot;")
        lines.append(f"  {names[b.key]}{opening}{label}{closing}")
    for a in arrows:
        line = "-.->" if a.dashed else "-->"
        label = f'|"{a.label}"|' if a.label else ""
        lines.append(f"  {names[a.source]} {line}{label} {names[a.target]}")
    return "\n".join([*lines, ""])


def to_json_text(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> str:
    """Return the picture as JSON: title, direction, boxes and arrows with all their fields."""
    whole = {
        "title": title, "direction": direction,
        "boxes": [as_dict(b) for b in boxes], "arrows": [as_dict(a) for a in arrows],
    }  # fmt: skip
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def to_graphml_text(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> str:
    """Return the picture as GraphML, which networkx, Gephi and yEd read."""
    import networkx  # a tenth of a second that other forms need not spend

    graph: Any = networkx.MultiDiGraph(title=title, direction=direction)
    for b in boxes:
        details = "\n".join(b.details)
        graph.add_node(b.key, title=b.title, details=details, form=b.form, group=b.group or "", output=b.thick)
    for a in arrows:
        graph.add_edge(a.source, a.target, label=a.label, dashed=a.dashed)
    return "\n".join(networkx.generate_graphml(graph)) + "\n"
