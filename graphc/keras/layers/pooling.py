"""Pooling: the greatest or the mean of each window, or of all positions."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.conv_utils import conv_output_length, normalize_padding, normalize_steps
from graphc.keras.utils.location import located


class _Pooling(Layer):
    """One number for each window and channel over `rank` axes of space; `strides` None are the window's size.

    Raises ShapeError for impossible options.
    """

    rank: int
    mode: str

    def __init__(self, pool_size: Any, strides: Any, padding: str, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = normalize_steps(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else normalize_steps(strides, self.rank, "strides")
        self.padding = normalize_padding(padding)
        if self.padding == "causal":
            raise ShapeError(located(f"{type(self).__name__} has no padding 'causal'; it has valid, same"))
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Return the layer's function of the inputs."""
        pool = {1: K.pool1d, 2: K.pool2d, 3: K.pool3d}[self.rank]
        sizes, strides = (v[0] if self.rank == 1 else v for v in (self.pool_size, self.strides))
        return pool(inputs, sizes, strides, self.padding, self.data_format, self.mode)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output. Raises ShapeError where the window is larger than the input."""
        is_first = self.data_format == "channels_first"
        space = input_shape[2:] if is_first else input_shape[1:-1]
        lengths = tuple(
            conv_output_length(length, size, self.padding, stride)
            for length, size, stride in zip(space, self.pool_size, self.strides)
        )
        if any(length is not None and length < 1 for length in lengths):
            raise ShapeError(
                located(
                    f"Layer {self.name}: an input of shape {tuple(input_shape)} is too small for a window of "
                    f"{self.pool_size}, padding '{self.padding}'"
                )
            )
        return (*input_shape[:2], *lengths) if is_first else (input_shape[0], *lengths, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _Pooling1D(_Pooling):
    rank = 1

    @legacy.legacy_pooling1d_support
    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class _Pooling2D(_Pooling):
    rank = 2

    @legacy.legacy_poolingNd_support
    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class _Pooling3D(_Pooling):
    rank = 3

    @legacy.legacy_poolingNd_support
    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pooling1D):
    """The greatest of each window of (batch, steps, channels)."""

    mode = "max"


class MaxPooling2D(_Pooling2D):
    """The greatest of each window of images."""

    mode = "max"


class MaxPooling3D(_Pooling3D):
    """The greatest of each window of volumes."""

    mode = "max"


class AveragePooling1D(_Pooling1D):
    """The mean of each window of (batch, steps, channels); padding is not counted."""

    mode = "avg"


class AveragePooling2D(_Pooling2D):
    """The mean of each window of images; padding is not counted."""

    mode = "avg"


class AveragePooling3D(_Pooling3D):
    """The mean of each window of volumes; padding is not counted."""

    mode = "avg"


class _GlobalPooling(Layer):
    """One number for each channel: (batch, channels)."""

    rank: int

    @legacy.legacy_global_pooling_support
    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _space(self) -> list[int]:
        first = 2 if self.data_format == "channels_first" else 1
        return list(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, channels)."""
        return input_shape[0], input_shape[1 if self.data_format == "channels_first" else -1]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "data_format": self.data_format}


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        """Return the greatest of each channel."""
        return K.max(inputs, axis=self._space)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        """Return the mean of each channel."""
        return K.mean(inputs, axis=self._space)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The greatest of each channel of (batch, steps, channels)."""

    rank = 1

    def __init__(self, data_format: str | None = "channels_last", **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The greatest of each channel of images."""

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The greatest of each channel of volumes."""

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean of each channel of (batch, steps, channels); with a mask, of the steps that it leaves."""

    rank = 1

    def __init__(self, data_format: str | None = "channels_last", **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mean over the steps that the mask leaves (all without a mask)."""
        if mask is None:
            return super().call(inputs)
        kept = K.expand_dims(K.cast(mask, K.floatx()), 1 if self.data_format == "channels_first" else 2)
        return K.sum(inputs * kept, axis=self._space) / K.sum(kept, axis=self._space)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: the steps are gone."""


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean of each channel of images."""

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean of each channel of volumes."""

    rank = 3


AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
