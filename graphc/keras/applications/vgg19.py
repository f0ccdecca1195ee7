"""VGG19 (Simonyan and Zisserman: Very deep convolutional networks for large-scale image recognition; 2014)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras.applications.imagenet_utils import decode_predictions, preprocess_input
from graphc.keras.applications.pretrained import kernels_by_tensorflow
from graphc.keras.applications.vgg16 import build_vgg
from graphc.keras.models import Model

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
    "vgg19",
    "cbe5617147190e668d6c5d5026f83318",
    "253f8cb515780f3b799900260a226db6",
)


def VGG19(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return VGG19: sixteen 3x3 convolutions, three dense layers; 224x224 images, 32x32 and more without the top.

    See `Architecture` for the arguments.
    """
    arguments = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return build_vgg("vgg19", (2, 2, 4, 4, 4), _PRETRAINED, *arguments)
