"""NASNet-A (Zoph, Vasudevan, Shlens, Le: Learning transferable architectures for scalable image recognition; 2017)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras import layers
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.architecture import Architecture, built_at_once, channel_axis, channels, halving_pads
from graphc.keras.applications.imagenet_utils import decode_predictions
from graphc.keras.applications.pretrained import PretrainedFile, PretrainedWeights
from graphc.keras.models import Model
from graphc.keras.utils.location import located

__all__ = ["NASNet", "NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

_FOLDER = "https://github.com/titu1994/Keras-NASNet/releases/download/v1.2/"
_MOBILE_SIZE, _LARGE_SIZE = 224, 331


def _files(name: str, origin: str, whole_hash: str, no_top_hash: str) -> PretrainedWeights:
    return PretrainedWeights(
        PretrainedFile(f"{name}.h5", f"{_FOLDER}{origin}.h5", whole_hash),
        PretrainedFile(f"{name}_no_top.h5", f"{_FOLDER}{origin}-no-top.h5", no_top_hash),
    )


_PRETRAINED = {
    _MOBILE_SIZE: _files(
        "nasnet_mobile", "NASNet-mobile", "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"
    ),
    _LARGE_SIZE: _files(
        "nasnet_large", "NASNet-large", "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"
    ),
}


@built_at_once
def NASNet(
    input_shape: Sequence[int | None] | None = None,
    penultimate_filters: int = 4032,
    num_blocks: int = 6,
    stem_block_filters: int = 96,
    skip_reduction: bool = True,
    filter_multiplier: int = 2,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    default_size: int | None = None,
) -> Model:
    """Return a NASNet-A of three runs of `num_blocks` normal cells, halved in between; images of 32x32 and more.

    `penultimate_filters` (a multiple of 24) are the channels at the end, `stem_block_filters` those of the first
    convolution; each run has `filter_multiplier` times the filters of the one before. With `skip_reduction`, the first
    cell after a halving takes the cell before the halving's input beside the halved images; otherwise it takes the
    halving's input. `default_size` (331) is the side of the images by default. See `Architecture` for the other
    arguments; ImageNet's weights are there for NASNetMobile and NASNetLarge. Raises GraphError (a ValueError) for
    filters that cannot be split into 24.
    """
    default_size = default_size or _LARGE_SIZE
    if weights == "imagenet" and input_shape is not None and None in input_shape:
        raise GraphError(
            located(f"For ImageNet's weights, NASNet needs a static input_shape, not {tuple(input_shape)}")
        )
    if penultimate_filters % 24:
        raise GraphError(located(f"NASNet needs penultimate_filters divisible by 24, not {penultimate_filters}"))
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=default_size, min_size=32, needs_sizes=include_top,
    )  # fmt: skip
    base.find_weights(_PRETRAINED.get(default_size))
    filters = penultimate_filters // 24
    x = layers.Conv2D(
        stem_block_filters,
        (3, 3),
        strides=(2, 2),
        use_bias=False,
        name="stem_conv1",
        kernel_initializer="he_normal",
    )(base.image)
    x = _normalize(x, "stem_bn1")
    x, p = _halving_cell(x, x, filters // filter_multiplier**2, "stem_1"), x
    stem_filters = filters // filter_multiplier
    x, p = _halving_cell(x, _halved(p, stem_filters, "stem_2"), stem_filters, "stem_2"), x
    is_larger = True
    for run in range(3):
        if run > 0:
            block = f"reduce_{run * num_blocks}"
            halved = _halving_cell(x, _matched(p, filters, block, is_larger), filters, block)
            x, p, is_larger = halved, p if skip_reduction else x, True
        for i in range(num_blocks):
            # The numbers of the halving cells are left out.
            block = str(run * num_blocks + i + (run > 0))
            x, p = _normal_cell(x, _matched(p, filters, block, is_larger), filters, block), x
            is_larger = False
        filters *= filter_multiplier
    return base.model(base.classified(layers.Activation("relu")(x), "predictions"), "NASNet")


def NASNetLarge(
    input_shape: Sequence[int | None] | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return the `NASNet` of 3 x 6 cells and 4032 channels at the end, for images of 331x331 by default."""
    return NASNet(input_shape, 4032, 6, 96, True, 2, include_top, weights, input_tensor, pooling, classes, _LARGE_SIZE)


