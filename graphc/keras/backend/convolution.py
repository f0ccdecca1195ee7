"""Convolutions of the backend: the order of axes, the spelling of options, and Keras's checks around the ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node
from graphc.keras.backend.common import normalize_data_format
from graphc.keras.backend.shape import as_dims
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.legacy.functions import legacy_image_function_support
from graphc.keras.utils.location import located


def channels_last(n: Node, data_format: str) -> Node:
    """Return (n, c, s..) as (n, s.., c) where the format says that the channels come first."""
    return n if data_format == "channels_last" else ops.moveaxis(n, 1, -1)


def in_format(n: Node, data_format: str) -> Node:
    """Return (n, s.., c) in the order of axes of the format."""
    return n if data_format == "channels_last" else ops.moveaxis(n, -1, 1)


def checked_padding(padding: Any, *allowed: str) -> str:
    """Return the padding. Raises ShapeError where it is none of those allowed."""
    if padding not in allowed:
        raise ShapeError(located(f"Invalid padding: {padding!r}; expected one of {', '.join(allowed)}"))
    return str(padding)


def per_axis(value: Any, rank: int, name: str) -> tuple[int, ...]:
    """Return an option of `rank` axes of space as ints. Raises ShapeError where it is not one int above 0 for each."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(int(v) != v or v < 1 for v in values):
        raise ShapeError(
            located(f"The `{name}` argument must be an int above 0 or a tuple of {rank} of them. Received: {value}")
        )
    return tuple(int(v) for v in values)


