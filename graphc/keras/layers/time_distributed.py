"""TimeDistributed: the same layer at every step of a sequence."""

from __future__ import annotations

from typing import Any

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec
from graphc.keras.layers.wrapper import Wrapper
from graphc.keras.utils.generic_utils import has_arg, object_list_uid, to_list
from graphc.keras.utils.location import located


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
