"""Pooling of the backend: the greatest or the mean of each window."""

from __future__ import annotations

from typing import Any

from graphc import ops
from graphc.errors import ShapeError
from graphc.keras.backend.common import normalize_data_format
from graphc.keras.backend.convolution import channels_last, checked_padding, in_format, per_axis
from graphc.keras.backend.tensor import Tensor, as_node
from graphc.keras.legacy.functions import legacy_image_function_support
from graphc.keras.utils.location import located

_MODES = {"max": ops.max_pool, "avg": ops.average_pool}


def _pool(
    rank: int, x: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None, pool_mode: str
) -> Tensor:
    data_format = normalize_data_format(data_format)
    checked_padding(padding, "valid", "same")
    if pool_mode not in _MODES:
        raise ShapeError(located(f"Invalid pooling mode: {pool_mode!r}; expected one of {', '.join(_MODES)}"))
    n = as_node(x)
    if n.rank != rank + 2:
        raise ShapeError(located(f"pool{rank}d takes inputs of {rank + 2} axes, not {n.type}"))
    sizes, steps = per_axis(pool_size, rank, "pool_size"), per_axis(strides, rank, "strides")
    return Tensor(in_format(_MODES[pool_mode](channels_last(n, data_format), sizes, steps, padding), data_format))


def pool1d(
    x: Any,
    pool_size: int,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    """Return the greatest (`max`) or the mean (`avg`) of each window of (batch, steps, channels).

    `padding`: `valid` or `same`; padding takes part in neither. Raises ShapeError for impossible options.
    """
    return _pool(1, x, pool_size, strides, padding, data_format, pool_mode)


@legacy_image_function_support
def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    """Return the greatest (`max`) or the mean (`avg`) of each window of images; see `pool1d`."""
    return _pool(2, x, pool_size, strides, padding, data_format, pool_mode)


@legacy_image_function_support
def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Tensor:
    """Return the greatest (`max`) or the mean (`avg`) of each window of volumes; see `pool1d`."""
    return _pool(3, x, pool_size, strides, padding, data_format, pool_mode)
