"""Masking: marks the steps of a sequence that hold no data."""

from __future__ import annotations

from typing import Any

from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer


class Masking(Layer):
    """Zeroes and masks the steps of (batch, steps, ...) whose features all equal `mask_value`."""

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return which steps hold data."""
        return K.any(K.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with the masked steps zero."""
        has_data = K.any(K.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * K.cast(has_data, K.dtype(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mask_value": self.mask_value}
