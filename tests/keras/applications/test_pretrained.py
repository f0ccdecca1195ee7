"""Weights of files: a path, the cache, and what is said when there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.keras.applications import VGG16, MobileNet, MobileNetV2
from graphc.keras.applications.densenet import DenseNet
from graphc.keras.applications.nasnet import NASNet
from graphc.keras.datasets.files import DataFileError


def small(**options: Any) -> Any:
    return MobileNet(alpha=0.25, include_top=False, **options)


def assert_same_weights(left: Any, right: Any) -> None:
    for a, b in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [str, Path])
def test_weights_of_a_file(tmp_path: Path, kind: Any) -> None:
    saved = small(weights=None, input_shape=(41, 43, 3))
    path = tmp_path / "own.h5"
    saved.save_weights(str(path))
    assert_same_weights(small(weights=kind(path), input_shape=(35, 37, 3)), saved)


@pytest.mark.parametrize(
    ("side", "architecture", "name"),
    [
        (128, MobileNet, "mobilenet_2_5_128_tf_no_top.h5"),
        (None, MobileNet, "mobilenet_2_5_224_tf_no_top.h5"),
        (96, MobileNetV2, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"),
    ],
)
def test_imagenet_weights_come_from_the_cache(cache: Path, side: int | None, architecture: Any, name: str) -> None:
    options: dict[str, Any] = {"alpha": 0.25 if architecture is MobileNet else 0.35, "include_top": False}
    options["input_shape"] = None if side is None else (side, side, 3)
    saved = architecture(weights=None, **options)
    saved.save_weights(str(cache / name))
    if side is None:
        with pytest.warns(UserWarning, match="224"):
            loaded = architecture(**options)
    else:
        loaded = architecture(**options)
    assert_same_weights(loaded, saved)


@pytest.mark.parametrize(
    ("include_top", "name"),
    [
        (True, "vgg16_weights_tf_dim_ordering_tf_kernels.h5"),
        (False, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_missing_weights_say_where_to_put_them(cache: Path, include_top: bool, name: str) -> None:
    with pytest.raises(DataFileError) as caught:
        VGG16(include_top=include_top)
    text = str(caught.value)
    assert str(cache / name) in text
    assert f"https://github.com/fchollet/deep-learning-models/releases/download/v0.1/{name}" in text
    assert "no network" in text


def test_a_damaged_file_is_not_taken(cache: Path) -> None:
    damaged = cache / "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
    damaged.write_bytes(b"half of it")
    with pytest.raises(DataFileError, match="could not be downloaded"):
        VGG16()
    assert damaged.read_bytes() == b"half of it"


@pytest.mark.parametrize(
    ("architecture", "options"),
    [(DenseNet, {"blocks": (1, 2, 3, 4)}), (NASNet, {"default_size": 64, "num_blocks": 1})],
)
def test_variants_without_weights(architecture: Any, options: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="no weights for ImageNet"):
        architecture(weights="imagenet", **options)
