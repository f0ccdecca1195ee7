"""Bidirectional: a recurrent layer over a sequence, and another of the same kind from its end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.layers.recurrent_inputs import call_with_states, split_inputs
from graphc.keras.layers.wrapper import Wrapper
from graphc.keras.utils.generic_utils import has_arg, to_list
from graphc.keras.utils.location import located

_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "ave": lambda x, y: (x + y) / 2,
    "concat": lambda x, y: K.concatenate([x, y]),
}


class Bidirectional(Wrapper):
    """A recurrent layer over (batch, steps, features), and a second one from the last step to the first.

    `merge_mode` joins their outputs: "concat" along the features, "sum", "mul", "ave", or None for a list of the two.
    With all steps' outputs, those of the second are put in the order of time first. With `return_state` the states of
    the first and of the second follow. `initial_state` holds the first layer's states, then the second's; `constants`
    go to both. `layer` goes forwards, and the second is made from its config; the weights of the two follow each other.
    As in Keras 2.2.4, the wrapper is not stateful: states kept by stateful layers inside move on in training only, and
    `reset_states()` is the wrapper's own.

    Raises GraphError for an unknown `merge_mode`, ShapeError for an odd number of initial states.
    """

    def __init__(self, layer: Any, merge_mode: str | None = "concat", weights: Any = None, **kwargs: Any) -> None:
        self._num_constants: int | None = kwargs.pop("num_constants", None)
        if merge_mode is not None and merge_mode not in _MERGES:
            raise GraphError(located(f"merge_mode must be one of {[*_MERGES, None]}, not {merge_mode!r}"))
        if not hasattr(layer, "go_backwards"):
            raise GraphError(located(f"Bidirectional wraps a recurrent layer, not {layer!r}"))
        # The layer given keeps its name: the one that goes forwards is the same layer under another.
        self.forward_layer = copy.copy(layer)
        self.backward_layer = type(layer).from_config({**layer.get_config(), "go_backwards": not layer.go_backwards})
        self.forward_layer.name = f"forward_{layer.name}"
        self.backward_layer.name = f"backward_{layer.name}"
        self.merge_mode = merge_mode
        self.return_sequences: bool = layer.return_sequences
        self.return_state: bool = layer.return_state
        super().__init__(layer, weights=weights, **kwargs)
        self.supports_masking = True
        self.input_spec = layer.input_spec

    @property
    def inner_layers(self) -> list[Any]:
        """The layer that goes forwards and the one that goes backwards."""
        return [self.forward_layer, self.backward_layer]

    @property
    def trainable(self) -> bool:
        """Whether training changes the layers inside."""
        return bool(self.forward_layer.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in (self.layer, *self.inner_layers):
            layer.trainable = value

    def _inner_inputs(self, inputs: Any) -> Any:
        # The layers inside are called on the sequence, their states being arguments.
        return None if inputs is None else to_list(inputs)[0]

    def build(self, input_shape: Any) -> None:
        """Build both layers."""
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        constants = shapes[len(shapes) - (self._num_constants or 0) :]
        for layer in self.inner_layers:
            layer._num_constants = self._num_constants
            if not layer.built:
                with K.name_scope(layer.name):
                    layer.build([shapes[0], *constants] if constants else shapes[0])
                layer.built = True
        self.input_spec = self.forward_layer.input_spec
        self.built = True

    def reset_states(self) -> None:
        """Set the states that stateful layers inside keep to zeros."""
        for layer in self.inner_layers:
            layer.reset_states()

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape, or a list: both outputs' where they are not joined, then the states'."""
        output, *states = to_list(self.forward_layer.compute_output_shape(input_shape))
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        outputs = [output, output] if self.merge_mode is None else [output]
        shapes = [*outputs, *states, *states]
        return shapes if len(shapes) > 1 else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask given for each output that has all steps; states have none."""
        given = mask[0] if isinstance(mask, list) else mask
        output_mask = given if self.return_sequences else None
        masks = [output_mask] * (2 if self.merge_mode is None else 1)
        if self.return_state:
            masks += [None] * 2 * len(self.forward_layer.states)
        return masks if len(masks) > 1 else output_mask

    def __call__(self, inputs: Any, initial_state: Any = None, constants: Any = None, **kwargs: Any) -> Any:
        """Apply both layers. `inputs` may be a list: the sequence, then the initial states, then the constants."""
        sequence, states, further = split_inputs(inputs, initial_state, constants, self._num_constants)
        if further is not None:
            self._num_constants = len(further)
        if states is not None and len(states) % 2:
            raise ShapeError(
                located(
                    f"layer {self.name} needs as many initial states for the layer that goes forwards as for the one "
                    f"that goes backwards, not {len(states)} in all"
                )
            )
        return call_with_states(self.name, super().__call__, sequence, states, further, kwargs)

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Raise ShapeError or DTypeError where the sequence does not fit; states are held to their own shapes."""
        super().assert_input_compatibility(to_list(inputs)[0])

    def call(
        self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None, constants: Any = None
    ) -> Any:
        """Return the output or outputs, then the states where they are asked for."""
        x, states, further = split_inputs(inputs, initial_state, constants, self._num_constants)
        half = len(states) // 2 if states is not None else 0
        given = {"mask": mask, "training": training, "constants": further}
        keywords = {name: value for name, value in given.items() if has_arg(self.layer.call, name)}
        results = []
        for layer, own in zip(self.inner_layers, ((states or [])[:half], (states or [])[half:])):
            initial = {"initial_state": own} if own else {}
            results.append(to_list(layer.call(x, **keywords, **initial)))
        (forward, *kept), (backward, *kept_backwards) = results
        if self.return_sequences:
            backward = K.reverse(backward, 1)
        outputs = [forward, backward] if self.merge_mode is None else [_MERGES[self.merge_mode](forward, backward)]
        everything = [*outputs, *kept, *kept_backwards]
        return everything if len(everything) > 1 else outputs[0]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        return config if self._num_constants is None else {**config, "num_constants": self._num_constants}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new wrapper, with new layers inside, from the result of `get_config()`."""
        data = dict(config)
        layer = layer_classes.deserialize(data.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **data)
