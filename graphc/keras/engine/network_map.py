"""The layer graph between a network's inputs and outputs: its calls and layers, ordered by depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras.engine.base_layer import Layer, Node
from graphc.keras.utils.location import located
from graphc.records import record


@record
class NetworkMap:
    """Calls and layers of a network. Depth counts from the outputs (0) towards the inputs.

    `node_keys` names the calls that belong to the network (`node_key`); `layers` runs from the inputs to the
    outputs, layers of one depth in the order in which a walk from the outputs meets them.
    """

    node_keys: frozenset[str]
    nodes_by_depth: dict[int, list[Node]]
    layers: list[Layer]
    layers_by_depth: dict[int, list[Layer]]


def node_key(layer: Any, node_index: int) -> str:
    """Return the name of call `node_index` of a layer."""
    return f"{layer.name}_ib-{node_index}"


def map_network(inputs: Sequence[Any], outputs: Sequence[Any]) -> NetworkMap:
    """Return the map of everything between `inputs` and `outputs`.

    Raises GraphError where an output cannot be computed from the inputs, where the calls form a cycle, and where
    two layers share a name.
    """
    visited, order = _walk(outputs)
    node_depths: dict[Node, int] = {}
    layer_depths: dict[Layer, int] = {}
    for node in reversed(order):
        depth = max(node_depths.setdefault(node, 0), layer_depths.get(node.outbound_layer, 0))
        layer_depths[node.outbound_layer] = node_depths[node] = depth
        for layer, index in zip(node.inbound_layers, node.node_indices):
            if layer is not None:
                producer = layer._inbound_nodes[index]
                node_depths[producer] = max(depth + 1, node_depths.get(producer, 0))
    position = {layer: i for i, layer in enumerate(visited)}
    layers_by_depth: dict[int, list[Layer]] = {}
    for layer in sorted(layer_depths, key=position.__getitem__):
        layers_by_depth.setdefault(layer_depths[layer], []).append(layer)
    nodes_by_depth: dict[int, list[Node]] = {}
    for node, depth in node_depths.items():
        nodes_by_depth.setdefault(depth, []).append(node)
    layers = [layer for depth in sorted(layers_by_depth, reverse=True) for layer in layers_by_depth[depth]]
    _check_connected(inputs, nodes_by_depth)
    _check_names(layers)
    keys = frozenset(node_key(node.outbound_layer, node.outbound_layer._inbound_nodes.index(node)) for node in order)
    return NetworkMap(keys, nodes_by_depth, layers, layers_by_depth)


def _walk(outputs: Sequence[Any]) -> tuple[list[Layer], list[Node]]:
    """Return the layers in the order first met and the calls in the order finished, walking up from the outputs."""
    layers: dict[Layer, None] = {}
    finished: dict[Node, None] = {}
    for output in outputs:
        layer, index, _ = output._keras_history
        stack: list[tuple[Node, int]] = [(layer._inbound_nodes[index], 0)]
        while stack:
            node, position = stack.pop()
            if position == 0:
                if node in finished:
                    continue
                layers.setdefault(node.outbound_layer)
            if position == len(node.inbound_layers):
                finished[node] = None
                continue
            stack.append((node, position + 1))
            producer = node.inbound_layers[position]
            if producer is not None:
                stack.append((producer._inbound_nodes[node.node_indices[position]], 0))
    return list(layers), list(finished)


def _check_connected(inputs: Sequence[Any], nodes_by_depth: dict[int, list[Node]]) -> None:
    computable = {id(x) for x in inputs}
    reached: list[str] = []
    for depth in sorted(nodes_by_depth, reverse=True):
        for node in nodes_by_depth[depth]:
            layer = node.outbound_layer
            for x in node.input_tensors:
                if id(x) not in computable:
                    raise GraphError(
                        located(
                            f'Graph disconnected: cannot obtain value for tensor {x} at layer "{layer.name}". '
                            f"The following previous layers were accessed without issue: {reached}"
                        )
                    )
            computable.update(id(x) for x in node.output_tensors)
            reached.append(layer.name)


def _check_names(layers: Sequence[Layer]) -> None:
    for name, uses in Counter(layer.name for layer in layers).items():
        if uses > 1:
            raise GraphError(
                located(f'The name "{name}" is used {uses} times in the model. All layer names should be unique.')
            )
