"""Layers that move elements: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.utils.location import located


class Flatten(Layer):
    """(batch, ...) -> (batch, product). With `data_format` "channels_first" the channels are moved last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=3)
        self.data_format = K.normalize_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        """Return each sample as one row."""
        if self.data_format == "channels_first":
            inputs = K.permute_dimensions(inputs, [0, *range(2, K.ndim(inputs)), 1])
        return K.batch_flatten(inputs)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, product). Raises ShapeError where a size is not known."""
        if not all(input_shape[1:]):
            raise ShapeError(
                located(
                    f'The shape of the input to "{self.name}" is not fully defined (got {input_shape[1:]}). '
                    "Give the first layer a complete `input_shape`."
                )
            )
        return input_shape[0], math.prod(input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape); one size may be -1: it follows from the others."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        """Return the same elements in the target shape."""
        return K.reshape(inputs, (K.shape(inputs)[0], *self.target_shape))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, *target_shape). Raises ShapeError where the sizes do not multiply to the input's."""
        if None in input_shape[1:]:
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        total = math.prod(input_shape[1:])
        known = math.prod(size for size in self.target_shape if size >= 0)
        unknown = sum(size < 0 for size in self.target_shape)
        if unknown > 1:
            raise ShapeError(located(f"{self.name}: only one size may be unknown in {self.target_shape}"))
        if (unknown and (known == 0 or total % known)) or (not unknown and total != known):
            raise ShapeError(
                located(
                    f"{self.name}: total size of new array must be unchanged: {tuple(input_shape[1:])} has {total} "
                    f"elements, {self.target_shape} does not"
                )
            )
        return (input_shape[0], *(total // known if size < 0 else size for size in self.target_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorders the axes of each sample: output axis i + 1 is input axis `dims[i]` (counted from 1)."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with their axes reordered."""
        return K.permute_dimensions(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape, reordered."""
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) -> (batch, n, features)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """Return each row n times."""
        return K.repeat(inputs, self.n)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, n, features)."""
        return input_shape[0], self.n, input_shape[1]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "n": self.n}
