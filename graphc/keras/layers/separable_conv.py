"""Convolutions of each channel by itself: DepthwiseConv2D, SeparableConv1D, SeparableConv2D."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import constraints, initializers, regularizers
from graphc.keras.layers.conv import ConvBase
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.location import located

_KERNEL_OPTIONS = ("initializer", "regularizer", "constraint")


class _ChannelwiseConv(ConvBase):
    """A convolution that starts with a kernel (*kernel_size, channels, depth_multiplier) for each channel by itself."""

    def __init__(
        self,
        rank: int,
        filters: int | None,
        kernel_size: Any,
        *args: Any,
        depth_multiplier: int = 1,
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rank, filters, kernel_size, *args, **kwargs)
        if not isinstance(depth_multiplier, int) or depth_multiplier < 1:
            raise ShapeError(
                located(f"{type(self).__name__} needs a depth_multiplier above 0, not {depth_multiplier!r}")
            )
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def _add_depthwise_kernel(self, channels: int) -> Any:
        return self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        for option in _KERNEL_OPTIONS:
            config.pop(f"kernel_{option}")
        return {
            **config,
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
        }


class _SeparableConv(_ChannelwiseConv):
    """A convolution of each channel by itself, then one over the channels of each position."""

    def __init__(
        self,
        rank: int,
        *args: Any,
        pointwise_initializer: Any = "glorot_uniform",
        pointwise_regularizer: Any = None,
        pointwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rank, *args, **kwargs)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the kernels and the bias. Raises ShapeError where the number of channels is not known."""
        channels = self._channels(input_shape)
        assert self.filters is not None
        self.depthwise_kernel = self._add_depthwise_kernel(channels)
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, self.depth_multiplier * channels, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        self.bias = self._add_kernel((self.filters,), "bias") if self.use_bias else None
        self.built = True

    def _convolve(self, inputs: Any) -> Any:
        convolve = K.separable_conv1d if self.rank == 1 else K.separable_conv2d
        return convolve(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(_SeparableConv):
    """Convolution over steps of each channel by itself, then of the channels of each step.

    Weights: depthwise_kernel (kernel_size, channels, depth_multiplier), pointwise_kernel (1, channels *
    depth_multiplier, filters), bias (filters,).
    """

    @legacy.legacy_conv1d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        dilation_rate: Any = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, filters, kernel_size, strides, padding, data_format, dilation_rate, **kwargs)


class SeparableConv2D(_SeparableConv):
    """Convolution over images of each channel by itself, then of the channels of each pixel.

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), pointwise_kernel (1, 1, channels *
    depth_multiplier, filters), bias (filters,).
    """

    @legacy.legacy_separable_conv2d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(2, filters, kernel_size, strides, padding, data_format, dilation_rate, **kwargs)


class DepthwiseConv2D(_ChannelwiseConv):
    """Convolution over images of each channel by itself, to `depth_multiplier` channels each.

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,).
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        dilation_rate = kwargs.pop("dilation_rate", 1)
        super().__init__(
            2,
            None,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            depth_multiplier=depth_multiplier,
            **kwargs,
        )

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias. Raises ShapeError where the rank is below 4 or the channels are not known."""
        if len(input_shape) < 4:
            raise ShapeError(located(f"Layer {self.name}: inputs should have rank 4. Received: {tuple(input_shape)}"))
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._add_depthwise_kernel(channels)
        self.bias = self._add_kernel((channels * self.depth_multiplier,), "bias") if self.use_bias else None
        self.built = True

    def _convolve(self, inputs: Any) -> Any:
        return K.depthwise_conv2d(
            inputs, self.depthwise_kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("filters")
        return config
