"""DenseNets (Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks; 2016)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras import layers
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis, channels
from graphc.keras.applications.imagenet_utils import decode_predictions
from graphc.keras.applications.pretrained import kernels_by_tensorflow
from graphc.keras.models import Model

__all__ = ["DenseNet", "DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_FOLDER = "https://github.com/keras-team/keras-applications/releases/download/densenet/"
_VARIANTS: dict[tuple[int, ...], tuple[str, str, str]] = {
    (6, 12, 24, 16): ("densenet121", "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    (6, 12, 32, 32): ("densenet169", "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    (6, 12, 48, 32): ("densenet201", "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}
_EPSILON = 1.001e-5
_GROWTH = 32


@built_at_once
def DenseNet(
    blocks: Sequence[int],
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return a DenseNet with that many building blocks in each of its four dense blocks; 224x224 images by default.

    Without the top, images are 32x32 and more. See `Architecture` for the arguments; ImageNet's weights are there for
    the three variants that have names.
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=224, min_size=32, needs_sizes=include_top,
    )  # fmt: skip
    variant = _VARIANTS.get(tuple(blocks))
    base.find_weights(variant and kernels_by_tensorflow(_FOLDER, *variant))
    x = layers.ZeroPadding2D(((3, 3), (3, 3)))(base.image)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
    x = _normalize(x, "conv1/bn", "conv1/relu")
    x = layers.ZeroPadding2D(((1, 1), (1, 1)))(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, count in enumerate(blocks, 2):
        if stage > 2:
            x = _halve(x, f"pool{stage - 1}")
        for i in range(1, count + 1):
            x = _grow(x, f"conv{stage}_block{i}")
    x = _normalize(x, "bn", "relu")
    outputs = base.classified(x, "fc1000", "avg_pool") if include_top else base.pooled(x, "pool")
    return base.model(outputs, variant[0] if variant else "densenet")


def DenseNet121(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return the `DenseNet` of 6, 12, 24 and 16 blocks."""
    return DenseNet((6, 12, 24, 16), include_top, weights, input_tensor, input_shape, pooling, classes)


def DenseNet169(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return the `DenseNet` of 6, 12, 32 and 32 blocks."""
    return DenseNet((6, 12, 32, 32), include_top, weights, input_tensor, input_shape, pooling, classes)


def DenseNet201(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return the `DenseNet` of 6, 12, 48 and 32 blocks."""
    return DenseNet((6, 12, 48, 32), include_top, weights, input_tensor, input_shape, pooling, classes)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled as DenseNets take them; `imagenet_utils`'s mode "torch"."""
    return imagenet_utils.preprocess_input(x, data_format, mode="torch")


def _normalize(x: Any, name: str, relu_name: str) -> Any:
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=_EPSILON, name=name)(x)
    return layers.Activation("relu", name=relu_name)(x)


def _grow(x: Any, name: str) -> Any:
    """Return x with `_GROWTH` more channels, convolved from all it has."""
    y = _normalize(x, f"{name}_0_bn", f"{name}_0_relu")
    y = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = _normalize(y, f"{name}_1_bn", f"{name}_1_relu")
    y = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, y])


def _halve(x: Any, name: str) -> Any:
    """Return x with half its channels, rows and columns."""
    x = _normalize(x, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(channels(x) // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)
