"""Conv1D, Conv2D, Conv3D: one kernel over every window of the input."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.conv_utils import conv_output_length, normalize_padding, normalize_steps
from graphc.keras.utils.location import located


class ConvBase(Layer):
    """`activation(convolution(inputs, kernel) + bias)` over `rank` axes of space.

    Weights: kernel (*kernel_size, channels in, filters), bias (filters,). `data_format` says whether the channels are
    axis 1 or the last. Raises ShapeError for impossible options.
    """

    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        rank: int,
        filters: int | None,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.filters = filters
        self.kernel_size = normalize_steps(kernel_size, rank, "kernel_size")
        self.strides = normalize_steps(strides, rank, "strides")
        self.padding = normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = normalize_steps(dilation_rate, rank, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._check_options()

    def _check_options(self) -> None:
        name = type(self).__name__
        if self.padding not in self.paddings:
            raise ShapeError(located(f"{name} has no padding '{self.padding}'; it has {', '.join(self.paddings)}"))
        if self.filters is not None and (not isinstance(self.filters, int) or self.filters < 1):
            raise ShapeError(located(f"{name} needs a number of filters above 0, not {self.filters!r}"))

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _channels(self, input_shape: Any) -> int:
        """Return the number of channels in, and hold the input to it.

        Raises ShapeError where it is not known, or where the layer can be made but not used: strides and dilation.
        """
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ShapeError(
                located(
                    f"Layer {self.name}: strides {self.strides} and dilation_rate {self.dilation_rate} "
                    f"cannot both be above 1 (input of shape {tuple(input_shape)})"
                )
            )
        axis = self._channel_axis
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(
                located(
                    f"Layer {self.name}: the channel dimension of the inputs should be defined, "
                    f"but axis {axis} of {tuple(input_shape)} is None"
                )
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return int(channels)

    def _add_kernel(self, shape: tuple[int, ...], name: str = "kernel") -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
        )

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias. Raises ShapeError where the number of channels is not known."""
        channels = self._channels(input_shape)
        assert self.filters is not None
        self.kernel = self._add_kernel((*self.kernel_size, channels, self.filters))
        self.bias = self._add_kernel((self.filters,), "bias") if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the layer's function of the inputs."""
        return self._finished(self._convolve(inputs))

    def _convolve(self, inputs: Any) -> Any:
        convolve = {1: K.conv1d, 2: K.conv2d, 3: K.conv3d}[self.rank]
        strides, dilations = (v[0] if self.rank == 1 else v for v in (self.strides, self.dilation_rate))
        return convolve(inputs, self.kernel, strides, self.padding, self.data_format, dilations)

    def _finished(self, outputs: Any) -> Any:
        if self.bias is not None:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def _output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def _output_length(self, length: int | None, axis: int) -> int | None:
        size, stride, dilation = self.kernel_size[axis], self.strides[axis], self.dilation_rate[axis]
        return conv_output_length(length, size, self.padding, stride, dilation)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the output. Raises ShapeError where the window is larger than the input."""
        is_first = self.data_format == "channels_first"
        space = input_shape[2:] if is_first else input_shape[1:-1]
        lengths = tuple(self._output_length(length, axis) for axis, length in enumerate(space))
        if any(length is not None and length < 1 for length in lengths):
            raise ShapeError(
                located(
                    f"Layer {self.name}: an input of shape {tuple(input_shape)} is too small for a window of "
                    f"{self.kernel_size}, {self.dilation_rate} apart, padding '{self.padding}'"
                )
            )
        channels = self._output_channels(input_shape[self._channel_axis])
        return (input_shape[0], channels, *lengths) if is_first else (input_shape[0], *lengths, channels)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Conv1D(ConvBase):
    """Convolution over the steps of (batch, steps, channels); `padding` may also be "causal".

    Output (batch, new steps, filters). Weights: kernel (kernel_size, channels, filters), bias (filters,).
    `strides` and `dilation_rate` cannot both be above 1.
    """

    paddings = ("valid", "same", "causal")

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


class Conv2D(ConvBase):
    """Convolution over the rows and columns of images, (batch, rows, columns, channels) or channels first.

    Weights: kernel (*kernel_size, channels, filters), bias (filters,). `strides` and `dilation_rate` cannot both be
    above 1.
    """

    @legacy.legacy_conv2d_support
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


class Conv3D(ConvBase):
    """Convolution over the three axes of volumes, (batch, d1, d2, d3, channels) or channels first.

    Weights: kernel (*kernel_size, channels, filters), bias (filters,). `strides` and `dilation_rate` cannot both be
    above 1.
    """

    @legacy.legacy_conv3d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(3, filters, kernel_size, strides, padding, data_format, dilation_rate, **kwargs)


class AtrousConvolution1D(Conv1D):
    """Keras 1's name of a Conv1D with `atrous_rate`, now `dilation_rate`."""


class AtrousConvolution2D(Conv2D):
    """Keras 1's name of a Conv2D with `atrous_rate`, now `dilation_rate`."""
