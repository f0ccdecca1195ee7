"""Network: a graph of layers that is a layer itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc import graph
from graphc.errors import DTypeError, ExecutionError, GraphError
from graphc.keras import backend as K
from graphc.keras import saving
from graphc.keras.engine import network_config
from graphc.keras.engine.base_layer import Layer, Node, assign_weights
from graphc.keras.engine.input_layer import InputLayer
from graphc.keras.engine.network_map import map_network, node_key
from graphc.keras.engine.node import history, mask_of
from graphc.keras.legacy import interfaces
from graphc.keras.utils.generic_utils import has_arg, object_list_uid, to_list, unpack_singleton
from graphc.keras.utils.layer_utils import get_source_inputs, print_summary
from graphc.keras.utils.location import located

__all__ = ["Network", "get_source_inputs"]


class Network(Layer):
    """Layers between `inputs` and `outputs`, callable on new tensors like any layer.

    Without inputs and outputs it is a base for subclasses that set layers as attributes and write `call`.
    Raises GraphError where the graph is not connected, names clash, or inputs do not come from `Input`.
    """

    @interfaces.legacy_model_constructor_support
    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None) -> None:
        self._init_base(name)
        if inputs is not None and outputs is not None:
            self._init_graph_network(inputs, outputs, name=self.name)

    def _init_base(self, name: str | None) -> None:
        prefix = type(self).__name__.lower()
        state: dict[str, Any] = {
            "name": name or f"{prefix}_{K.get_uid(prefix)}",
            "trainable": True,
            "supports_masking": False,
            "optimizer": None,
            "inputs": None,
            "outputs": None,
            "_is_graph_network": False,
            "_is_compiled": False,
            "_built": False,
            "_initial_weights": None,
            "_layers": [],
            "_losses": [],
            "_updates": [],
            "_per_input_losses": {},
            "_per_input_updates": {},
            "_inbound_nodes": [],
            "_outbound_nodes": [],
        }
        self.__dict__.update(state)

    def _init_graph_network(self, inputs: Any, outputs: Any, name: str) -> None:
        self.inputs: Any = to_list(inputs, allow_tuple=True)
        self.outputs: Any = to_list(outputs, allow_tuple=True)
        self.name = name
        self._check_ends()
        found = map_network(self.inputs, self.outputs)
        self._is_graph_network = True
        self._is_compiled = False
        self._network_nodes = found.node_keys
        self._nodes_by_depth = found.nodes_by_depth
        self._layers = found.layers
        self._layers_by_depth = found.layers_by_depth
        self._input_coordinates = [x._keras_history for x in self.inputs]
        self._output_coordinates = [x._keras_history for x in self.outputs]
        self._input_layers = [coordinates[0] for coordinates in self._input_coordinates]
        self._output_layers = [coordinates[0] for coordinates in self._output_coordinates]
        fed = [(layer, x) for layer, x in zip(self._input_layers, self.inputs) if layer.is_placeholder]
        self.input_names = [layer.name for layer in self._input_layers]
        self.output_names = [layer.name for layer in self._output_layers]
        self._feed_input_names = [layer.name for layer, _ in fed]
        self._feed_inputs = [x for _, x in fed]
        self._feed_input_shapes = [x._keras_shape for _, x in fed]
        self._applied: dict[str, tuple[Any, Any]] = {
            _call_key(self.inputs, [mask_of(x) for x in self.inputs]): (
                self.outputs,
                [mask_of(x) for x in self.outputs],
            )
        }
        self._inbound_nodes.clear()
        shapes = [[x._keras_shape for x in ends] for ends in (self.inputs, self.outputs)]
        no_masks: list[list[Any]] = [[None for _ in ends] for ends in (self.inputs, self.outputs)]
        Node(self, [], [], [], self.inputs, self.outputs, no_masks[0], no_masks[1], shapes[0], shapes[1])
        self.built = True

    def _check_ends(self) -> None:
        kind = type(self).__name__
        if len({id(x) for x in self.inputs}) != len(self.inputs):
            raise GraphError(located(f"The list of inputs passed to {kind} {self.name} is redundant: {self.inputs}"))
        for x in self.inputs:
            if history(x) is None:
                raise DisconnectedError(located(f"Input tensors to a {kind} must come from `Input`. Received: {x}"))
            layer = x._keras_history[0]
            if not isinstance(layer, InputLayer):
                found = f"{layer.name} ({type(layer).__name__})"
                raise GraphError(located(f"An input of {self.name} comes from {found}, not from `Input`."))
        for x in self.outputs:
            if history(x) is None:
                raise DisconnectedError(
                    located(f"Output tensors to a {kind} must be the output of a layer. Found: {x}")
                )

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Layer):
            if "_is_graph_network" not in self.__dict__:
                raise ExecutionError(
                    located(f"{type(self).__name__} sets a layer before calling `super().__init__()`: call it first.")
                )
            if not self._is_graph_network and not any(layer is value for layer in self._layers):
                self._layers.append(value)
        super().__setattr__(name, value)

    @property
    def layers(self) -> list[Any]:
        """The layers, inputs first."""
        return self._layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return the layer of this index, else of this name. Raises GraphError where there is none."""
        if index is not None:
            if index >= len(self.layers):
                raise GraphError(located(f"{self.name} has {len(self.layers)} layers: there is no index {index}."))
            return self.layers[index]
        if not name:
            raise GraphError(located("get_layer needs a layer name or a layer index."))
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise GraphError(located(f"No such layer: {name}. The layers are {[layer.name for layer in self.layers]}"))

    def _own_calls(self, layer: Any) -> Iterator[Node]:
        for index, node in enumerate(layer._inbound_nodes):
            if node_key(layer, index) in self._network_nodes:
                yield node

    def _collected(self, attribute: str, getter: str) -> list[Any]:
        """Losses or updates of the layers: those of calls that belong to this network, and unconditional ones."""
        found: list[Any] = []
        for layer in self.layers:
            if not self._is_graph_network:
                found += getattr(layer, attribute)
                continue
            for node in self._own_calls(layer):
                found += getattr(layer, getter)(node.input_tensors)
            found += getattr(layer, getter)(None)
        return found

    @property
    def updates(self) -> list[Any]:
        """State updates that depend on nothing but this network's inputs."""
        if not self.trainable and not self.stateful:
            return []
        return _once(self._collected("updates", "get_updates_for"))

    @property
    def losses(self) -> list[Any]:
        """Penalties that depend on nothing but this network's inputs, each once."""
        return _once(self._collected("losses", "get_losses_for") + self.get_losses_for(None))

    @property
    def state_updates(self) -> list[Any]:
        """Updates of the stateful layers: they run at test time too."""
        return _once([update for layer in self.layers if layer.stateful for update in layer.updates])

    @property
    def uses_learning_phase(self) -> bool:
        """Whether training and test differ."""
        return any(x._uses_learning_phase for x in self.outputs or ())

    @property
    def stateful(self) -> bool:  # type: ignore[override]
        """Whether a layer keeps state between batches."""
        return any(getattr(layer, "stateful", False) for layer in self.layers)

    def reset_states(self) -> None:
        """Set the states of stateful layers back."""
        for layer in self.layers:
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_states"):
                layer.reset_states()

    @property  # type: ignore[misc]
    def trainable_weights(self) -> list[Any]:
        """Trainable weights of the layers; none where the network is frozen."""
        return [w for layer in self.layers for w in layer.trainable_weights] if self.trainable else []

    @property  # type: ignore[misc]
    def non_trainable_weights(self) -> list[Any]:
        """The other weights; all of them where the network is frozen."""
        weights = [w for layer in self.layers for w in layer.non_trainable_weights]
        return weights if self.trainable else [w for layer in self.layers for w in layer.trainable_weights] + weights

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of all weights' values, layer by layer."""
        values: list[np.ndarray[Any, Any]] = K.batch_get_value([w for layer in self.layers for w in layer.weights])
        return values

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, layer by layer. Raises ShapeError where they do not fit, and then changes nothing."""
        assign_weights(f'model "{self.name}"', [w for layer in self.layers for w in layer.weights], weights)

    @property
    def input_spec(self) -> Any:
        """The specs of the input layers."""
        if not self._is_graph_network:
            return None
        return unpack_singleton([spec for layer in self._input_layers for spec in to_list(layer.input_spec)])

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Apply all layers to new inputs; the same inputs and masks give the same tensors again."""
        return unpack_singleton(list(self._apply(inputs, mask)[0]))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks of the outputs for these inputs."""
        if not self._is_graph_network:
            return None
        return unpack_singleton(list(self._apply(inputs, mask)[1]))

    def _apply(self, inputs: Any, mask: Any) -> tuple[list[Any], list[Any]]:
        tensors = to_list(inputs)
        masks = [None] * len(tensors) if mask is None else to_list(mask)
        key = _call_key(tensors, masks)
        if key not in self._applied:
            self._applied[key] = self.run_internal_graph(tensors, masks)[:2]
        return self._applied[key]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape(s) for these input shape(s). Raises GraphError where their number is wrong."""
        if not self._is_graph_network:
            raise GraphError(
                located(f"{self.name} ({type(self).__name__}) needs its own compute_output_shape to be used as a layer")
            )
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        if len(shapes) != len(self._input_layers):
            raise GraphError(
                located(f"Invalid input_shape {input_shape}: {self.name} has {len(self._input_layers)} inputs.")
            )
        known = {id(x): tuple(shape) for x, shape in zip(self.inputs, shapes)}
        for node in self._calls_in_order():
            given = unpack_singleton([known[id(x)] for x in node.input_tensors])
            result = node.outbound_layer.compute_output_shape(given)
            for x, shape in zip(node.output_tensors, result if isinstance(result, list) else [result]):
                known.setdefault(id(x), shape)
        return unpack_singleton([known[id(x)] for x in self.outputs])

    def _calls_in_order(self) -> Iterator[Node]:
        for depth in sorted(self._nodes_by_depth, reverse=True):
            for node in self._nodes_by_depth[depth]:
                if node.inbound_layers:
                    yield node

    def run_internal_graph(self, inputs: Sequence[Any], masks: Sequence[Any] | None = None) -> tuple[Any, Any, Any]:
        """Apply the layers to new tensors. Returns lists of the outputs, their masks and their shapes.

        Losses and updates that the calls add belong to this network too, for the same inputs.
        """
        values = {id(x): (y, mask) for x, y, mask in zip(self.inputs, inputs, masks or [None] * len(inputs))}
        for node in self._calls_in_order():
            layer = node.outbound_layer
            given = [values[id(x)] for x in node.input_tensors]
            tensors, tensor_masks = [x for x, _ in given], [mask for _, mask in given]
            with K.name_scope(layer.name), graph.layer_scope(layer.name):
                outputs, output_masks = _apply_layer(layer, tensors, tensor_masks, node.arguments or {})
            self.add_update(layer.get_updates_for(tensors), list(inputs))
            self.add_update(layer.get_updates_for(None), None)
            self.add_loss(layer.get_losses_for(tensors), list(inputs))
            self.add_loss(layer.get_losses_for(None), None)
            for x, y, mask in zip(node.output_tensors, outputs, output_masks):
                values[id(x)] = (y, mask)
        results = [values[id(x)] for x in self.outputs]
        return [y for y, _ in results], [mask for _, mask in results], [K.int_shape(y) for y, _ in results]

    def get_config(self) -> dict[str, Any]:
        """Return the layers' configs and how they are connected."""
        return network_config.network_to_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new network made from the result of `get_config()`. Raises GraphError for a malformed one."""
        inputs, outputs = network_config.tensors_from_config(config, custom_objects)
        return cls(inputs=inputs, outputs=outputs, name=config.get("name"))

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON text; keywords go to `json.dumps`."""
        return network_config.to_json(self, **kwargs)

    def to_yaml(self, **kwargs: Any) -> str:
        """Return the architecture as YAML text; keywords go to `yaml.dump`."""
        return network_config.to_yaml(self, **kwargs)

    def save(self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
        """Write architecture, weights and how it was compiled to a path or an open h5py group; see `save_model`."""
        saving.save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights alone to a path or an open h5py group."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
    ) -> None:
        """Set the weights from a file, in order or by layers' names. Raises ModelFileError where they do not fit."""
        saving.load_weights(self, filepath, by_name, skip_mismatch, reshape)

    def __getstate__(self) -> Any:
        return saving.pickle_model(self)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(saving.unpickle_model(state).__dict__)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
    ) -> None:
        """Print a table of the layers, their output shapes and parameter counts."""
        if not self.built:
            raise GraphError(
                located(
                    f"{self.name} has not been built: call build(input_shape) or fit, "
                    "or give the first layer an `input_shape`."
                )
            )
        print_summary(self, line_length=line_length, positions=positions, print_fn=print_fn)


