"""Options and sizes of convolutions, as Keras spells them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from graphc.errors import ShapeError
from graphc.keras.utils.location import located

# A size may be an int, or a size of `K.shape(x)`, which adds and multiplies like one.
Length = TypeVar("Length")
_PADDINGS = ("valid", "same", "causal")


class PaddingError(ShapeError, AssertionError):
    """A length was asked for with an unknown padding."""


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """Return an int n times, or a sequence of n ints as a tuple. Raises ShapeError naming the argument for others."""
    message = f"The `{name}` argument must be a tuple of {n} integers. Received: {value}"
    if isinstance(value, int):
        return (value,) * n
    try:
        values = tuple(value)
    except TypeError:
        raise ShapeError(located(message)) from None
    if len(values) != n:
        raise ShapeError(located(message))
    try:
        return tuple(int(v) for v in values)
    except (TypeError, ValueError):
        raise ShapeError(located(message)) from None


def normalize_steps(value: Any, n: int, name: str) -> tuple[int, ...]:
    """Return `normalize_tuple`'s result. Raises ShapeError where an entry is below 1."""
    values = normalize_tuple(value, n, name)
    if min(values) < 1:
        raise ShapeError(located(f"The `{name}` argument must be above 0. Received: {value}"))
    return values


def normalize_padding(value: Any) -> str:
    """Return the padding in lower case. Raises ShapeError where it is not `valid`, `same` or `causal`."""
    padding = str(value).lower()
    if padding not in _PADDINGS:
        raise ShapeError(located(f"The `padding` argument must be one of {', '.join(_PADDINGS)}. Received: {value}"))
    return padding


def convert_kernel(kernel: Any) -> np.ndarray[Any, Any]:
    """Return a kernel (.., channels, channels) with its axes of space reversed: convolution for correlation.

    Raises ShapeError where the kernel has not 1 to 3 axes of space.
    """
    array = np.asarray(kernel, np.result_type(kernel, np.float32))
    if not 3 <= array.ndim <= 5:
        raise ShapeError(f"Invalid kernel shape: {array.shape}")
    return np.flip(array, tuple(range(array.ndim - 2))).copy()


def window_extent(size: int, dilation: int = 1) -> int:
    """Return how many elements lie under a window, its gaps included."""
    return (size - 1) * dilation + 1


def conv_output_length(
    input_length: Length | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> Length | None:
    """Return the length of a convolution's output (None: unknown). Raises PaddingError for an unknown padding."""
    _check_padding(padding)
    if input_length is None:
        return None
    extent = window_extent(filter_size, dilation)
    length = cast(Any, input_length)
    windows = {"same": length, "causal": length, "valid": length - extent + 1, "full": length + extent - 1}[padding]
    return cast(Length, (windows + stride - 1) // stride)


def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """Return the length of an input that gives an output of this length; None for an unknown one.

    Raises PaddingError for an unknown padding.
    """
    _check_padding(padding)
    if output_length is None:
        return None
    around = {"same": filter_size // 2, "full": filter_size - 1}.get(padding, 0)
    return (output_length - 1) * stride - 2 * around + filter_size


def deconv_length(
    dim_size: Length | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None,
    dilation: int = 1,
) -> Length | None:
    """Return the length of a transposed convolution's output; None for an unknown one.

    Without `output_padding` it is the least that is a multiple of the stride (`same`) or holds all windows (`valid`).
    Raises PaddingError for an unknown padding.
    """
    _check_padding(padding)
    if dim_size is None:
        return None
    extent, length = window_extent(kernel_size, dilation), cast(Any, dim_size)
    if output_padding is not None:
        around = {"same": extent // 2, "full": extent - 1}.get(padding, 0)
        return cast(Length, (length - 1) * stride_size + extent - 2 * around + output_padding)
    more = {"valid": max(extent - stride_size, 0), "full": 2 - stride_size - extent}.get(padding, 0)
    return cast(Length, length * stride_size + more)


def _check_padding(padding: str) -> None:
    if padding not in (*_PADDINGS, "full"):
        raise PaddingError(located(f"padding must be one of {', '.join((*_PADDINGS, 'full'))}. Received: {padding}"))
