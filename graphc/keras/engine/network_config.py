"""The architecture of a network as plain data: Python dictionaries, JSON, YAML; and back."""

from __future__ import annotations

import copy
import json
import warnings
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.errors import GraphError, UsageError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.engine.network_map import node_key
from graphc.keras.utils.generic_utils import unpack_singleton
from graphc.keras.utils.location import located

KERAS_VERSION = "2.2.4"


def network_to_config(network: Any) -> dict[str, Any]:
    """Return name, layers (class, config, calls), inputs and outputs. Raises GraphError for a subclassed network."""
    if not network._is_graph_network:
        raise NoConfigError(located(f"{network.name} ({type(network).__name__}) has no graph of layers to describe"))
    kept = _kept_calls(network)
    layers = [
        {
            "name": layer.name,
            "class_name": type(layer).__name__,
            "config": layer.get_config(),
            "inbound_nodes": [_call_to_config(node, kept) for node in network._own_calls(layer) if node.inbound_layers],
        }
        for layer in network.layers
    ]
    ends = {
        name: [
            [layer.name, kept[node_key(layer, index)], position]
            for layer, index, position in coordinates
            if node_key(layer, index) in network._network_nodes
        ]
        for name, coordinates in (
            ("input_layers", network._input_coordinates),
            ("output_layers", network._output_coordinates),
        )
    }
    return copy.deepcopy({"name": network.name, "layers": layers, **ends})


class NoConfigError(GraphError, NotImplementedError):
    """A subclassed network has no config unless its author writes one."""


def _kept_calls(network: Any) -> dict[str, int]:
    """Map each call of this network to its number among those that are written down.

    A nested network starts with one call of its own, from its inputs to its outputs.
    """
    kept: dict[str, int] = {}
    for layer in network.layers:
        count = 1 if hasattr(layer, "_is_graph_network") else 0
        for index in range(len(layer._inbound_nodes)):
            key = node_key(layer, index)
            if key in network._network_nodes:
                kept[key] = count
                count += 1
    return kept


def _call_to_config(node: Any, kept: Mapping[str, int]) -> list[list[Any]]:
    arguments = node.arguments or {}
    try:
        json.dumps(arguments)
    except TypeError:
        warnings.warn(
            f"Layer {node.outbound_layer.name} was called with keyword arguments that cannot be written down: "
            f"{arguments}. They are left out of the config.",
            stacklevel=2,
        )
        arguments = {}
    return [
        [layer.name, kept.get(node_key(layer, index), 0), position, arguments]
        for layer, index, position in zip(node.inbound_layers, node.node_indices, node.tensor_indices)
    ]


def tensors_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> tuple[list[Any], list[Any]]:
    """Make the layers of a config, call them as it says, and return the network's (inputs, outputs).

    Raises GraphError for a config that is not a network's.
    """
    missing = [key for key in ("layers", "input_layers", "output_layers") if key not in config]
    if missing:
        raise GraphError(
            located(f"A network's config lacks {missing}; `Sequential.from_config` takes the config of a chain.")
        )
    layers: dict[str, Any] = {
        data["name"]: layer_classes.deserialize(dict(data), custom_objects=custom_objects) for data in config["layers"]
    }
    waiting = deque((layers[data["name"]], call) for data in config["layers"] for call in data["inbound_nodes"])
    stalled = 0
    while waiting:
        layer, call = waiting.popleft()
        inputs = [_tensor(layers, *entry[:3]) for entry in call]
        if any(x is None for x in inputs):
            # A shared layer may be called again on what a later layer makes of its first output.
            waiting.append((layer, call))
            stalled += 1
            if stalled > len(waiting):
                raise GraphError(
                    located(f"The config of {config.get('name')} calls {layer.name} on outputs that nothing makes")
                )
            continue
        stalled = 0
        layer(unpack_singleton(inputs), **(call[0][3] if len(call[0]) > 3 else {}))
    inputs, outputs = (
        [_tensor(layers, *entry) for entry in config[name]] for name in ("input_layers", "output_layers")
    )
    return inputs, outputs


def _tensor(layers: Mapping[str, Any], name: str, node_index: int, tensor_index: int) -> Any:
    """Return an output of a call, or None where that call has not been made yet."""
    if name not in layers:
        raise GraphError(located(f'The config has no layer "{name}"; it has {list(layers)}.'))
    calls = layers[name]._inbound_nodes
    return calls[node_index].output_tensors[tensor_index] if node_index < len(calls) else None


def model_config(network: Any) -> dict[str, Any]:
    """Return the config with the class name and Keras's version and backend fields."""
    return {
        "class_name": type(network).__name__,
        "config": network.get_config(),
        "keras_version": KERAS_VERSION,
        "backend": K.backend(),
    }


def to_json(network: Any, **kwargs: Any) -> str:
    """Return the architecture as JSON text."""
    return json.dumps(model_config(network), default=json_value, **kwargs)


def to_yaml(network: Any, **kwargs: Any) -> str:
    """Return the architecture as YAML text."""
    # yaml is slow to import, and few programs write it.
    import yaml

    plain = json.loads(to_json(network))
    return str(yaml.safe_dump(plain, **kwargs))


def json_value(value: Any) -> Any:
    """Return what JSON should hold for a NumPy value or a class. Raises UsageError for anything else."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, type):
        return value.__name__
    raise UsageError(located(f"not JSON serializable: {value!r}"))
