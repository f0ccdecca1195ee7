"""Node: one call of a layer, the edge list of the layer graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphc.keras import backend as K

if TYPE_CHECKING:
    from graphc.keras.engine.base_layer import Layer


class Node:
    """One call of `outbound_layer`: what went in, what came out, and where the inputs came from.

    `inbound_layers`, `node_indices` and `tensor_indices` are as long as `input_tensors`: input i is output
    `tensor_indices[i]` of call `node_indices[i]` of `inbound_layers[i]` (all None for a tensor that no layer made).
    Making a Node appends it to the lists `_inbound_nodes` of the layer called and `_outbound_nodes` of the others.
    """

    def __init__(
        self,
        outbound_layer: Layer,
        inbound_layers: list[Any],
        node_indices: list[Any],
        tensor_indices: list[Any],
        input_tensors: list[Any],
        output_tensors: list[Any],
        input_masks: list[Any],
        output_masks: list[Any],
        input_shapes: list[Any],
        output_shapes: list[Any],
        arguments: dict[str, Any] | None = None,
    ) -> None:
        self.outbound_layer = outbound_layer
        self.inbound_layers = inbound_layers
        self.node_indices = node_indices
        self.tensor_indices = tensor_indices
        self.input_tensors = input_tensors
        self.output_tensors = output_tensors
        self.input_masks = input_masks
        self.output_masks = output_masks
        self.input_shapes = input_shapes
        self.output_shapes = output_shapes
        self.arguments = arguments
        for layer in inbound_layers:
            if layer is not None:
                layer._outbound_nodes.append(self)
        outbound_layer._inbound_nodes.append(self)

    def get_config(self) -> dict[str, Any]:
        """Return the connection as names and numbers."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [None if layer is None else layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }


def history(tensor: Any) -> tuple[Any, int, int] | None:
    """Return (layer, call number, output number) that made the tensor, None where no layer did."""
    made_by: tuple[Any, int, int] | None = getattr(tensor, "_keras_history", None)
    return made_by


def mask_of(tensor: Any) -> Any:
    """Return the mask that the layer which made the tensor gave it, or None."""
    made_by = history(tensor)
    if made_by is None:
        return None
    layer, node_index, tensor_index = made_by
    return layer._inbound_nodes[node_index].output_masks[tensor_index]


def connect(
    layer: Layer, inputs: list[Any], outputs: list[Any], masks: tuple[list[Any], list[Any]], arguments: dict[str, Any]
) -> None:
    """Record a call of `layer` and give each output its history and learning-phase flag.

    `masks` holds the inputs' and the outputs' masks. The outputs' `_keras_shape` must be set.
    """
    origins = [history(x) or (None, None, None) for x in inputs]
    Node(
        layer,
        [origin[0] for origin in origins],
        [origin[1] for origin in origins],
        [origin[2] for origin in origins],
        inputs,
        outputs,
        *masks,
        [K.int_shape(x) for x in inputs],
        [x._keras_shape for x in outputs],
        arguments,
    )
    uses_learning_phase = getattr(layer, "uses_learning_phase", False) or any(
        getattr(x, "_uses_learning_phase", False) for x in inputs
    )
    for position, x in enumerate(outputs):
        x._uses_learning_phase = getattr(x, "_uses_learning_phase", False) or uses_learning_phase
        x._keras_history = (layer, len(layer._inbound_nodes) - 1, position)
