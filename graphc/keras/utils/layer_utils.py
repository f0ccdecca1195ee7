"""Facts about layers and networks: parameter counts, source inputs, the printed summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.keras import backend as K
from graphc.keras.utils.kernel_layout import convert_all_kernels_in_model, convert_dense_weights_data_format

__all__ = [
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "count_params",
    "get_source_inputs",
    "print_summary",
]


def count_params(weights: Sequence[Any]) -> int:
    """Return the number of scalars in the weights, each weight counted once."""
    return sum(int(K.count_params(w)) for w in {id(w): w for w in weights}.values())


def get_source_inputs(tensor: Any, layer: Any = None, node_index: int | None = None) -> Any:
    """Return the input tensors that a tensor depends on, each once; a tensor that no layer made, as it is."""
    made_by = getattr(tensor, "_keras_history", None)
    if made_by is None:
        return tensor
    if layer is None or node_index:
        layer, node_index, _ = made_by
    if not layer._inbound_nodes:
        return [tensor]
    sources: dict[int, Any] = {}
    seen = set()
    stack = [layer._inbound_nodes[node_index or 0]]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if not node.inbound_layers:
            sources.update((id(x), x) for x in node.input_tensors)
        # The first input is explored first.
        stack += [
            producer._inbound_nodes[index]
            for producer, index in zip(reversed(node.inbound_layers), reversed(node.node_indices))
        ]
    return list(sources.values())


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
) -> None:
    """Print a line for each layer, and the parameter totals.

    `positions` are the ends of the columns, in characters or as fractions of `line_length` (65; with connections
    98). A model that is not a plain chain gets a column of what each layer is connected to.
    """
    write = print_fn or print
    nodes = None if _is_chain(model) else {node for group in model._nodes_by_depth.values() for node in group}
    line_length = line_length or (65 if nodes is None else 98)
    columns = list(positions or ((0.45, 0.85, 1.0) if nodes is None else (0.33, 0.55, 0.67, 1.0)))
    if columns[-1] <= 1:
        columns = [int(line_length * p) for p in columns]
    titles = ["Layer (type)", "Output Shape", "Param #", "Connected to"]

    def write_row(fields: Sequence[Any]) -> None:
        line = ""
        for position, (field, end) in enumerate(zip(fields, columns)):
            start = line[:-1] + " " if position else ""
            line = f"{start}{field}"[: int(end)].ljust(int(end))
        write(line)

    write("_" * line_length)
    write_row(titles[: len(columns)])
    write("=" * line_length)
    for position, layer in enumerate(model.layers):
        fields = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), layer.count_params()]
        if nodes is None:
            write_row(fields)
        else:
            first, *others = _connections(layer, nodes) or [""]
            write_row([*fields, first])
            for connection in others:
                write_row(["", "", "", connection])
        write(("=" if position == len(model.layers) - 1 else "_") * line_length)
    model._check_trainable_weights_consistency()
    trainable = count_params(getattr(model, "_collected_trainable_weights", model.trainable_weights))
    others_count = count_params(model.non_trainable_weights)
    write(f"Total params: {trainable + others_count:,}")
    write(f"Trainable params: {trainable:,}")
    write(f"Non-trainable params: {others_count:,}")
    write("_" * line_length)


def _is_chain(model: Any) -> bool:
    if type(model).__name__ == "Sequential" or not model._is_graph_network:
        return True
    groups = list(model._nodes_by_depth.values())
    if any(len(group) > 1 or len(group[0].inbound_layers) > 1 for group in groups):
        return False
    nodes = {group[0] for group in groups}
    return all(sum(node in nodes for node in layer._inbound_nodes) <= 1 for layer in model.layers)


def _output_shape(layer: Any) -> Any:
    try:
        return layer.output_shape
    except AttributeError:
        return "multiple"


def _connections(layer: Any, nodes: set[Any]) -> list[str]:
    return [
        f"{producer.name}[{index}][{position}]"
        for node in layer._inbound_nodes
        if node in nodes
        for producer, index, position in zip(node.inbound_layers, node.node_indices, node.tensor_indices)
    ]
