"""Xception (Chollet: Xception: deep learning with depthwise separable convolutions; 2016)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras import layers
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis
from graphc.keras.applications.imagenet_utils import decode_predictions
from graphc.keras.applications.pretrained import kernels_by_tensorflow
from graphc.keras.models import Model

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.4/",
    "xception",
    "0a58e3b7378bc2990ea3b43d5981f1f6",
    "b0042744bf5b25fce3cb969f33bebb97",
)


@built_at_once
def Xception(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return Xception: residual blocks of separable convolutions; for images of 299x299, takes 71x71 and more.

    See `Architecture` for the arguments.
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=299, min_size=71, needs_sizes=False,
    )  # fmt: skip
    base.find_weights(_PRETRAINED)
    x = base.image
    for name, filters, strides in (("block1_conv1", 32, (2, 2)), ("block1_conv2", 64, (1, 1))):
        x = layers.Conv2D(filters, (3, 3), strides=strides, use_bias=False, name=name)(x)
        x = _relu(_normalize(x, f"{name}_bn"), name)
    x = _halving_block(x, "block2", 128, 128, starts_with_relu=False)
    x = _halving_block(x, "block3", 256, 256)
    x = _halving_block(x, "block4", 728, 728)
    for block in range(5, 13):
        x = _same_size_block(x, f"block{block}")
    x = _halving_block(x, "block13", 728, 1024)
    for name, filters in (("block14_sepconv1", 1536), ("block14_sepconv2", 2048)):
        x = _relu(_separable(x, filters, name), name)
    return base.model(base.classified(x, "predictions", "avg_pool"), "xception")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled to [-1, 1]."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


def _normalize(x: Any, name: str | None = None) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=f"{name}_act")(x)


def _separable(x: Any, filters: int, name: str) -> Any:
    x = layers.SeparableConv2D(filters, (3, 3), padding="same", use_bias=False, name=name)(x)
    return _normalize(x, f"{name}_bn")


def _halving_block(x: Any, name: str, middle: int, filters: int, starts_with_relu: bool = True) -> Any:
    """Return the sum of two separable convolutions of x, pooled, and a convolution of x by strides of 2."""
    shortcut = layers.Conv2D(filters, (1, 1), strides=(2, 2), padding="same", use_bias=False)(x)
    shortcut = _normalize(shortcut)
    first, second = f"{name}_sepconv1", f"{name}_sepconv2"
    x = _separable(_relu(x, first) if starts_with_relu else x, middle, first)
    x = _separable(_relu(x, second), filters, second)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same", name=f"{name}_pool")(x)
    return layers.add([x, shortcut])


def _same_size_block(x: Any, name: str) -> Any:
    """Return x plus three separable convolutions of it."""
    y = x
    for i in range(1, 4):
        part = f"{name}_sepconv{i}"
        y = _separable(_relu(y, part), 728, part)
    return layers.add([y, x])
