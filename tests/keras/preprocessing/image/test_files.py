"""Images as Pillow images, arrays and files."""

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, ShapeError
from graphc.keras import backend as K
from graphc.keras.preprocessing import image

pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'graphc[image]'")

PIXELS = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype("uint8")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_there_and_back(channels: int, mode: str) -> None:
    pixels = np.random.RandomState(1).randint(0, 256, (5, 7, channels))
    for data_format, array in (("channels_last", pixels), ("channels_first", pixels.transpose(2, 0, 1))):
        picture = image.array_to_img(array, data_format=data_format, scale=False)
        assert (picture.mode, picture.size) == (mode, (7, 5))
        back = image.img_to_array(picture, data_format=data_format)
        np.testing.assert_array_equal(back, array)
        assert back.dtype == np.float32


def test_values_are_spread() -> None:
    spread = image.img_to_array(image.array_to_img([[[-1.0], [0.0], [3.0]]]))
    np.testing.assert_array_equal(spread[0, :, 0], [0, 63, 255])
    assert not image.img_to_array(image.array_to_img(np.zeros((2, 3, 1)))).any()


def test_settings_of_keras() -> None:
    K.set_image_data_format("channels_first")
    K.set_floatx("float64")
    try:
        array = image.img_to_array(image.array_to_img(PIXELS.transpose(2, 0, 1), scale=False))
    finally:
        K.set_image_data_format("channels_last")
        K.set_floatx("float32")
    assert (array.shape, array.dtype) == ((3, 5, 7), np.float64)
    assert image.img_to_array(PIXELS, dtype="int16").dtype == np.int16
    assert image.img_to_array(np.ones((2, 3))).shape == (2, 3, 1)


def test_what_is_no_image() -> None:
    with pytest.raises(ShapeError, match=r"rank 3, got an array of shape \(2, 3\)"):
        image.array_to_img(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="1, 3 or 4 channels, got 5"):
        image.array_to_img(np.ones((2, 3, 5)))
    with pytest.raises(ShapeError, match=r"rank 2 or 3, got shape \(2, 3, 4, 5\)"):
        image.img_to_array(np.ones((2, 3, 4, 5)))
    for call in (image.array_to_img, image.img_to_array):
        with pytest.raises(ValueError, match="data_format"):
            call(np.ones((2, 3, 1)), data_format="channels")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image.save_img(path, PIXELS, scale=False)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(path)), PIXELS)
    assert image.load_img(str(path), color_mode="rgba").mode == "RGBA"
    assert image.load_img(path, color_mode="grayscale").mode == "L"
    with pytest.warns(UserWarning, match="`grayscale` is deprecated"):
        assert image.load_img(path, grayscale=True).mode == "L"
    with pytest.raises(ValueError, match="`color_mode` must be"):
        image.load_img(path, color_mode="cmyk")
    with open(path, "rb") as file:
        np.testing.assert_array_equal(image.img_to_array(image.load_img(file)), PIXELS)


def test_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image.save_img(path, PIXELS, scale=False)
    assert image.load_img(path, target_size=(5, 7), interpolation="not needed").size == (7, 5)
    nearest = image.img_to_array(image.load_img(path, target_size=(10, 14)))
    np.testing.assert_array_equal(nearest, PIXELS.repeat(2, axis=0).repeat(2, axis=1))
    for interpolation in ("bilinear", "bicubic", "hamming", "box", "lanczos"):
        resized = image.load_img(path, target_size=(3, 4), interpolation=interpolation)
        assert resized.size == (4, 3)
    with pytest.raises(ValueError, match="Unknown interpolation 'best'; expected one of nearest"):
        image.load_img(path, target_size=(3, 4), interpolation="best")


@pytest.mark.parametrize(("name", "file_format"), [("a.jpg", None), ("a.jpeg", None), ("a", "jpg"), ("a", "jpeg")])
def test_jpeg_has_no_alpha_channel(tmp_path: Path, name: str, file_format: str | None) -> None:
    with pytest.warns(UserWarning, match="no alpha channel"):
        image.save_img(tmp_path / name, np.ones((5, 7, 4)), file_format=file_format, quality=90)
    read = image.load_img(tmp_path / name)
    assert (read.mode, read.size) == ("RGB", (7, 5))


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.png", "B.JPG", "c.gif", "no-word.png", "inner/d.ppm"):
        (tmp_path / name).touch()
    found = {str(Path(path).relative_to(tmp_path)) for path in image.list_pictures(tmp_path)}
    assert found == {"a.png", "B.JPG", "inner/d.ppm"}
    assert len(image.list_pictures(tmp_path, ext="gif")) == 1


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] in ("PIL", "scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] in ("PIL", "scipy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(ImportError, match=r"load_img needs Pillow.*pip install 'graphc\[image\]'") as error:
        image.load_img("a.png")
    assert isinstance(error.value, GraphcError)
    with pytest.raises(ImportError, match=r"An affine transform of an image needs SciPy.*graphc\[image\]"):
        image.apply_affine_transform(PIXELS, theta=3)
