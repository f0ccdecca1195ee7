"""Layers around a layer: Wrapper, TimeDistributed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.utils.generic_utils import has_arg, object_list_uid, to_list
from graphc.keras.utils.location import located


class Wrapper(Layer):
    """A layer that owns nothing but another layer or model, `layer`: weights, penalties and updates are its.

    `trainable` as a keyword is given to the layer inside; without it that layer stays as it is.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(located(f"{type(self).__name__} wraps a layer or a model, not {layer!r}"))
        self.layer = layer
        # What the layer inside is called on, by the identity of what the wrapper is called on.
        self._input_map: dict[str, Any] = {}
        kwargs.setdefault("trainable", layer.trainable)
        super().__init__(**kwargs)

    @property
    def activity_regularizer(self) -> Any:
        """The penalty of the outputs that the layer inside has."""
        return getattr(self.layer, "activity_regularizer", None)

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer inside."""
        return bool(self.layer.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.layer.trainable = value

    @property  # type: ignore[misc]
    def trainable_weights(self) -> list[Any]:
        """Those of the layer inside."""
        weights: list[Any] = self.layer.trainable_weights
        return weights

    @property  # type: ignore[misc]
    def non_trainable_weights(self) -> list[Any]:
        """Those of the layer inside."""
        weights: list[Any] = self.layer.non_trainable_weights
        return weights

    @property
    def losses(self) -> list[Any]:
        """Penalties of the layer inside, and of the wrapper's outputs."""
        return [*self.layer.losses, *self._losses]

    @property
    def updates(self) -> list[Any]:
        """State updates of the layer inside."""
        updates: list[Any] = self.layer.updates
        return updates

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """Return the penalties that depend on exactly these inputs of the wrapper (None: on none)."""
        return [*self.layer.get_losses_for(self._inner_inputs(inputs)), *super().get_losses_for(inputs)]

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Return the updates that depend on exactly these inputs of the wrapper (None: on none)."""
        return [*self.layer.get_updates_for(self._inner_inputs(inputs)), *super().get_updates_for(inputs)]

    def _inner_inputs(self, inputs: Any) -> Any:
        return None if inputs is None else self._input_map.get(object_list_uid(inputs), inputs)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of the values of the weights inside."""
        values: list[np.ndarray[Any, Any]] = self.layer.get_weights()
        return values

    def set_weights(self, weights: Any) -> None:
        """Set the weights inside. Raises ShapeError where they do not fit, and then changes nothing."""
        self.layer.set_weights(weights)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "layer": layer_classes.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new wrapper, with a new layer inside, from the result of `get_config()`."""
        data = dict(config)
        layer = layer_classes.deserialize(data.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **data)


class TimeDistributed(Wrapper):
    """The same layer or model applied to each step of the input.

    Input (batch, steps, ...), output (batch, steps, ...). All steps of all samples are one large batch to the layer
    inside. A mask of (batch, steps, ...) reaches it as (batch * steps, ...) where it takes one, and its own mask
    is passed on; where it has none, a step is masked if all of it was. Batch, steps and further sizes may be unknown.
    Raises ShapeError for inputs of fewer than three axes, GraphError around a layer that keeps state between batches.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Build the layer inside for the shape of one step."""
        if isinstance(input_shape, list) or len(input_shape) < 3:
            raise ShapeError(
                located(f"{self.name} needs one input of at least 3 axes (batch, steps, ...), not {input_shape}")
            )
        if self.layer.stateful:
            raise GraphError(
                located(f"{self.name}: {self.layer.name} keeps state for each sample of a batch, and steps are none")
            )
        self.input_spec = InputSpec(shape=(None, None, *input_shape[2:]))
        if not self.layer.built:
            self.layer.build(_step_shape(input_shape))
            self.layer.built = True
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the outputs for every step."""
        x = self._as_batch(inputs)
        self.layer.assert_input_compatibility(x)
        arguments: dict[str, Any] = {}
        if has_arg(self.layer.call, "training"):
            arguments["training"] = training
        if mask is not None and has_arg(self.layer.call, "mask"):
            arguments["mask"] = _without_steps(mask)
        outputs = to_list(self.layer.call(x, **arguments))
        if len(outputs) != 1:
            raise GraphError(located(f"{self.name}: {self.layer.name} has {len(outputs)} outputs; it may have one"))
        return _with_steps(outputs[0], inputs)

    def _as_batch(self, inputs: Any) -> Any:
        """Return the inputs as a batch of steps: one tensor for the same inputs."""
        key = object_list_uid(inputs)
        if key not in self._input_map:
            self._input_map[key] = _without_steps(inputs)
        return self._input_map[key]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, steps, ...), where the layer inside makes (batch, ...) of a step."""
        inner = self.layer.compute_output_shape(_step_shape(input_shape))
        return (inner[0], input_shape[1], *inner[1:])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that the layer inside passes on, else (batch, steps): steps with anything unmasked."""
        inner = None if mask is None else _without_steps(mask)
        output_mask = self.layer.compute_mask(self._as_batch(inputs), inner)
        if output_mask is not None:
            return _with_steps(output_mask, inputs)
        if mask is None:
            return None
        for _ in range(2, K.ndim(mask)):
            mask = K.any(mask, axis=-1)
        return mask


def _step_shape(shape: Any) -> tuple[int | None, ...]:
    return (shape[0], *shape[2:])


def _without_steps(x: Any) -> Any:
    """Return (batch, steps, ...) as (batch * steps, ...)."""
    sizes = K.shape(x)
    return K.reshape(x, (sizes[0] * sizes[1], *(sizes[axis] for axis in range(2, K.ndim(x)))))


def _with_steps(x: Any, inputs: Any) -> Any:
    """Return (batch * steps, ...) as (batch, steps, ...) with the sizes of `inputs`."""
    sizes, inner = K.shape(inputs), K.shape(x)
    return K.reshape(x, (sizes[0], sizes[1], *(inner[axis] for axis in range(1, K.ndim(x)))))