def NASNetMobile(
    input_shape: Sequence[int | None] | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return the `NASNet` of 3 x 4 cells and 1056 channels at the end, for images of 224x224 by default."""
    return NASNet(
        input_shape, 1056, 4, 32, False, 2, include_top, weights, input_tensor, pooling, classes, _MOBILE_SIZE
    )


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled to [-1, 1]."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


def _normalize(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def _project(x: Any, filters: int, name: str) -> Any:
    return layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, name=name, kernel_initializer="he_normal")(x)


def _separable(x: Any, filters: int, size: int, block: str, strides: int = 1) -> Any:
    """Return two separable convolutions of x, each after a relu, the first one by these strides."""
    x = layers.Activation("relu")(x)
    if strides > 1:
        x = layers.ZeroPadding2D(halving_pads(x, size), name=f"separable_conv_1_pad_{block}")(x)
    for i, (steps, padding) in enumerate([(strides, "same" if strides == 1 else "valid"), (1, "same")], 1):
        x = layers.Activation("relu")(x) if i > 1 else x
        x = layers.SeparableConv2D(
            filters,
            (size, size),
            strides=(steps, steps),
            padding=padding,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"separable_conv_{i}_{block}",
        )(x)
        x = _normalize(x, f"separable_conv_{i}_bn_{block}")
    return x


def _matched(p: Any, filters: int, block: str, is_larger: bool) -> Any:
    """Return p with this many channels, at half its size where it is the larger one."""
    if is_larger:
        return _halved(p, filters, block)
    if channels(p) == filters:
        return p
    p = layers.Activation("relu")(p)
    return _normalize(_project(p, filters, f"adjust_conv_projection_{block}"), f"adjust_bn_{block}")


def _halved(p: Any, filters: int, block: str) -> Any:
    """Return p at half its size: every other pixel, and those one down and right of them, half the channels each."""
    p = layers.Activation("relu", name=f"adjust_relu_1_{block}")(p)
    even = layers.AveragePooling2D((1, 1), strides=(2, 2), name=f"adjust_avg_pool_1_{block}")(p)
    even = _project(even, filters // 2, f"adjust_conv_1_{block}")
    odd = layers.ZeroPadding2D(((0, 1), (0, 1)))(p)
    odd = layers.Cropping2D(((1, 0), (1, 0)))(odd)
    odd = layers.AveragePooling2D((1, 1), strides=(2, 2), name=f"adjust_avg_pool_2_{block}")(odd)
    odd = _project(odd, filters // 2, f"adjust_conv_2_{block}")
    return _normalize(layers.concatenate([even, odd], axis=channel_axis()), f"adjust_bn_{block}")


def _normal_cell(x: Any, p: Any, filters: int, block: str) -> Any:
    """Return the normal cell of x and of p, what came before x, of the same size and `filters` channels."""
    h = layers.Activation("relu")(x)
    h = _normalize(_project(h, filters, f"normal_conv_1_{block}"), f"normal_bn_1_{block}")

    def separable(of: Any, size: int, side: str) -> Any:
        return _separable(of, filters, size, f"normal_{side}_{block}")

    def average(of: Any, side: str) -> Any:
        return layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same", name=f"normal_{side}_{block}")(of)

    def add(number: int, left: Any, right: Any) -> Any:
        return layers.add([left, right], name=f"normal_add_{number}_{block}")

    x1 = add(1, separable(h, 5, "left1"), separable(p, 3, "right1"))
    x2 = add(2, separable(p, 5, "left2"), separable(p, 3, "right2"))
    x3 = add(3, average(h, "left3"), p)
    x4 = add(4, average(p, "left4"), average(p, "right4"))
    x5 = add(5, separable(h, 3, "left5"), h)
    return layers.concatenate([p, x1, x2, x3, x4, x5], axis=channel_axis(), name=f"normal_concat_{block}")


def _halving_cell(x: Any, p: Any, filters: int, block: str) -> Any:
    """Return the reduction cell of x and of p, what came before x, of the same size and `filters` channels."""
    h = layers.Activation("relu")(x)
    h = _normalize(_project(h, filters, f"reduction_conv_1_{block}"), f"reduction_bn_1_{block}")
    padded = layers.ZeroPadding2D(halving_pads(h, 3), name=f"reduction_pad_1_{block}")(h)

    def halving(of: Any, size: int, side: str) -> Any:
        return _separable(of, filters, size, f"reduction_{side}_{block}", strides=2)

    def pooled(pooling: Any, side: str) -> Any:
        return pooling((3, 3), strides=(2, 2), name=f"reduction_{side}_{block}")(padded)

    x1 = layers.add([halving(h, 5, "left1"), halving(p, 7, "right1")], name=f"reduction_add_1_{block}")
    x2 = pooled(layers.MaxPooling2D, "left2")
    x2 = layers.add([x2, halving(p, 7, "right2")], name=f"reduction_add_2_{block}")
    x3 = pooled(layers.AveragePooling2D, "left3")
    x3 = layers.add([x3, halving(p, 5, "right3")], name=f"reduction_add3_{block}")
    x4 = layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same", name=f"reduction_left4_{block}")(x1)
    x4 = layers.add([x2, x4])
    x5 = _separable(x1, filters, 3, f"reduction_left4_{block}")
    x5 = layers.add([x5, pooled(layers.MaxPooling2D, "right5")], name=f"reduction_add4_{block}")
    return layers.concatenate([x2, x3, x4, x5], axis=channel_axis(), name=f"reduction_concat_{block}")
