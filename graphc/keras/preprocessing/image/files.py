"""Images as Pillow images, as arrays and as files."""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import numpy as np

from graphc.errors import OptionError, ShapeError
from graphc.keras.backend.common import floatx, normalize_data_format
from graphc.keras.preprocessing.image.extra import load
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """Return an array of rank 3 (1, 3 or 4 channels) as a Pillow image of the mode L, RGB or RGBA.

    `scale`: values are spread so that 0 (or the least value, if negative) becomes 0 and the greatest 255; otherwise
    they are cut to uint8. The computation is in `dtype`, by default `K.floatx()`. Raises ShapeError for other shapes,
    ValueError for an unknown `data_format`.
    """
    pixels = np.asarray(x, dtype=dtype or floatx())
    if pixels.ndim != 3:
        raise ShapeError(located(f"An image has rank 3, got an array of shape {pixels.shape}"))
    if normalize_data_format(data_format) == "channels_first":
        pixels = pixels.transpose(1, 2, 0)
    if pixels.shape[2] not in (1, 3, 4):
        raise ShapeError(located(f"An image has 1, 3 or 4 channels, got {pixels.shape[2]} (array of shape {x.shape})"))
    if scale and pixels.size:
        pixels = pixels + max(-pixels.min(), 0)
        greatest = pixels.max()
        pixels = (pixels / greatest if greatest != 0 else pixels) * 255
    grey_or_color = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    pillow = load("PIL.Image", "Pillow", "array_to_img")
    return pillow.fromarray(np.ascontiguousarray(grey_or_color.astype("uint8")))


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> Array:
    """Return a Pillow image (or an array of rank 2 or 3 with channels last) as an array of rank 3.

    `dtype` is `K.floatx()` unless given. Raises ShapeError for other ranks, ValueError for an unknown `data_format`.
    """
    channels_first = normalize_data_format(data_format) == "channels_first"
    pixels: Array = np.asarray(img, dtype=dtype or floatx())
    if pixels.ndim not in (2, 3):
        raise ShapeError(located(f"An image has rank 2 or 3, got shape {pixels.shape}"))
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    return pixels.transpose(2, 0, 1) if channels_first else pixels


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file; see `array_to_img`.

    `file_format` is told by the file's name unless given; `kwargs` go to Pillow. JPEG files lose an alpha channel,
    with a warning.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    ending = os.path.splitext(path)[1][1:] if isinstance(path, (str, os.PathLike)) else ""
    if image.mode == "RGBA" and (file_format or ending).lower() in ("jpg", "jpeg"):
        warnings.warn("JPEG files have no alpha channel: the image is written as RGB.", stacklevel=2)
        image = image.convert("RGB")
    # Pillow knows the format by one name only.
    image.save(path, format="jpeg" if file_format and file_format.lower() == "jpg" else file_format, **kwargs)


def load_img(
    path: Any,
    grayscale: bool = False,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
) -> Any:
    """Read an image file as a Pillow image of the `color_mode` "grayscale", "rgb" or "rgba".

    `target_size` (height, width): the image is resized to it by `interpolation`: "nearest", "bilinear", "bicubic",
    "hamming", "box" or "lanczos". `grayscale` is the old spelling of a color mode. Raises OptionError for others.
    """
    if grayscale:
        warnings.warn('`grayscale` is deprecated: use color_mode="grayscale".', stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in MODES:
        raise OptionError(located(f'`color_mode` must be "grayscale", "rgb" or "rgba", got {color_mode!r}'))
    pillow = load("PIL.Image", "Pillow", "load_img")
    with pillow.open(path) as opened:
        # A copy: what Pillow reads late would need the file still open.
        image = opened.copy() if opened.mode == MODES[color_mode] else opened.convert(MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in _INTERPOLATIONS:
        known = ", ".join(_INTERPOLATIONS)
        raise OptionError(located(f"Unknown interpolation {interpolation!r}; expected one of {known}"))
    return image.resize((target_size[1], target_size[0]), pillow.Resampling[interpolation.upper()])


def list_pictures(directory: str | os.PathLike[str], ext: str = "jpg|jpeg|bmp|png|ppm") -> list[str]:
    """Return the paths of the image files below a folder: names of letters, digits and _ before one of the endings."""
    name = re.compile(rf"\w+\.(?:{ext})")
    return [
        os.path.join(root, file) for root, _, files in os.walk(directory) for file in files if name.match(file.lower())
    ]
