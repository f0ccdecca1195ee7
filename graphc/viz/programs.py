"""Pictures of graphs and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.graph import CONSTANT, PLACEHOLDER, STATE, Graph, Node, shape_text
from graphc.loopir import Buffer, ContractKernel, Launch, Plan
from graphc.symbolic import Polynomial
from graphc.viz.picture import Direction, Picture
from graphc.viz.shapes import Arrow, Box, Form

# Ops whose arguments may change places: their arrows need no numbers.
_COMMUTATIVE = frozenset(
    {"add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and", "logical_or", "logical_xor"}
)
_HIDDEN_ATTRIBUTES = frozenset({"name", "identity", "state", "stream"})
_LONGEST = 34


def picture_of_graph(graph: Graph, title: str = "graph", direction: Direction = "TB") -> Picture:
    """Return the picture of a graph: a box a node, coloured by layer.

    Scalar constants stand inside the box of the op that uses them. A state that the graph updates has a second
    box, its next value. Outputs have a thick line.
    """
    nodes = [n for n in graph.inputs if n not in set(graph.nodes)] + list(graph.nodes)
    outputs = set(graph.outputs)
    keys = {n: f"n{i}" for i, n in enumerate(nodes)}
    shown = [n for n in nodes if not is_inline(n) or n in outputs]
    boxes = [_node_box(n, keys[n], n in outputs) for n in shown]
    arrows = []
    for n in shown:
        sources = [(i, source) for i, source in enumerate(n.inputs) if not is_inline(source) or source in outputs]
        numbered = len(sources) > 1 and n.op.name not in _COMMUTATIVE
        arrows += [Arrow(keys[source], keys[n], str(i) if numbered else "") for i, source in sources]
    for i, (state, new) in enumerate(graph.updates):
        layer = state.provenance.layer
        boxes.append(Box(f"u{i}", f"{state.attrs['name']} (next)", (str(state.type),), "round", layer))
        if is_inline(new) and new not in outputs:
            boxes.insert(0, _node_box(new, f"v{i}", False))
        arrows.append(Arrow(keys[new] if keys[new] in {b.key for b in boxes} else f"v{i}", f"u{i}", dashed=True))
    return Picture(title, tuple(boxes), tuple(arrows), direction)


def is_inline(n: Node) -> bool:
    """Tell whether the node is a scalar constant, shown in the box of its user."""
    return n.op is CONSTANT and n.rank == 0


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _scalar_text(n: Node) -> str:
    value = np.asarray(n.attrs["value"])
    return f"{value.item():.6g}" if value.dtype.kind == "f" else str(value.item())


def _attribute_text(value: Any) -> str:
    match value:
        case Graph():
            return f"{len(value.nodes)} nodes"
        case Node():
            return describe_node(value)[0]
        case tuple() if all(isinstance(v, (int, Polynomial)) for v in value):
            return shape_text(value)
    return str(value)


def _node_box(n: Node, key: str, is_output: bool) -> Box:
    note = "\n".join(part for part in (n.op.doc.split("\n")[0], str(n.provenance)) if part)
    form: Form = "round" if n.op in (PLACEHOLDER, STATE) else "plain" if n.op is CONSTANT else "box"
    return Box(key, *describe_node(n), form, n.provenance.layer, note, is_output)


def describe_node(n: Node) -> tuple[str, tuple[str, ...]]:
    """Return a node's title and the lines under it: attributes, and last its type."""
    if n.op in (PLACEHOLDER, STATE):
        return n.attrs["name"], (str(n.type),)
    if n.op is CONSTANT:
        scalar = (_scalar_text(n),) if n.rank == 0 else ()
        return "constant", (*scalar, str(n.type))
    inline = [_scalar_text(i) if is_inline(i) else "·" for i in n.inputs]
    arguments = f"({', '.join(inline)})" if any(text != "·" for text in inline) else ""
    attributes = [
        f"{name}={_attribute_text(value)}"
        for name, value in n.attrs.items()
        if name not in _HIDDEN_ATTRIBUTES and value is not None and value is not False
    ]
    return _short(n.op.name + arguments), tuple(_short(text) for text in (*attributes, str(n.type)))


def picture_of_plan(plan: Plan, title: str = "plan", direction: Direction = "TB") -> Picture:
    """Return the picture of a plan: a box a launch, in the order they run; arrows are the buffers they pass on.

    Constants are left out. Arrows carry the buffer's name; a launch's box tells its kernel and its work.
    """
    buffers = {b.name: b for b in plan.buffers}
    given = {argument.buffer: argument.name for argument in plan.arguments}
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    writer: dict[str, str] = {}
    for b in plan.buffers:
        if b.role in ("input", "state"):
            boxes.append(_buffer_box(b, f"b:{b.name}", given.get(b.name, "")))
            writer[b.name] = f"b:{b.name}"
    for i, launch in enumerate(plan.launches):
        key = f"k{i}"
        boxes.append(_launch_box(launch, key, i))
        uses = list(zip(launch.kernel.parameters, launch.places))
        # Readers first: a launch that writes in place reads what stood there before.
        for name in dict.fromkeys(name for _, place in uses for name in place.buffers):
            if name in writer:
                arrows.append(Arrow(writer[name], key, name if writer[name][0] == "k" else ""))
        writer |= {place.buffer: key for parameter, place in uses if parameter.writable}
    for name, key in writer.items():
        if key.startswith("k") and buffers[name].role in ("output", "state"):
            suffix = " (next)" if buffers[name].role == "state" else ""
            boxes.append(_buffer_box(buffers[name], f"r:{name}", "", suffix))
            arrows.append(Arrow(key, f"r:{name}", dashed=bool(suffix)))
    return Picture(title, tuple(boxes), tuple(arrows), direction)


def _buffer_box(b: Buffer, key: str, argument: str, suffix: str = "") -> Box:
    title = (argument or str(getattr(b.source, "name", b.name))) + suffix
    return Box(key, _short(title), (f"{b.dtype}[{b.size}]",), "round", None, b.role, b.role == "output")


def _launch_box(launch: Launch, key: str, number: int) -> Box:
    kind = "contraction" if isinstance(launch.kernel, ContractKernel) else "loops"
    label = launch.kernel.label or kind
    details: Sequence[str] = (f"work {launch.work}", f"bytes {launch.bytes}")
    note = "\n".join(map(str, launch.origin))
    return Box(key, _short(f"{number}: {label}"), tuple(map(_short, details)), "box", kind, note)
