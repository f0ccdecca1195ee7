"""Transforms of one image: an array of rank 3 whose axes of rows, columns and channels are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError
from graphc.keras.preprocessing.image.extra import load
from graphc.keras.preprocessing.image.files import array_to_img, img_to_array
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]


def random_rotation(
    x: Array,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> Array:
    """Return the image rotated by a random angle of at most `rg` degrees either way."""
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x, theta=theta, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_shift(
    x: Array,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> Array:
    """Return the image moved by a random part of at most `wrg` of its width and `hrg` of its height."""
    down = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    right = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x,
        tx=down,
        ty=right,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
    )


def random_shear(
    x: Array,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> Array:
    """Return the image sheared by a random angle of at most `intensity` degrees either way."""
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x, shear=shear, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_zoom(
    x: Array,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> Array:
    """Return the image zoomed by two random factors of `zoom_range` (low, high); factors below 1 enlarge.

    Raises OptionError for a range that is not a pair.
    """
    zx, zy = draw_zoom(as_pair("zoom_range", zoom_range))
    return apply_affine_transform(
        x, zx=zx, zy=zy, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval
    )


def random_channel_shift(x: Array, intensity_range: float, channel_axis: int = 0) -> Array:
    """Return the image with a random number of at most `intensity_range` added; see `apply_channel_shift`."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis=channel_axis)


def random_brightness(x: Array, brightness_range: Sequence[float], data_format: str | None = None) -> Array:
    """Return the image with a random brightness of `brightness_range` (low, high); see `apply_brightness_shift`.

    Raises OptionError for a range that is not a pair.
    """
    return apply_brightness_shift(x, draw_of(as_pair("brightness_range", brightness_range)), data_format)


def apply_channel_shift(x: Array, intensity: float, channel_axis: int = 0) -> Array:
    """Return the image with `intensity` added to all its values, cut to its own least and greatest value.

    `channel_axis` has no effect: every channel is moved by the same amount.
    """
    x = np.asarray(x)
    shifted: Array = np.clip(x + intensity, x.min(), x.max())
    return shifted


def apply_brightness_shift(x: Array, brightness: float, data_format: str | None = None) -> Array:
    """Return the image in another brightness, with values from 0 to 255: 0 is black, 1 leaves it as it is.

    The image's values are first spread as in `array_to_img`. Pillow does it.
    """
    enhance = load("PIL.ImageEnhance", "Pillow", "A brightness shift")
    return img_to_array(enhance.Brightness(array_to_img(x, data_format)).enhance(brightness), data_format)


def apply_affine_transform(
    x: Array,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 0,
    col_axis: int = 1,
    channel_axis: int = 2,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> Array:
    """Return the image rotated by `theta` degrees, moved, sheared by `shear` degrees and zoomed, about its centre.

    `tx`, `zx` go along the rows' axis, `ty`, `zy` along the columns'; the output at a point is the input at rotation .
    shift . shear . zoom of it, interpolated linearly. Points from outside are filled by `fill_mode`: "constant"
    (`cval`), "nearest", "reflect" or "wrap" (SciPy's: the last point falls on the first). Without any change the image
    itself is returned.
    """
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    ndimage = load("scipy.ndimage", "SciPy", "An affine transform of an image")
    turn, lean = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(lean), 0], [0, np.cos(lean), 0], [0, 0, 1]])
    zoom = np.diag([zx, zy, 1])
    matrix = transform_matrix_offset_center(rotation @ shift @ shearing @ zoom, x.shape[row_axis], x.shape[col_axis])
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=1, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)


def transform_matrix_offset_center(matrix: Array, x: float, y: float) -> Array:
    """Return a 3 x 3 matrix about the centre of an image of size (x, y), which Keras 2 puts at (x, y) / 2 + 0.5."""
    row, column = x / 2 + 0.5, y / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -column], [0, 0, 1]])
    about: Array = there @ matrix @ back
    return about


def flip_axis(x: Any, axis: int) -> Array:
    """Return the image reversed along an axis."""
    return np.flip(np.asarray(x), axis)


def draw_of(limits: Sequence[float]) -> float:
    """Return a random number from low to high."""
    low, high = limits
    return np.random.uniform(low, high)


def draw_zoom(zoom_range: Sequence[float]) -> tuple[float, float]:
    """Return two random factors of the range; (1, 1) draws nothing."""
    if zoom_range[0] == 1 and zoom_range[1] == 1:
        return 1, 1
    zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return zx, zy


def as_pair(option: str, given: Sequence[float]) -> Sequence[float]:
    """Return a range of two numbers. Raises OptionError for others."""
    if len(given) != 2:
        raise OptionError(located(f"`{option}` must be two numbers (low, high), got {given}"))
    return given
