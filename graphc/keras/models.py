"""Models: Model and Sequential, copies of them, and models from their architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras import saving
from graphc.keras.engine import layer_classes
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.sequential import Sequential
from graphc.keras.engine.training import Model
from graphc.keras.utils.generic_utils import to_list, unpack_singleton
from graphc.keras.utils.location import located

if TYPE_CHECKING:
    from graphc.keras.saving import load_model, model_from_config, model_from_json, model_from_yaml, save_model

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]

layer_classes.register_classes({"Model": Model, "Sequential": Sequential, "InputLayer": InputLayer})


def __getattr__(name: str) -> Any:
    """Return one of the names that are not here: what reads and writes files is loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(saving, name)


def clone_model(model: Any, input_tensors: Any = None) -> Any:
    """Return a model of new layers with the same configs and connections, and new weights.

    `input_tensors` (default: new inputs) are what the copy is built on. Raises GraphError (a ValueError) for what is
    no model, or a Sequential on several tensors or on the output of a layer.
    """
    if not isinstance(model, Model):
        raise GraphError(located(f"clone_model expects a Model, got {model!r}"))
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors)
    return _clone_functional(model, input_tensors)


def _copied(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _clone_sequential(model: Sequential, input_tensors: Any) -> Sequential:
    copies = [_copied(layer) for layer in model.layers]
    if input_tensors is None:
        return Sequential(copies, name=model.name)
    tensors = to_list(input_tensors)
    if len(tensors) != 1:
        raise GraphError(located(f"A Sequential is cloned on one input tensor, got {len(tensors)}"))
    layer = _wrapped(tensors[0], "Sequential")._keras_history[0]
    if not isinstance(layer, InputLayer):
        raise GraphError(
            located(f"A Sequential cannot be cloned on the output of layer {layer.name}. Use the functional API.")
        )
    return Sequential([layer, *copies], name=model.name)


def _wrapped(x: Any, name: str) -> Any:
    """Return a tensor that a layer made: `x`, or an input layer's around it."""
    return x if K.is_keras_tensor(x) else Input(tensor=x, name=f"input_wrapper_for_{name}")


def _clone_functional(model: Model, input_tensors: Any) -> Model:
    layers: dict[Any, Any] = {}
    if input_tensors is None:
        tensors = [
            Input(batch_shape=layer.batch_input_shape, dtype=layer.dtype, sparse=layer.sparse, name=layer.name)
            for layer in model._input_layers
        ]
    else:
        tensors = [_wrapped(x, layer.name) for x, layer in zip(to_list(input_tensors), model._input_layers)]
    copies = {id(x): y for x, y in zip(model.inputs, tensors)}
    for node in model._calls_in_order():
        original = node.outbound_layer
        if original not in layers:
            layers[original] = _copied(original)
        inputs = unpack_singleton([copies[id(x)] for x in node.input_tensors])
        outputs = to_list(layers[original](inputs, **(node.arguments or {})))
        copies.update((id(x), y) for x, y in zip(node.output_tensors, outputs))
    return Model(tensors, [copies[id(x)] for x in model.outputs], name=model.name)
