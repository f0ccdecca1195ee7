"""VGG16 (Simonyan and Zisserman: Very deep convolutional networks for large-scale image recognition; 2014)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from graphc.keras import layers
from graphc.keras.applications.architecture import Architecture, built_at_once
from graphc.keras.applications.imagenet_utils import decode_predictions, preprocess_input
from graphc.keras.applications.pretrained import PretrainedWeights, kernels_by_tensorflow
from graphc.keras.models import Model

__all__ = ["VGG16", "build_vgg", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/",
    "vgg16",
    "64373286793e3c8b2b4e3219cbf3544b",
    "6d6bbae143d832006294945121d1f1fc",
)
_FILTERS = (64, 128, 256, 512, 512)


def VGG16(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return VGG16: thirteen 3x3 convolutions, three dense layers; 224x224 images, 32x32 and more without the top.

    See `Architecture` for the arguments.
    """
    arguments = (include_top, weights, input_tensor, input_shape, pooling, classes)
    return build_vgg("vgg16", (2, 2, 3, 3, 3), _PRETRAINED, *arguments)


@built_at_once
def build_vgg(name: str, depths: Sequence[int], pretrained: PretrainedWeights, *arguments: Any) -> Model:
    """Return the VGG with that many convolutions in each block; `arguments` are those of `VGG16` in order."""
    base = Architecture(*arguments, default_size=224, min_size=32, needs_sizes=arguments[0])
    base.find_weights(pretrained)
    x = base.image
    for block, (filters, depth) in enumerate(zip(_FILTERS, depths), 1):
        for i in range(1, depth + 1):
            x = layers.Conv2D(filters, (3, 3), activation="relu", padding="same", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D((2, 2), strides=(2, 2), name=f"block{block}_pool")(x)
    if not base.include_top:
        return base.model(base.pooled(x), name)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return base.model(layers.Dense(base.classes, activation="softmax", name="predictions")(x), name)
