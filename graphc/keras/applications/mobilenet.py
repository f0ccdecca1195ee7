"""MobileNet (Howard et al.: MobileNets: efficient convolutional neural networks for mobile vision; 2017)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras import layers
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis
from graphc.keras.applications.imagenet_utils import decode_predictions
from graphc.keras.applications.mobile import check_pretrained, usual_size
from graphc.keras.applications.pretrained import PretrainedFile, PretrainedWeights
from graphc.keras.models import Model
from graphc.keras.utils.location import located

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_FOLDER = "https://github.com/fchollet/deep-learning-models/releases/download/v0.6/"
_SIZES = (128, 160, 192, 224)
_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
# Filters and strides of the blocks.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
_END_PAD = ((0, 1), (0, 1))


@built_at_once
def MobileNet(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return MobileNet: pairs of a depthwise and a pointwise convolution; 224x224 images, 32x32 and more in general.

    `alpha` scales the filters of every layer, `depth_multiplier` is that of the depthwise convolutions, `dropout` is
    the rate before the classes. See `Architecture` for the other arguments. ImageNet's weights are there for `alpha`
    0.25, 0.5, 0.75 and 1, and squares of 128, 160, 192 and 224 (ValueError for others).
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=usual_size(input_shape, _SIZES), min_size=32, needs_sizes=include_top,
    )  # fmt: skip
    if alpha <= 0 or int(32 * alpha) < 1:
        raise GraphError(located(f"MobileNet: alpha={alpha} leaves no filters"))
    rows = check_pretrained(base, alpha, tuple(_ALPHAS), depth_multiplier, _SIZES)
    base.find_weights(_pretrained(alpha, rows) if base.weights == "imagenet" else None)
    x = layers.ZeroPadding2D(_END_PAD, name="conv1_pad")(base.image)
    x = layers.Conv2D(int(32 * alpha), (3, 3), use_bias=False, strides=(2, 2), name="conv1")(x)
    x = _normalize(x, "conv1")
    for block, (filters, strides) in enumerate(_BLOCKS, 1):
        x = _block(x, int(filters * alpha), depth_multiplier, strides, block)
    outputs = _classes(x, base, int(1024 * alpha), dropout) if include_top else base.pooled(x)
    return base.model(outputs, f"mobilenet_{alpha:0.2f}_{rows}")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled to [-1, 1]."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


def _pretrained(alpha: float, rows: int | None) -> PretrainedWeights:
    whole, no_top = (f"mobilenet_{_ALPHAS[alpha]}_{rows}_tf{end}.h5" for end in ("", "_no_top"))
    return PretrainedWeights(PretrainedFile(whole, _FOLDER + whole), PretrainedFile(no_top, _FOLDER + no_top))


def _normalize(x: Any, name: str) -> Any:
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: Any, filters: int, depth_multiplier: int, strides: int, block: int) -> Any:
    """Return a depthwise convolution of x by these strides, and a pointwise one of that."""
    depthwise, pointwise = f"conv_dw_{block}", f"conv_pw_{block}"
    if strides > 1:
        x = layers.ZeroPadding2D(_END_PAD, name=f"conv_pad_{block}")(x)
    x = layers.DepthwiseConv2D(
        (3, 3),
        padding="same" if strides == 1 else "valid",
        depth_multiplier=depth_multiplier,
        strides=(strides, strides),
        use_bias=False,
        name=depthwise,
    )(x)
    x = _normalize(x, depthwise)
    x = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, strides=(1, 1), name=pointwise)(x)
    return _normalize(x, pointwise)


def _classes(x: Any, base: Architecture, features: int, dropout: float) -> Any:
    """Return the classes' probabilities, by a 1x1 convolution of one pixel."""
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Reshape((features, 1, 1) if channel_axis() == 1 else (1, 1, features), name="reshape_1")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(base.classes, (1, 1), padding="same", name="conv_preds")(x)
    if channel_axis() == 1:
        # A softmax runs along the last axis: it comes after the classes have become that.
        x = layers.Reshape((base.classes,), name="reshape_2")(x)
        return layers.Activation("softmax", name="act_softmax")(x)
    x = layers.Activation("softmax", name="act_softmax")(x)
    return layers.Reshape((base.classes,), name="reshape_2")(x)
