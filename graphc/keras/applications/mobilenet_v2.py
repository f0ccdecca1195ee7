"""MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen: Inverted residuals and linear bottlenecks; 2018)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis, channels, halving_pads
from graphc.keras.applications.imagenet_utils import as_floats, decode_predictions
from graphc.keras.applications.mobile import check_pretrained, usual_size
from graphc.keras.applications.pretrained import PretrainedFile, PretrainedWeights
from graphc.keras.models import Model
from graphc.keras.utils.location import located

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_FOLDER = "https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/"
_SIZES = (96, 128, 160, 192, 224)
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# Filters of a run of blocks, its length, the strides of its first block.
_RUNS = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))


@built_at_once
def MobileNetV2(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return MobileNetV2: thin images, widened, convolved depthwise and thinned again; 224x224, 32x32 and more.

    `alpha` scales the filters of every layer (the last convolution's only upwards). `depth_multiplier` changes nothing
    here, but must be 1 for ImageNet's weights. See `Architecture` for the other arguments. ImageNet's weights are there
    for `alpha` 0.35, 0.5, 0.75, 1, 1.3 and 1.4, and squares of 96, 128, 160, 192 and 224 (ValueError for others).
    """
    shape = _shape_of(input_tensor, input_shape)
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=usual_size(shape, _SIZES), min_size=32, needs_sizes=include_top,
    )  # fmt: skip
    rows = check_pretrained(base, alpha, _ALPHAS, depth_multiplier, _SIZES)
    base.find_weights(_pretrained(alpha, rows))
    x = layers.ZeroPadding2D(halving_pads(base.image, 3), name="Conv1_pad")(base.image)
    x = layers.Conv2D(_eights(32 * alpha), 3, strides=(2, 2), use_bias=False, name="Conv1")(x)
    x = _relu(_normalize(x, "bn_Conv1"), "Conv1")
    block = 0
    for filters, count, strides in _RUNS:
        for i in range(count):
            x = _block(x, _eights(int(filters * alpha)), strides if i == 0 else 1, block)
            block += 1
    x = layers.Conv2D(_eights(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = _relu(_normalize(x, "Conv_1_bn"), "out")
    return base.model(base.classified(x, "Logits"), f"mobilenetv2_{alpha:0.2f}_{rows}")


def preprocess_input(x: Any) -> Any:
    """Return images of pixels in [0, 255] as float32 in [-1, 1), divided by 128; arrays of floats are overwritten."""
    x = as_floats(x)
    x /= 128.0
    x -= 1.0
    return x.astype(np.float32) if isinstance(x, np.ndarray) else K.cast(x, "float32")


def _shape_of(input_tensor: Any, input_shape: Sequence[int | None] | None) -> Sequence[int | None] | None:
    """Return the shape of the images. Raises ShapeError where the tensor's and the one given differ."""
    if input_tensor is None or not K.is_keras_tensor(input_tensor):
        return input_shape
    made = K.int_shape(input_tensor)[1:]
    if input_shape is not None and tuple(input_shape) != made:
        raise ShapeError(located(f"input_shape={tuple(input_shape)} is not that of the input_tensor, {made}"))
    return made


def _pretrained(alpha: float, rows: int | None) -> PretrainedWeights:
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}"
    whole, no_top = f"{name}.h5", f"{name}_no_top.h5"
    return PretrainedWeights(PretrainedFile(whole, _FOLDER + whole), PretrainedFile(no_top, _FOLDER + no_top))


def _eights(filters: float) -> int:
    """Return the nearest multiple of 8, not more than a tenth below."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _normalize(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.999, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: Any, filters: int, strides: int, block: int) -> Any:
    """Return x widened six times (but in the first block), convolved depthwise, thinned; x is added where it fits."""
    name, y = f"block_{block}_" if block else "expanded_conv_", x
    if block:
        y = layers.Conv2D(6 * channels(x), 1, padding="same", use_bias=False, name=f"{name}expand")(y)
        y = _relu(_normalize(y, f"{name}expand_BN"), f"{name}expand")
    if strides == 2:
        y = layers.ZeroPadding2D(halving_pads(y, 3), name=f"{name}pad")(y)
    padding = "same" if strides == 1 else "valid"
    y = layers.DepthwiseConv2D(3, strides=strides, use_bias=False, padding=padding, name=f"{name}depthwise")(y)
    y = _relu(_normalize(y, f"{name}depthwise_BN"), f"{name}depthwise")
    y = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(y)
    y = _normalize(y, f"{name}project_BN")
    return layers.Add(name=f"{name}add")([x, y]) if channels(x) == filters and strides == 1 else y
