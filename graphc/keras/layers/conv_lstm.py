"""ConvLSTM2D: an LSTM whose products are convolutions, over sequences of images."""

from __future__ import annotations

from typing import Any

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.input_spec import Shape
from graphc.keras.layers.recurrent import RNNOfCell
from graphc.keras.layers.rnn import RNN
from graphc.keras.layers.rnn_cells import LSTMCell
from graphc.keras.layers.stacked_cells import state_sizes
from graphc.keras.legacy.recurrent import legacy_convlstm2d_support
from graphc.keras.utils.conv_utils import conv_output_length, normalize_padding, normalize_steps
from graphc.keras.utils.generic_utils import transpose_shape
from graphc.keras.utils.location import located


class ConvRNN2D(RNN):
    """An RNN over sequences of images, (batch, steps, rows, columns, channels) or channels before the rows.

    The cell has the options of a convolution (`kernel_size`, `strides`, `padding`, `dilation_rate`, `data_format`,
    `filters`); its states are images of the size of its output.
    Raises UnsuitedError for a list of cells and for `unroll`.
    """

    rank = 5

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        if unroll or isinstance(cell, (list, tuple)):
            raise UnsuitedError(located(f"{type(self).__name__} is not unrolled, and takes one cell"))
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)

    def _output_shape_of_step(self, input_shape: Any) -> Shape:
        return self._image_shape(input_shape, self.cell.filters)

    def _state_shapes(self, input_shape: Any) -> list[Shape]:
        return [self._image_shape(input_shape, size) for size in state_sizes(self.cell)]

    def _image_shape(self, input_shape: Any, channels: int) -> Shape:
        cell = self.cell
        space = input_shape[3:5] if cell.data_format == "channels_first" else input_shape[2:4]
        lengths = (
            conv_output_length(length, cell.kernel_size[i], cell.padding, cell.strides[i], cell.dilation_rate[i])
            for i, length in enumerate(space)
        )
        shape: Shape = transpose_shape((input_shape[0], *lengths, channels), cell.data_format, spatial_axes=(1, 2))
        return shape

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Return zeros for each state, of the size that the cell's convolution makes of the images."""
        gates = self.cell.input_conv(inputs[:, 0], self.cell.kernel)
        states = K.split(gates, self.cell.gates, axis=self.cell.channel_axis)
        return [K.zeros_like(states[0]) for _ in state_sizes(self.cell)]


class UnsuitedError(GraphError, TypeError):
    """A recurrent layer of images was asked for what only other recurrent layers do."""


class ConvLSTM2DCell(LSTMCell):
    """An `LSTMCell` of images: convolutions in the place of products (Shi et al., 2015).

    The inputs go through a convolution with `strides`, `padding` and `dilation_rate`; the state through one that keeps
    its size. States and output (batch, rows, columns, filters) or channels first. Weights: kernel (*kernel_size,
    channels, 4 * filters), recurrent_kernel (*kernel_size, filters, 4 * filters), bias (4 * filters,).
    """

    withheld = frozenset({"units", "implementation"})

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
        super().__init__(filters, **kwargs)
        self.filters = filters
        self.kernel_size = normalize_steps(kernel_size, 2, "kernel_size")
        self.strides = normalize_steps(strides, 2, "strides")
        self.padding = normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = normalize_steps(dilation_rate, 2, "dilation_rate")

    @property
    def channel_axis(self) -> int:
        """The axis of the channels of an image."""
        return 1 if self.data_format == "channels_first" else -1

    def _channels(self, shape: Any) -> int:
        channels = shape[self.channel_axis]
        if channels is None:
            raise ShapeError(located(f"Layer {self.name} needs images with a known number of channels, got {shape}"))
        return int(channels)

    def _kernel_shape(self, features: int) -> Shape:
        return (*self.kernel_size, features, 4 * self.filters)

    def _product(self, given: list[Any], kernel: Any) -> Any:
        convolve = self.input_conv if kernel is self.kernel else self.recurrent_conv
        if len(given) == 1:
            return convolve(given[0], kernel)
        parts = zip(given, K.split(kernel, len(given), axis=-1))
        return K.concatenate([convolve(x, part) for x, part in parts], axis=self.channel_axis)

    def input_conv(self, x: Any, kernel: Any) -> Any:
        """Return the convolution of the inputs."""
        return K.conv2d(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def recurrent_conv(self, x: Any, kernel: Any) -> Any:
        """Return the convolution of the state, of the state's size."""
        return K.conv2d(x, kernel, (1, 1), "same", self.data_format)

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        """Return (output, [new h, new c])."""
        h, c = states
        z = self._of_inputs(inputs, training)
        if self.bias is not None:
            z = K.bias_add(z, self.bias, self.data_format)
        z = z + self._product(self._dropped("state", h, self.recurrent_dropout, training), self.recurrent_kernel)
        return self._gated(z, c, self.channel_axis)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["units"], config["implementation"]
        return {
            **config,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


class ConvLSTM2D(RNNOfCell, ConvRNN2D):
    """`ConvLSTM2DCell` over the steps of (batch, steps, rows, columns, channels), or channels before the rows.

    Arguments: `filters`, `kernel_size`, then by keyword those of the cell and of RNN. Output: the last step's image, or
    all of them with `return_sequences`.
    """

    cell_class = ConvLSTM2DCell

    @legacy_convlstm2d_support
    def __init__(self, filters: int, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(filters=filters, kernel_size=kernel_size, **kwargs)
