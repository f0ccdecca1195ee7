"""Functions of Keras 1's backend that Keras 2 has under other names."""

from __future__ import annotations

from typing import Any

from graphc.keras.backend.convolution import conv2d, conv2d_transpose
from graphc.keras.backend.elementwise import less, less_equal
from graphc.keras.backend.shape import spatial_2d_padding, temporal_padding
from graphc.keras.backend.tensor import Tensor
from graphc.keras.legacy.functions import legacy_image_function_support

lesser, lesser_equal = less, less_equal


@legacy_image_function_support
def atrous_conv2d(x: Any, kernel: Any, rate: int = 1, padding: str = "valid", data_format: str | None = None) -> Tensor:
    """Return `conv2d` with a kernel whose elements are `rate` apart."""
    return conv2d(x, kernel, padding=padding, data_format=data_format, dilation_rate=(rate, rate))


@legacy_image_function_support
def deconv2d(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return `conv2d_transpose`."""
    return conv2d_transpose(x, kernel, output_shape, strides, padding, data_format)


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Tensor:
    """Return (batch, steps, features) with zeros before and after the steps."""
    return temporal_padding(x, (left_pad, right_pad))


@legacy_image_function_support
def asymmetric_spatial_2d_padding(
    x: Any,
    top_pad: int = 1,
    bottom_pad: int = 1,
    left_pad: int = 1,
    right_pad: int = 1,
    data_format: str | None = None,
) -> Tensor:
    """Return images with zeros around their rows and columns."""
    return spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format)
