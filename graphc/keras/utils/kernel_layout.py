"""Weights of networks from another backend or another order of image axes, turned into ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.utils.conv_utils import convert_kernel

_TURNED = frozenset({"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"})


def convert_all_kernels_in_model(model: Any) -> None:
    """Turn the kernels of a model's convolutions by 180 degrees: weights of a backend that convolves truly become ours.

    Twice leads back. Layers of nested models are left as they are.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ in _TURNED]
    K.batch_set_value([(layer.kernel, convert_kernel(K.get_value(layer.kernel))) for layer in layers])


def convert_dense_weights_data_format(
    dense: Any, previous_feature_map_shape: Sequence[int], target_data_format: str = "channels_first"
) -> None:
    """Reorder the kernel of a Dense layer behind a Flatten of images for images with the axes in another order.

    `previous_feature_map_shape` is the shape of an image (without the batch) in the target's order. Raises ShapeError
    for an unknown order and where the shape has not as many elements as the kernel has rows.
    """
    if target_data_format not in ("channels_first", "channels_last"):
        raise ShapeError(f"target_data_format must be channels_first or channels_last, not {target_data_format!r}")
    kernel, *bias = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    if len(shape) != 3 or np.prod(shape) != len(kernel):
        raise ShapeError(f"an image of shape {shape} does not give the {len(kernel)} inputs of layer '{dense.name}'")
    is_first = target_data_format == "channels_first"
    source = (*shape[1:], shape[0]) if is_first else (shape[2], *shape[:2])
    images = kernel.reshape(*source, kernel.shape[1])
    moved = np.moveaxis(images, 2, 0) if is_first else np.moveaxis(images, 0, 2)
    dense.set_weights([moved.reshape(kernel.shape), *bias])
