"""Lambda: any function of tensors as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.errors import GraphError, UsageError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.legacy import interfaces
from graphc.keras.utils.function_config import function_from_config, function_to_config
from graphc.keras.utils.generic_utils import has_arg
from graphc.keras.utils.location import located


class Lambda(Layer):
    """Applies `function(inputs, **arguments)`; a `mask` argument of the function is given the inputs' mask.

    `output_shape` (without the batch, or a function of the input's shape) is found by calling the function where it
    is None. `mask` is the mask to pass on, or a function of (inputs, mask).
    """

    @interfaces.legacy_lambda_support
    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}
        self.supports_masking = mask is not None
        self.mask = mask
        if output_shape is not None and not isinstance(output_shape, (tuple, list)) and not callable(output_shape):
            raise UsageError(located(f"{self.name}: `output_shape` must be a list, a tuple, or a function."))
        self._output_shape: Any = tuple(output_shape) if isinstance(output_shape, (tuple, list)) else output_shape

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the function of the inputs."""
        arguments = {**self.arguments, "mask": mask} if has_arg(self.function, "mask") else self.arguments
        return self.function(inputs, **arguments)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask to pass on."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape given, or that of the function's result."""
        if self._output_shape is None:
            is_list = isinstance(input_shape, list)
            result = self.call(
                [K.placeholder(shape=shape) for shape in input_shape] if is_list else K.placeholder(shape=input_shape)
            )
            return [K.int_shape(x) for x in result] if isinstance(result, list) else K.int_shape(result)
        if isinstance(self._output_shape, tuple):
            batch = (input_shape[0] if isinstance(input_shape, list) else input_shape)[0]
            return (batch, *self._output_shape)
        shape = self._output_shape(input_shape)
        if not isinstance(shape, (list, tuple)):
            raise GraphError(
                located(f"{self.name}: `output_shape` must return a tuple or a list of tuples, not {shape!r}")
            )
        return tuple(shape) if isinstance(shape, list) and not isinstance(shape[0], (tuple, list)) else shape

    def _set_output_shapes(self, inputs: list[Any], outputs: list[Any]) -> None:
        # The function has just been called: its result knows its shape.
        if self._output_shape is not None:
            super()._set_output_shapes(inputs, outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; functions as their code."""
        function, function_type = function_to_config(self.function)
        shape, shape_type = self._output_shape, "raw"
        if callable(shape):
            shape, shape_type = function_to_config(shape)
        return {
            **super().get_config(),
            "function": function,
            "function_type": function_type,
            "output_shape": shape,
            "output_shape_type": shape_type,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a layer from `get_config()`'s result.

        Code in it is never run: functions that this process did not write itself come from `custom_objects`, under
        the layer's name (`NAME.output_shape` for that function). Raises ValueError where there is none.
        """
        data = dict(config)
        name = str(data.get("name"))
        for part, owner in (("function", name), ("output_shape", f"{name}.output_shape")):
            kind = data.pop(f"{part}_type", "raw")
            data[part] = function_from_config(data.get(part), kind, owner, custom_objects)
        data["arguments"] = {name: _read_array(value) for name, value in (data.get("arguments") or {}).items()}
        return cls(**data)


def _read_array(value: Any) -> Any:
    is_array = isinstance(value, Mapping) and value.get("type") == "ndarray"
    return np.array(value["value"]) if is_array else value
