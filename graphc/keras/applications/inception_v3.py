"""Inception v3 (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture; 2015)."""

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

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

_PRETRAINED = kernels_by_tensorflow(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.5/",
    "inception_v3",
    "9a0d58056eeedaa3f26cb7ebd46da564",
    "bcbd6486424b2319ff4ef7d526e38f63",
)
# Filters, rows and columns of a window.
Window = tuple[int, int, int]
_HALVING: dict[str, Any] = {"strides": (2, 2), "padding": "valid"}


@built_at_once
def InceptionV3(
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
) -> Model:
    """Return Inception v3: parallel convolutions of several sizes; for images of 299x299, takes 75x75 and more.

    See `Architecture` for the arguments.
    """
    base = Architecture(
        include_top, weights, input_tensor, input_shape, pooling, classes,
        default_size=299, min_size=75, needs_sizes=False,
    )  # fmt: skip
    base.find_weights(_PRETRAINED)
    x = _convolve(base.image, (32, 3, 3), **_HALVING)
    x = _convolve(x, (32, 3, 3), padding="valid")
    x = _convolve(x, (64, 3, 3))
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    x = _convolve(x, (80, 1, 1), padding="valid")
    x = _convolve(x, (192, 3, 3), padding="valid")
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for name, pool_filters in (("mixed0", 32), ("mixed1", 64), ("mixed2", 64)):
        x = _mix_squares(x, pool_filters, name)
    x = _halve_first(x, "mixed3")
    for name, filters in (("mixed4", 128), ("mixed5", 160), ("mixed6", 160), ("mixed7", 192)):
        x = _mix_lines(x, filters, name)
    x = _halve_second(x, "mixed8")
    for i in range(2):
        x = _mix_wide(x, f"mixed9_{i}", f"mixed{9 + i}")
    return base.model(base.classified(x, "predictions", "avg_pool"), "inception_v3")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Return images of pixels in [0, 255] scaled to [-1, 1]."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


def _convolve(x: Any, window: Window, padding: str = "same", strides: Any = (1, 1)) -> Any:
    filters, rows, columns = window
    x = layers.Conv2D(filters, (rows, columns), strides=strides, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False)(x)
    return layers.Activation("relu")(x)


def _chain(x: Any, *windows: Window) -> Any:
    for window in windows:
        x = _convolve(x, window)
    return x


def _averages(x: Any, filters: int) -> Any:
    x = layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)
    return _convolve(x, (filters, 1, 1))


def _joined(branches: list[Any], name: str | None = None) -> Any:
    return layers.concatenate(branches, axis=channel_axis(), name=name)


def _mix_squares(x: Any, pool_filters: int, name: str) -> Any:
    """Return 1x1, 5x5 and two 3x3 windows over x, beside its local means."""
    ones = _chain(x, (64, 1, 1))
    fives = _chain(x, (48, 1, 1), (64, 5, 5))
    threes = _chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3))
    return _joined([ones, fives, threes, _averages(x, pool_filters)], name)


def _mix_lines(x: Any, filters: int, name: str) -> Any:
    """Return 7x7 windows over x as rows and columns of 7, once and twice, beside 1x1 and its local means."""
    ones = _chain(x, (192, 1, 1))
    once = _chain(x, (filters, 1, 1), (filters, 1, 7), (192, 7, 1))
    twice = _chain(x, (filters, 1, 1), (filters, 7, 1), (filters, 1, 7), (filters, 7, 1), (192, 1, 7))
    return _joined([ones, once, twice, _averages(x, 192)], name)


def _mix_wide(x: Any, name_of_split: str, name: str) -> Any:
    """Return windows over x that end in a row and a column of 3 side by side, beside 1x1 and its local means."""
    ones = _chain(x, (320, 1, 1))
    once = _chain(x, (384, 1, 1))
    once = _joined([_chain(once, (384, 1, 3)), _chain(once, (384, 3, 1))], name_of_split)
    twice = _chain(x, (448, 1, 1), (384, 3, 3))
    twice = _joined([_chain(twice, (384, 1, 3)), _chain(twice, (384, 3, 1))])
    return _joined([ones, once, twice, _averages(x, 192)], name)


def _halve_first(x: Any, name: str) -> Any:
    once = _convolve(x, (384, 3, 3), **_HALVING)
    twice = _convolve(_chain(x, (64, 1, 1), (96, 3, 3)), (96, 3, 3), **_HALVING)
    return _joined([once, twice, layers.MaxPooling2D((3, 3), strides=(2, 2))(x)], name)


def _halve_second(x: Any, name: str) -> Any:
    threes = _convolve(_chain(x, (192, 1, 1)), (320, 3, 3), **_HALVING)
    lines = _convolve(_chain(x, (192, 1, 1), (192, 1, 7), (192, 7, 1)), (192, 3, 3), **_HALVING)
    return _joined([threes, lines, layers.MaxPooling2D((3, 3), strides=(2, 2))(x)], name)
