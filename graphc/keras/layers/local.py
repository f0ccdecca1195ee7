"""LocallyConnected1D, LocallyConnected2D: convolutions with a kernel of its own at each position."""

from __future__ import annotations

import math
from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec
from graphc.keras.layers.conv import ConvBase
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.location import located


class _LocallyConnected(ConvBase):
    """`activation(local convolution(inputs, kernel) + bias)`.

    Weights: kernel (output positions, window elements * channels in, filters), bias (*output positions, filters).
    """

    paddings = ("valid",)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias. Raises ShapeError where a size of the input other than the batch is not known."""
        if None in input_shape[1:]:
            raise ShapeError(
                located(
                    f"Layer {self.name} has a kernel for each position: its input should be fully-defined, "
                    f"but is {tuple(input_shape)}"
                )
            )
        assert self.filters is not None
        output_shape = self.compute_output_shape(input_shape)
        lengths = output_shape[2:] if self.data_format == "channels_first" else output_shape[1:-1]
        self.output_lengths = tuple(int(length) for length in lengths if length is not None)
        elements = math.prod(self.kernel_size) * input_shape[self._channel_axis]
        self.kernel = self._add_kernel((math.prod(self.output_lengths), elements, self.filters))
        self.bias = self._add_kernel((*self.output_lengths, self.filters), "bias") if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=dict(enumerate(input_shape[1:], 1)))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("dilation_rate")
        return config


class LocallyConnected1D(_LocallyConnected):
    """A kernel of its own for each window of (batch, steps, channels); padding "valid" only.

    Weights: kernel (output steps, kernel_size * channels, filters), bias (output steps, filters).
    """

    @legacy.legacy_local1d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, filters, kernel_size, strides, padding, data_format, **kwargs)

    def _convolve(self, inputs: Any) -> Any:
        return K.local_conv1d(inputs, self.kernel, self.kernel_size, self.strides, self.data_format)


class LocallyConnected2D(_LocallyConnected):
    """A kernel of its own for each window of images; padding "valid" only.

    Weights: kernel (output pixels, elements of a window, filters), the elements in the order of the inputs' axes; bias
    (output rows, output columns, filters).
    """

    @legacy.legacy_local2d_support
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, filters, kernel_size, strides, padding, data_format, **kwargs)

    def _convolve(self, inputs: Any) -> Any:
        return K.local_conv2d(
            inputs, self.kernel, self.kernel_size, self.strides, self.output_lengths, self.data_format
        )
