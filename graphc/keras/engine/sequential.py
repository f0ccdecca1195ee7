"""Sequential: a chain of layers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import GraphError, UsageError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.network import Network
from graphc.keras.engine.training import Model
from graphc.keras.legacy.merge import Merge
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.layer_utils import get_source_inputs
from graphc.keras.utils.location import located


class OutputCountError(GraphError, TypeError):
    """A layer in a chain has several outputs."""


class Sequential(Model):
    """A chain of layers, each fed by the one before.

    Weights exist from the moment the input shape is known: from the first layer's `input_shape`, from `build`, or
    from the first data given. It may start with a `Merge` of other chains, as in Keras 1, and then has their inputs.
    """

    def __init__(self, layers: Iterable[Any] | None = None, name: str | None = None) -> None:
        super().__init__(name=name)
        self._build_input_shape: tuple[int | None, ...] | None = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Any]:
        """The layers that were added, without the input layer made for them.

        A chain that starts with a Merge of branches has the layers of the branches too, without their inputs.
        """
        if self._merge is not None:
            return [layer for layer in self._layers if not isinstance(layer, InputLayer)]
        return self._layers[1:] if self._layers and isinstance(self._layers[0], InputLayer) else self._layers

    @property
    def _merge(self) -> Merge | None:
        """The Merge of branches that the chain starts with, None where it starts as others do."""
        # A branch may start with one, too; the layers stand in the order of the flow.
        merges = [layer for layer in self._layers if isinstance(layer, Merge) and layer.layers is not None]
        return merges[-1] if merges else None

    @property
    def model(self) -> Sequential:
        """The model itself; Keras 1 wrapped one."""
        warnings.warn("`Sequential.model` is deprecated: use the Sequential itself.", stacklevel=2)
        return self

    def add(self, layer: Any) -> None:
        """Put a layer at the end. Raises UsageError where it is no layer, GraphError where it has several outputs."""
        if not isinstance(layer, Layer):
            raise UsageError(located(f"The added layer must be an instance of class Layer. Found: {layer!r}"))
        self.built = False
        if not self._layers:
            self._start_with(layer)
        elif self.outputs:
            output = layer(self.outputs[0])
            if isinstance(output, list):
                raise OutputCountError(self._several_outputs(layer))
            self.outputs = [output]
        if self.inputs:
            self.build()
        else:
            self._layers.append(layer)

    def _start_with(self, layer: Layer) -> None:
        if not isinstance(layer, InputLayer) and not (isinstance(layer, Merge) and layer._inbound_nodes):
            first: Any = layer
            while isinstance(first, Network):
                if not first.layers:
                    raise GraphError(located("Cannot add an empty model to a `Sequential` model."))
                first = (first._layers if first._is_graph_network else first.layers)[0]
            if not hasattr(first, "batch_input_shape"):
                return
            layer(Input(batch_shape=first.batch_input_shape, dtype=first.dtype, name=f"{layer.name}_input"))
        outputs = layer._inbound_nodes[-1].output_tensors
        if len(outputs) != 1:
            raise GraphError(self._several_outputs(layer))
        self.outputs = list(outputs)
        self.inputs = get_source_inputs(outputs[0])

    def _several_outputs(self, layer: Layer) -> str:
        return located(
            f"All layers in a Sequential model should have a single output tensor; {layer.name} has several. "
            "Use the functional API."
        )

    def pop(self) -> None:
        """Remove the last layer. Raises UsageError where there is none."""
        if not self.layers:
            raise UsageError(located(f"There are no layers in the model {self.name}."))
        merge = self._merge
        popped = self._layers.pop()
        self.built = False
        self._is_compiled = False
        if not self.layers or popped is merge:
            self._layers.clear()
            self.inputs = self.outputs = None
        elif self.outputs:
            last = self.layers[-1]
            last._outbound_nodes = []
            self.outputs = [last._inbound_nodes[-1].output_tensors[0]]
            self.build()

    def build(self, input_shape: Any = None) -> None:
        """Make the weights; `input_shape` includes the batch and is needed where no layer gave one."""
        if input_shape and not self.inputs:
            x = Input(batch_shape=tuple(input_shape), dtype=K.floatx(), name=f"{self.name}_input")
            self.inputs = [x]
            for layer in self._layers:
                x = layer(x)
            self.outputs = [x]
            self._build_input_shape = tuple(input_shape)
        if self.inputs:
            self._init_graph_network(self.inputs, self.outputs, name=self.name)

    def count_params(self) -> int:
        """Return the number of scalars in the weights."""
        if not self.built:
            self.build()
        return super().count_params()

    def _set_inputs(self, inputs: Any, outputs: Any = None, training: bool | None = None) -> None:
        """Build the chain for data of this shape (its first size stands for the batch)."""
        (array,) = to_list(inputs)
        self.build(input_shape=(None, *array.shape[1:]))

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: int = 0) -> np.ndarray[Any, Any]:
        """Return `predict(x)`; warns where the values cannot be probabilities."""
        predictions: np.ndarray[Any, Any] = self.predict(x, batch_size, verbose)
        if predictions.min() < 0.0 or predictions.max() > 1.0:
            warnings.warn(
                "The network returns values outside [0, 1]: the last layer may not give probabilities, "
                "as softmax and sigmoid do.",
                stacklevel=2,
            )
        return predictions

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: int = 0) -> np.ndarray[Any, Any]:
        """Return the class of each sample: the largest of several outputs, or a single output above 0.5 (int32)."""
        predictions: np.ndarray[Any, Any] = self.predict(x, batch_size=batch_size, verbose=verbose)
        if predictions.shape[-1] > 1:
            classes: np.ndarray[Any, Any] = np.argmax(predictions, axis=-1)
            return classes
        return (predictions > 0.5).astype("int32")

    def get_config(self) -> dict[str, Any]:
        """Return the name and the layers' classes and configs."""
        merge, layers = self._merge, self.layers
        if merge is not None:
            layers = layers[layers.index(merge) :]
        config: dict[str, Any] = {
            "name": self.name,
            "layers": [copy.deepcopy(layer_classes.serialize(layer)) for layer in layers],
        }
        if merge is not None:
            branches = [copy.deepcopy(layer_classes.serialize(branch)) for branch in merge.layers or ()]
            config["layers"][0]["config"]["layers"] = branches
        if self._build_input_shape:
            config["build_input_shape"] = self._build_input_shape
        return config

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any] | Sequence[Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """Return a new chain from `get_config()`, or from the bare list of layers that older files hold."""
        data: Mapping[str, Any] = config if isinstance(config, Mapping) else {"layers": config}
        model = cls(name=data.get("name"))
        for layer in data["layers"]:
            model.add(layer_classes.deserialize(layer, custom_objects=custom_objects))
        if not model.inputs and data.get("build_input_shape"):
            model.build(data["build_input_shape"])
        return model