class DisconnectedError(GraphError, DTypeError):
    """An end of a network is no tensor that a layer made."""


def _apply_layer(layer: Any, inputs: list[Any], masks: list[Any], arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    keywords = dict(arguments)
    given, mask = unpack_singleton(inputs), unpack_singleton(masks)
    if has_arg(layer.call, "mask"):
        keywords.setdefault("mask", mask)
    outputs = to_list(layer.call(given, **keywords))
    output_masks = layer.compute_mask(given, mask)
    output_masks = [None] * len(outputs) if output_masks is None else to_list(output_masks)
    if getattr(layer, "activity_regularizer", None) is not None:
        layer.add_loss([layer.activity_regularizer(x) for x in outputs], inputs=inputs)
    if len(output_masks) != len(outputs):
        raise GraphError(
            located(f"Layer {layer.name} has {len(outputs)} output tensors and {len(output_masks)} output masks.")
        )
    layer._set_output_shapes(inputs, outputs)
    uses_learning_phase = getattr(layer, "uses_learning_phase", False) or any(
        getattr(x, "_uses_learning_phase", False) for x in inputs
    )
    for x in outputs:
        x._uses_learning_phase = getattr(x, "_uses_learning_phase", False) or uses_learning_phase
    return outputs, output_masks


def _call_key(tensors: Sequence[Any], masks: Sequence[Any]) -> str:
    return f"{object_list_uid(list(tensors))}_{object_list_uid(list(masks))}"


def _once(items: Sequence[Any]) -> list[Any]:
    """Return the items in order, each object once; numbers have no identity and stay as often as they are given."""
    keyed = {(i, None) if isinstance(item, (int, float)) else (None, id(item)): item for i, item in enumerate(items)}
    return list(keyed.values())
