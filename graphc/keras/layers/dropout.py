"""Dropout: zeroes a random part of its input while training."""

from __future__ import annotations

from typing import Any

from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.legacy import interfaces


class Dropout(Layer):
    """Zeroes a fraction `rate` of the elements and divides the others by 1 - rate; does nothing outside training.

    `noise_shape` is the shape of the mask (None where it is the input's size, 1 where all share one draw); `seed`
    None draws one from NumPy's generator.
    """

    @interfaces.legacy_dropout_support
    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = min(1.0, max(0.0, rate))
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True

    def _get_noise_shape(self, inputs: Any) -> Any:
        if self.noise_shape is None:
            return None
        sizes = K.shape(inputs)
        return tuple(sizes[axis] if size is None else size for axis, size in enumerate(self.noise_shape))

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the inputs with elements dropped in the training phase."""
        if not 0.0 < self.rate < 1.0:
            return inputs
        noise_shape = self._get_noise_shape(inputs)
        return K.in_train_phase(
            lambda: K.dropout(inputs, self.rate, noise_shape, seed=self.seed), inputs, training=training
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class SpatialDropout1D(Dropout):
    """Dropout of whole channels of (batch, steps, channels)."""

    @interfaces.legacy_spatialdropout1d_support
    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _get_noise_shape(self, inputs: Any) -> Any:
        sizes = K.shape(inputs)
        return sizes[0], 1, sizes[2]


class _SpatialDropoutOfImages(Dropout):
    rank: int

    @interfaces.legacy_spatialdropoutNd_support
    def __init__(self, rate: float, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank)

    def _get_noise_shape(self, inputs: Any) -> Any:
        sizes = K.shape(inputs)
        ones = (1,) * (self.rank - 2)
        if self.data_format == "channels_first":
            return (sizes[0], sizes[1], *ones)
        return (sizes[0], *ones, sizes[self.rank - 1])


class SpatialDropout2D(_SpatialDropoutOfImages):
    """Dropout of whole channels of images, rank 4; `data_format` says which axis the channels are."""

    rank = 4


class SpatialDropout3D(_SpatialDropoutOfImages):
    """Dropout of whole channels of volumes, rank 5; `data_format` says which axis the channels are."""

    rank = 5