def _steps(strides: Any, dilation_rate: Any, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return strides and dilations. Raises ShapeError where both are above 1 somewhere, which Keras does not have."""
    steps, gaps = per_axis(strides, rank, "strides"), per_axis(dilation_rate, rank, "dilation_rate")
    if max(steps) > 1 and max(gaps) > 1:
        raise ShapeError(located(f"strides {steps} and dilation_rate {gaps} cannot both be above 1"))
    return steps, gaps


def _checked_rank(n: Node, rank: int, name: str) -> Node:
    """Return n. Raises ShapeError where it is not a batch of arrays with `rank` axes of space and channels."""
    if n.rank != rank + 2:
        raise ShapeError(located(f"{name} takes inputs of {rank + 2} axes, not {n.type}"))
    return n


def _convolve(
    name: str, rank: int, x: Any, kernel: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
) -> Tensor:
    data_format = normalize_data_format(data_format)
    checked_padding(padding, "valid", "same", *(["causal"] if rank == 1 else []))
    n, w = as_nodes(x, kernel)
    steps, gaps = _steps(strides, dilation_rate, rank)
    image = channels_last(_checked_rank(n, rank, name), data_format)
    return Tensor(in_format(ops.convolution(image, w, steps, padding, gaps), data_format))


@legacy_image_function_support
def conv1d(
    x: Any,
    kernel: Any,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int = 1,
) -> Tensor:
    """Return the convolution of (batch, steps, channels) with a kernel (length, channels in, channels out).

    `padding`: `valid`, `same` or `causal` (an output sees no later input). Raises ShapeError for impossible options and
    for strides and dilation_rate both above 1.
    """
    return _convolve("conv1d", 1, x, kernel, strides, padding, data_format, dilation_rate)


@legacy_image_function_support
def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Tensor:
    """Return the convolution of images with a kernel (rows, columns, channels in, channels out).

    `padding`: `valid` or `same`. Raises ShapeError as `conv1d` does.
    """
    return _convolve("conv2d", 2, x, kernel, strides, padding, data_format, dilation_rate)


@legacy_image_function_support
def conv3d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1, 1),
) -> Tensor:
    """Return the convolution of volumes with a kernel (three sizes, channels in, channels out).

    `padding`: `valid` or `same`. Raises ShapeError as `conv1d` does.
    """
    return _convolve("conv3d", 3, x, kernel, strides, padding, data_format, dilation_rate)


def _convolve_back(
    name: str,
    rank: int,
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> Tensor:
    data_format = normalize_data_format(data_format)
    checked_padding(padding, "valid", "same")
    n, w = as_nodes(x, kernel)
    steps, gaps = _steps(strides, dilation_rate, rank)
    image = channels_last(_checked_rank(n, rank, name), data_format)
    is_tensor = isinstance(output_shape, Tensor)
    dims = as_dims(output_shape if is_tensor else [n.shape[0] if d is None else d for d in output_shape])
    if len(dims) != rank + 2:
        raise ShapeError(located(f"{name} needs an output_shape of {rank + 2} sizes, not {output_shape}"))
    space = dims[1:-1] if data_format == "channels_last" else dims[2:]
    return Tensor(in_format(ops.convolution_transpose(image, w, space, steps, padding, gaps), data_format))


@legacy_image_function_support
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Tensor:
    """Return the gradient of a convolution of images of `output_shape`, of which x is the cotangent.

    The kernel is (rows, columns, channels out, channels in); `output_shape` has the batch (or None) and the channels.
    Raises ShapeError where a convolution of that shape would not give x's, and as `conv1d` does.
    """
    return _convolve_back("conv2d_transpose", 2, x, kernel, output_shape, strides, padding, data_format, dilation_rate)


def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the gradient of a convolution of volumes of `output_shape`; see `conv2d_transpose`."""
    return _convolve_back("conv3d_transpose", 3, x, kernel, output_shape, strides, padding, data_format, 1)


def _convolve_channels(
    name: str,
    rank: int,
    x: Any,
    kernel: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
    pointwise: Any = None,
) -> Tensor:
    data_format = normalize_data_format(data_format)
    checked_padding(padding, "valid", "same")
    n, w = as_nodes(x, kernel)
    steps, gaps = _steps(strides, dilation_rate, rank)
    image = channels_last(_checked_rank(n, rank, name), data_format)
    result = ops.depthwise_convolution(image, w, steps, padding, gaps)
    if pointwise is not None:
        result = ops.convolution(result, as_node(pointwise, n))
    return Tensor(in_format(result, data_format))


def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Tensor:
    """Return the convolution of each channel of images by itself, kernel (rows, columns, channels, multiplier).

    Raises ShapeError as `conv1d` does.
    """
    return _convolve_channels("depthwise_conv2d", 2, x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """Return the convolution of each channel by itself, then of all channels at each step.

    Kernels (length, channels, multiplier) and (1, channels * multiplier, channels out). Raises ShapeError as `conv1d`.
    """
    strides, dilation_rate = per_axis(strides, 1, "strides"), per_axis(dilation_rate, 1, "dilation_rate")
    return _convolve_channels(
        "separable_conv1d", 1, x, depthwise_kernel, strides, padding, data_format, dilation_rate, pointwise_kernel
    )


@legacy_image_function_support
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Tensor:
    """Return the convolution of each channel of images by itself, then of all channels at each pixel.

    Kernels (rows, columns, channels, multiplier) and (1, 1, channels * multiplier, channels out). Raises ShapeError as
    `conv1d` does.
    """
    return _convolve_channels(
        "separable_conv2d", 2, x, depthwise_kernel, strides, padding, data_format, dilation_rate, pointwise_kernel
    )


def _convolve_locally(
    rank: int, inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None
) -> Tensor:
    data_format = normalize_data_format(data_format)
    n, w = as_nodes(inputs, kernel)
    image = channels_last(_checked_rank(n, rank, f"local_conv{rank}d"), data_format)
    sizes, steps = per_axis(kernel_size, rank, "kernel_size"), per_axis(strides, rank, "strides")
    # The elements of a patch are in the order of the axes of the input.
    result = ops.local_convolution(image, w, sizes, steps, channels_first=data_format == "channels_first")
    return Tensor(in_format(result, data_format))


def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Sequence[int], strides: Sequence[int], data_format: str | None = None
) -> Tensor:
    """Return the convolution of (batch, steps, channels) with a kernel of its own at each output step.

    The kernel is (output steps, length * channels, channels out). Raises ShapeError where its shape is another.
    """
    return _convolve_locally(1, inputs, kernel, kernel_size, strides, data_format)


def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int],
    data_format: str | None = None,
) -> Tensor:
    """Return the convolution of images with a kernel of its own at each output pixel.

    The kernel is (output pixels, elements of a patch, channels out), a patch's elements in the order of the inputs'
    axes; `output_shape` are the rows and columns. Raises ShapeError where the kernel's shape is another.
    """
    return _convolve_locally(2, inputs, kernel, kernel_size, strides, data_format)
