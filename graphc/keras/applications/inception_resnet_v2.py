"""Inception-ResNet v2 (Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet; 2016)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis, channels
from graphc.keras.applications.imagenet_utils import decode_predictions
from graphc.keras.applications.pretrained import kernels_by_tensorflow
from graphc.keras.models import Model

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.7/",
    "inception_resnet_v2",
    "e693bd0210a403b3192acc6073ad2e96",
    "d19885ff4a710c122648d3b5c3b684e4",
)
# Filters and size of a window.
Window = tuple[int, Any]
# The branches of each kind of residual block.
_BRANCHES: dict[str, tuple[tuple[Window, ...], ...]] = {
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


@built_at_once
def InceptionResNetV2(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return Inception-ResNet v2: Inception blocks added to their inputs; for images of 299x299, takes 75x75 and more.

    See `Architecture` for the arguments.
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=299, min_size=75, needs_sizes=False,
    )  # fmt: skip
    base.find_weights(_PRETRAINED)
    x = _stem(base.image)
    branches = [_chain(x, (96, 1)), _chain(x, (48, 1), (64, 5)), _chain(x, (64, 1), (96, 3), (96, 3))]
    means = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = _joined([*branches, _convolve(means, 64, 1)], "mixed_5b")
    for i in range(1, 11):
        x = _residual_block(x, 0.17, "block35", i)
    x = _halve(x, "mixed_6a", ((384, 3),), ((256, 1), (256, 3), (384, 3)))
    for i in range(1, 21):
        x = _residual_block(x, 0.1, "block17", i)
    x = _halve(x, "mixed_7a", ((256, 1), (384, 3)), ((256, 1), (288, 3)), ((256, 1), (288, 3), (320, 3)))
    for i in range(1, 10):
        x = _residual_block(x, 0.2, "block8", i)
    x = _residual_block(x, 1.0, "block8", 10, activation=None)
    x = _convolve(x, 1536, 1, name="conv_7b")
    return base.model(base.classified(x, "predictions", "avg_pool"), "inception_resnet_v2")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled to [-1, 1]."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


def _convolve(x: Any, filters: int, size: Any, strides: int = 1, padding: str = "same", name: str | None = None) -> Any:
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def _chain(x: Any, *windows: Window) -> Any:
    for filters, size in windows:
        x = _convolve(x, filters, size)
    return x


def _joined(branches: list[Any], name: str) -> Any:
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def _stem(x: Any) -> Any:
    x = _convolve(x, 32, 3, strides=2, padding="valid")
    x = _convolve(x, 32, 3, padding="valid")
    x = _convolve(x, 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _convolve(x, 80, 1, padding="valid")
    x = _convolve(x, 192, 3, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def _halve(x: Any, name: str, *branches: tuple[Window, ...]) -> Any:
    """Return branches over x, the last window of each by strides of 2, beside its local maxima."""
    ends = []
    for *windows, (filters, size) in branches:
        ends.append(_convolve(_chain(x, *windows), filters, size, strides=2, padding="valid"))
    return _joined([*ends, layers.MaxPooling2D(3, strides=2, padding="valid")(x)], name)


def _residual_block(x: Any, scale: float, kind: str, index: int, activation: str | None = "relu") -> Any:
    """Return x plus `scale` times the branches over it, brought to its channels."""
    name = f"{kind}_{index}"
    mixed = _joined([_chain(x, *windows) for windows in _BRANCHES[kind]], f"{name}_mixed")
    residual = layers.Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(mixed)
    x = layers.Lambda(_add_scaled, output_shape=K.int_shape(x)[1:], arguments={"scale": scale}, name=name)(
        [x, residual]
    )
    return x if activation is None else layers.Activation(activation, name=f"{name}_ac")(x)


def _add_scaled(inputs: list[Any], scale: float) -> Any:
    return inputs[0] + inputs[1] * scale
