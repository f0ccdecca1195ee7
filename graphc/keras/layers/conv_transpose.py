"""Conv2DTranspose, Conv3DTranspose: the gradient of a convolution, used forwards."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.layers.conv import ConvBase
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.conv_utils import deconv_length, normalize_tuple
from graphc.keras.utils.location import located


class _ConvTranspose(ConvBase):
    """The adjoint of a convolution with the kernel (*kernel_size, filters, channels in).

    `output_padding` chooses one of the outputs that the convolution would bring to the input's size; it must be below
    the strides.
    """

    def __init__(self, rank: int, *args: Any, output_padding: Any = None, **kwargs: Any) -> None:
        super().__init__(rank, *args, **kwargs)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = normalize_tuple(output_padding, rank, "output_padding")
            if any(not 0 <= more < stride for more, stride in zip(self.output_padding, self.strides)):
                raise ShapeError(
                    located(f"Strides {self.strides} must be greater than output padding {self.output_padding}")
                )

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias. Raises ShapeError where the rank is another or the channels are not known."""
        if len(input_shape) != self.rank + 2:
            raise ShapeError(
                located(f"Layer {self.name}: inputs should have rank {self.rank + 2}. Received: {tuple(input_shape)}")
            )
        channels = self._channels(input_shape)
        assert self.filters is not None
        self.kernel = self._add_kernel((*self.kernel_size, self.filters, channels))
        self.bias = self._add_kernel((self.filters,), "bias") if self.use_bias else None
        self.built = True

    def _convolve(self, inputs: Any) -> Any:
        sizes = list(K.shape(inputs))
        is_first = self.data_format == "channels_first"
        lengths = [self._output_length(d, axis) for axis, d in enumerate(sizes[2:] if is_first else sizes[1:-1])]
        shape = (sizes[0], self.filters, *lengths) if is_first else (sizes[0], *lengths, self.filters)
        if self.rank == 3:
            return K.conv3d_transpose(inputs, self.kernel, shape, self.strides, self.padding, self.data_format)
        return K.conv2d_transpose(
            inputs, self.kernel, shape, self.strides, self.padding, self.data_format, self.dilation_rate
        )

    def _output_length(self, length: Any, axis: int) -> Any:
        size, stride, dilation = self.kernel_size[axis], self.strides[axis], self.dilation_rate[axis]
        more = None if self.output_padding is None else self.output_padding[axis]
        return deconv_length(length, stride, size, self.padding, more, dilation)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "output_padding": self.output_padding}


class Conv2DTranspose(_ConvTranspose):
    """The adjoint of Conv2D: (batch, rows, columns, channels) to larger images of `filters` channels.

    Weights: kernel (*kernel_size, filters, channels), bias (filters,). Raises ShapeError where `output_padding` is not
    below the strides.
    """

    @legacy.legacy_deconv2d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            output_padding=output_padding,
            **kwargs,
        )


class Conv3DTranspose(_ConvTranspose):
    """The adjoint of Conv3D: (batch, d1, d2, d3, channels) to larger volumes of `filters` channels.

    Weights: kernel (*kernel_size, filters, channels), bias (filters,). Raises ShapeError where `output_padding` is not
    below the strides.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            3, filters, kernel_size, strides, padding, data_format, output_padding=output_padding, **kwargs
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("dilation_rate")
        return config
