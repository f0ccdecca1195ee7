"""What the two MobileNets share: for which widths and sizes there are weights for ImageNet."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.applications.architecture import Architecture
from graphc.keras.utils.location import located

DEFAULT_SIZE = 224


def usual_size(input_shape: Sequence[int | None] | None, sizes: Collection[int]) -> int:
    """Return the side of square images of this shape where it is one of `sizes`, else 224."""
    if input_shape is None or len(input_shape) != 3:
        return DEFAULT_SIZE
    rows, columns = input_shape[1:] if K.image_data_format() == "channels_first" else input_shape[:2]
    return rows if rows is not None and rows == columns and rows in sizes else DEFAULT_SIZE


def check_pretrained(
    base: Architecture, alpha: float, alphas: Collection[float], depth_multiplier: int, sizes: Collection[int]
) -> int | None:
    """Return the rows that name the network (None where they are not known).

    Raises GraphError where ImageNet's weights are asked for, and there are none of this width, depth and size.
    """
    rows, columns = base.space
    if base.weights != "imagenet":
        return rows
    if depth_multiplier != 1:
        raise GraphError(located(f"ImageNet's weights are for a depth multiplier of 1, not {depth_multiplier}"))
    if alpha not in alphas:
        raise GraphError(located(f"ImageNet's weights are for `alpha` one of {sorted(alphas)}, not {alpha}"))
    if rows is None:
        warnings.warn(f"The size of images is not known: weights for {DEFAULT_SIZE} will be loaded", stacklevel=4)
        return DEFAULT_SIZE
    if rows != columns or rows not in sizes:
        raise GraphError(
            located(
                f"ImageNet's weights are for squares of {sorted(sizes)} pixels, not `input_shape={base.input_shape}`"
            )
        )
    return rows
