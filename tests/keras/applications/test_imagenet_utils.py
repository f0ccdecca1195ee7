"""Pixels as the networks take them, and the classes' names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras import applications
from graphc.keras import backend as K
from graphc.keras.applications import imagenet_utils
from graphc.keras.applications.imagenet_utils import decode_predictions, preprocess_input
from graphc.keras.datasets.files import DataFileError

IMAGES = np.random.default_rng(1).integers(0, 256, (2, 5, 4, 3))


def scaled(mode: str) -> Any:
    """Return IMAGES as a mode's network takes them, in float64."""
    if mode == "tf":
        return IMAGES / 127.5 - 1
    if mode == "torch":
        return (IMAGES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return IMAGES[..., [2, 1, 0]] - np.array([103.939, 116.779, 123.68])


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("is_single", [False, True])
@pytest.mark.parametrize("kind", ["int64", "uint8", "float32", "float64", "tensor", "integer tensor"])
def test_preprocessing(mode: str, data_format: str, is_single: bool, kind: str) -> None:
    def view(images: Any) -> Any:
        images = images[1] if is_single else images
        return np.moveaxis(images, -1, -3) if data_format == "channels_first" else images

    given: Any = view(IMAGES).astype(kind) if "tensor" not in kind else None
    if given is None:
        given = K.constant(view(IMAGES), "int32" if kind == "integer tensor" else "float32")
    found = preprocess_input(given, data_format, mode)
    if "tensor" in kind:
        assert K.is_tensor(found)
        found = K.eval(found)
    assert found.dtype == ("float64" if kind == "float64" else "float32")
    np.testing.assert_allclose(found, view(scaled(mode)), rtol=1e-5, atol=1e-4)


def test_the_data_format_is_the_backend_s_unless_given() -> None:
    first = np.moveaxis(IMAGES, -1, 1)
    K.set_image_data_format("channels_first")
    np.testing.assert_allclose(preprocess_input(first), np.moveaxis(scaled("caffe"), -1, 1), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_arrays_of_floats_are_overwritten_and_others_are_not(mode: str) -> None:
    floats, integers = IMAGES.astype("float64"), IMAGES.copy()
    found = preprocess_input(floats, mode=mode)
    np.testing.assert_array_equal(floats[..., ::-1] if mode == "caffe" else floats, found)
    preprocess_input(integers, mode=mode)
    np.testing.assert_array_equal(integers, IMAGES)


@pytest.mark.parametrize(
    ("module", "mode"),
    [
        ("vgg16", "caffe"),
        ("vgg19", "caffe"),
        ("resnet50", "caffe"),
        ("inception_v3", "tf"),
        ("inception_resnet_v2", "tf"),
        ("xception", "tf"),
        ("mobilenet", "tf"),
        ("nasnet", "tf"),
        ("densenet", "torch"),
    ],
)
def test_each_network_s_mode(module: str, mode: str) -> None:
    found = getattr(applications, module).preprocess_input(IMAGES)
    np.testing.assert_allclose(found, scaled(mode), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_mobilenet_v2_divides_by_128(dtype: str) -> None:
    found = applications.mobilenet_v2.preprocess_input(IMAGES.astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, IMAGES / 128 - 1, rtol=1e-6)
    tensor = applications.mobilenet_v2.preprocess_input(K.constant(IMAGES, dtype))
    assert K.dtype(tensor) == "float32"
    np.testing.assert_allclose(K.eval(tensor), IMAGES / 128 - 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ((2, 5, 4, 3), {"mode": "theano"}, "theano"),
        ((2, 5, 4, 3), {"data_format": "channels_middle"}, "channels_middle"),
        ((2, 5, 4, 3), {"data_format": "channels_first"}, "(2, 5, 4, 3)"),
        ((2, 5, 4, 1), {}, "(2, 5, 4, 1)"),
        ((5, 3), {"mode": "torch"}, "(5, 3)"),
    ],
)
def test_impossible_images(shape: Any, options: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        preprocess_input(np.zeros(shape), **options)
    assert text in str(caught.value)


@pytest.fixture
def class_index() -> str:
    imagenet_utils._read_class_index.cache_clear()
    return json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)})


def scores() -> Any:
    rows = np.zeros((2, 1000), "float32")
    rows[0, [372, 5, 999]] = [0.5, 0.25, 0.125]
    rows[1, [549, 0]] = [0.75, 0.0625]
    return rows


def test_the_best_classes_of_each_row(tmp_path: Path, class_index: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(class_index)
    first, second = decode_predictions(scores(), top=2, path=path)
    assert first == [("n00000372", "thing_372", 0.5), ("n00000005", "thing_5", 0.25)]
    assert second == [("n00000549", "thing_549", 0.75), ("n00000000", "thing_0", 0.0625)]
    assert [len(row) for row in decode_predictions(scores(), path=path)] == [5, 5]
    assert decode_predictions(scores(), top=0, path=path) == [[], []]


def test_the_classes_names_are_looked_for_in_the_cache(
    cache: Path, class_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataFileError, match=str(cache / "imagenet_class_index.json")):
        decode_predictions(scores())
    (cache / "imagenet_class_index.json").write_text(class_index)
    monkeypatch.setattr("graphc.keras.utils.files.validate_file", lambda *_: True)
    assert decode_predictions(scores(), top=1)[1][0][1] == "thing_549"


@pytest.mark.parametrize("shape", [(2, 100), (1000,), (1, 2, 1000)])
def test_what_are_no_scores_of_imagenet(shape: Any) -> None:
    with pytest.raises(ShapeError, match="1000"):
        decode_predictions(np.ones(shape))


@pytest.mark.parametrize("text", ['{"0": ["n0", "one"]}', "[]", '{"0": []}'])
def test_a_file_that_is_no_class_index(tmp_path: Path, text: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(ShapeError, match="does not name 1000 classes"):
        decode_predictions(scores(), path=path)
