"""Pictures of layer graphs. Models are known by their shape, not by their class: this room imports no front end.

A model has `layers` and `name`; a layer has `name` and `_inbound_nodes`, whose entries have `inbound_layers`,
`input_shapes` and `output_shapes`. `model._network_nodes`, where it is there, tells which entries belong to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphc.records import replace
from graphc.viz.picture import Direction, Picture
from graphc.viz.shapes import Arrow, Box


def is_model(value: Any) -> bool:
    """Tell whether `value` looks like a model: an object, not a class, with layers and a summary."""
    return not isinstance(value, type) and hasattr(value, "layers") and callable(getattr(value, "summary", None))


def picture_of_model(
    model: Any,
    title: str | None = None,
    direction: Direction = "TB",
    shapes: bool = True,
    names: bool = True,
    expand_nested: bool = False,
) -> Picture:
    """Return the picture of a model's layers, with their `names`, and with `shapes` their sizes.

    A layer that is used several times is one box with all its arrows. `expand_nested` draws the layers of a model in
    the model in its place, named `outer/inner`.
    """
    boxes, arrows, _, _ = _boxes_of(model, "", shapes, names, expand_nested)
    return Picture(title or str(getattr(model, "name", "model")), tuple(boxes), tuple(arrows), direction)


def _boxes_of(
    model: Any, prefix: str, shapes: bool, names: bool, expand_nested: bool
) -> tuple[list[Box], list[Arrow], list[str], list[str]]:
    """Return a model's boxes and arrows, and the keys of the boxes that take its inputs and give its outputs."""
    links = {layer: list(_calls(model, layer)) for layer in model.layers}
    # A Sequential's input layer is not among its layers.
    for calls in list(links.values()):
        for call in calls:
            for source in call.inbound_layers:
                links.setdefault(source, [])
    order = _sources_first(links)
    boxes: list[Box] = []
    inner: list[Arrow] = []
    entries: dict[Any, list[str]] = {}
    exits: dict[Any, list[str]] = {}
    for i, layer in enumerate(order):
        if expand_nested and is_model(layer):
            found, arrows, entries[layer], exits[layer] = _boxes_of(
                layer, f"{prefix}{layer.name}/", shapes, names, expand_nested
            )
            boxes += found
            inner += arrows
            continue
        box = _layer_box(layer, f"{prefix}l{i}", links[layer], shapes, names)
        boxes.append(replace(box, title=prefix + box.title) if names else box)
        entries[layer] = exits[layer] = [box.key]
    pairs = dict.fromkeys((source, layer) for layer in order for call in links[layer] for source in call.inbound_layers)
    outer = [Arrow(a, b) for source, layer in pairs for a in exits[source] for b in entries[layer]]
    fed = {layer for _, layer in pairs}
    read = {source for source, _ in pairs}
    first = [key for layer in order if layer not in fed for key in entries[layer]]
    last = [key for layer in order if layer not in read for key in exits[layer]]
    return boxes, inner + outer, first, last


def _calls(model: Any, layer: Any) -> Iterator[Any]:
    known = getattr(model, "_network_nodes", None)
    for i, call in enumerate(layer._inbound_nodes):
        if not known or f"{layer.name}_ib-{i}" in known:
            yield call


def _sources_first(links: dict[Any, list[Any]]) -> list[Any]:
    """Return the layers, each after those that feed it; ties keep the model's order.

    A layer that (through sharing) feeds itself keeps its first place.
    """
    order: list[Any] = []
    state: dict[Any, str] = {}
    for root in links:
        stack = [root]
        while stack:
            layer = stack[-1]
            waiting = [s for call in links[layer] for s in call.inbound_layers if s not in state]
            if layer not in state:
                state[layer] = "open"
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            if state[layer] == "open":
                state[layer] = "done"
                order.append(layer)
    return order


def _shapes_text(shapes: list[Any]) -> str:
    unique = list(dict.fromkeys(map(str, shapes)))
    return ", ".join(unique) if len(unique) < 4 else f"{unique[0]} … ({len(unique)} shapes)"


def _layer_box(layer: Any, key: str, calls: list[Any], shapes: bool, names: bool) -> Box:
    name, kind = layer.name, type(layer).__name__
    wrapped: Any = getattr(layer, "layer", None)
    if hasattr(wrapped, "name"):
        name, kind = f"{name}({wrapped.name})", f"{kind}({type(wrapped).__name__})"
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    if activation == "linear" or kind == "Activation":
        activation = None
    lines = [name, " · ".join(filter(None, (kind, activation)))] if names else [kind, activation]
    if shapes:
        lines += _sizes(layer, calls)
    title, *details = filter(None, lines)
    form = "round" if kind == "InputLayer" else "box"
    return Box(key, title, tuple(details), form, kind, f"{kind} {layer.name}")  # type: ignore[arg-type]


def _sizes(layer: Any, calls: list[Any]) -> Iterator[str]:
    """Yield the shapes that go in and come out, and the number of weights."""
    inputs = [shape for call in calls for shape in call.input_shapes]
    outputs = [shape for call in calls for shape in call.output_shapes]
    if inputs and outputs and not (calls and not calls[0].inbound_layers):
        yield f"{_shapes_text(inputs)} → {_shapes_text(outputs)}"
    elif outputs or getattr(layer, "batch_input_shape", None) is not None:
        yield _shapes_text(outputs) if outputs else str(layer.batch_input_shape)
    weights = layer.count_params() if getattr(layer, "built", True) else 0
    if weights:
        yield f"{weights:,} weights{'' if getattr(layer, 'trainable', True) else ', frozen'}"
