"""ResNet50 (He, Zhang, Ren, Sun: Deep residual learning for image recognition; 2015)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras import layers
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis
from graphc.keras.applications.imagenet_utils import decode_predictions, preprocess_input
from graphc.keras.applications.pretrained import kernels_by_tensorflow
from graphc.keras.models import Model

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/",
    "resnet50",
    "a7b3fe01876f51b976af0dea6bc144eb",
    "a268eb855778b3df3c7506639542a6af",
)
# Stage: filters inside a block (four times as many come out), letters of its blocks, strides of its first.
_STAGES = ((2, 64, "abc", 1), (3, 128, "abcd", 2), (4, 256, "abcdef", 2), (5, 512, "abc", 2))


@built_at_once
def ResNet50(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return ResNet50: sixteen residual blocks of three convolutions; 224x224 images, 32x32 and more without the top.

    See `Architecture` for the arguments.
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=224, min_size=32, needs_sizes=include_top,
    )  # fmt: skip
    base.find_weights(_PRETRAINED)
    x = layers.ZeroPadding2D((3, 3), name="conv1_pad")(base.image)
    x = _convolve(x, 64, (7, 7), "conv1", "bn_conv1", strides=(2, 2))
    x = layers.Activation("relu")(x)
    x = layers.ZeroPadding2D((1, 1), name="pool1_pad")(x)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, filters, blocks, strides in _STAGES:
        for block in blocks:
            x = _residual_block(x, filters, f"{stage}{block}", (strides, strides) if block == "a" else None)
    return base.model(base.classified(x, "fc1000", "avg_pool"), "resnet50")


def _convolve(x: Any, filters: int, size: tuple[int, int], name: str, norm_name: str, **options: Any) -> Any:
    x = layers.Conv2D(filters, size, kernel_initializer="he_normal", name=name, **options)(x)
    return layers.BatchNormalization(axis=channel_axis(), name=norm_name)(x)


def _residual_block(x: Any, filters: int, name: str, strides: tuple[int, int] | None) -> Any:
    """Return x plus three convolutions of it; with strides, x itself passes a convolution by them."""
    conv, norm = f"res{name}_branch", f"bn{name}_branch"
    y = _convolve(x, filters, (1, 1), f"{conv}2a", f"{norm}2a", strides=strides or (1, 1))
    y = layers.Activation("relu")(y)
    y = _convolve(y, filters, (3, 3), f"{conv}2b", f"{norm}2b", padding="same")
    y = layers.Activation("relu")(y)
    y = _convolve(y, 4 * filters, (1, 1), f"{conv}2c", f"{norm}2c")
    if strides is not None:
        x = _convolve(x, 4 * filters, (1, 1), f"{conv}1", f"{norm}1", strides=strides)
    return layers.Activation("relu")(layers.add([y, x]))
