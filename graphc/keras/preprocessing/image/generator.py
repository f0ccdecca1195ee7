"""ImageDataGenerator: random transforms and normalisation of images, in batches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, ShapeError
from graphc.keras.backend.common import floatx, normalize_data_format
from graphc.keras.preprocessing.image.directory import DirectoryIterator
from graphc.keras.preprocessing.image.extra import load
from graphc.keras.preprocessing.image.frame import DataFrameIterator
from graphc.keras.preprocessing.image.iterator import NumpyArrayIterator, warn_of_channels
from graphc.keras.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    as_pair,
    draw_of,
    draw_zoom,
    flip_axis,
)
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_EPSILON = 1e-6


class ImageDataGenerator:
    """Makes batches of images, transformed at random and normalised; NumPy's global generator draws.

    Transforms, in this order: `rotation_range` (degrees either way), `width_shift_range` and `height_shift_range` (a
    float: part of the size below 1, else pixels; an int n: whole pixels below n; a list: one of these, either way),
    `shear_range` (degrees), `zoom_range` (a float z for (1 - z, 1 + z), or (low, high)), `channel_shift_range`,
    `horizontal_flip`, `vertical_flip`, `brightness_range` (low, high); `fill_mode` and `cval` as in
    `apply_affine_transform`.

    Normalisation, in this order: `preprocessing_function` (of one image), `rescale` (a factor), `samplewise_center`
    and `samplewise_std_normalization` (each image by its own mean and deviation), `featurewise_center` and
    `featurewise_std_normalization` (by those of the data seen by `fit`, a number for each channel), `zca_whitening`
    (with `zca_epsilon`). A normalisation by deviation switches on that by the mean; whitening switches on
    `featurewise_center` and off `featurewise_std_normalization`; each with a warning.

    `validation_split`: the part of the data for the subset "validation". `data_format` and `dtype` are Keras's
    settings unless given. Raises OptionError for values out of range.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], Array] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        dtype: str | None = None,
    ) -> None:
        if validation_split and not 0 < validation_split < 1:
            raise OptionError(located(f"`validation_split` must be between 0 and 1, got {validation_split}"))
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = None if brightness_range is None else as_pair("brightness_range", brightness_range)
        self.shear_range = shear_range
        if isinstance(zoom_range, (int, float, np.number)):
            self.zoom_range = [1 - zoom_range, 1 + zoom_range]
        else:
            self.zoom_range = list(as_pair("zoom_range", zoom_range))
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = dtype or floatx()
        self.data_format = normalize_data_format(data_format)
        self.channel_axis, self.row_axis, self.col_axis = (
            (1, 2, 3) if self.data_format == "channels_first" else (3, 1, 2)
        )
        self._validation_split = validation_split
        self.mean: Any = None
        self.std: Any = None
        self.principal_components: Any = None
        self._reconcile()

    def _reconcile(self) -> None:
        if self.zca_whitening:
            self._switch("zca_whitening", "featurewise_center", True)
            self._switch("zca_whitening", "featurewise_std_normalization", False)
        if self.featurewise_std_normalization:
            self._switch("featurewise_std_normalization", "featurewise_center", True)
        if self.samplewise_std_normalization:
            self._switch("samplewise_std_normalization", "samplewise_center", True)

    def _switch(self, because: str, option: str, value: bool) -> None:
        if getattr(self, option) != value:
            setattr(self, option, value)
            warnings.warn(f"`{because}` sets `{option}` to {value}.", stacklevel=4)

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Return batches of the images `x` without end: a `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
    ) -> DirectoryIterator:
        """Return batches of the images in a folder's folders without end: a `DirectoryIterator`."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str],
        x_col: str = "filename",
        y_col: Any = "class",
        has_ext: bool = True,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[Any] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
    ) -> DataFrameIterator:
        """Return batches of the images that a table names without end: a `DataFrameIterator`."""
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            has_ext=has_ext,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def standardize(self, x: Array) -> Array:
        """Return an image, or a batch, normalised; arrays of floats are changed in place, others become floats.

        Warns where statistics are asked for that `fit` has not computed.
        """
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if x.dtype.kind != "f":
            x = x.astype(self.dtype if np.dtype(self.dtype).kind == "f" else floatx())
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + _EPSILON
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x /= self.std + _EPSILON
        if self.zca_whitening and self._is_fitted("zca_whitening", self.principal_components):
            flat = x.reshape(-1, int(np.prod(x.shape[-3:])))
            x = (flat @ self.principal_components).reshape(x.shape)
        return x

    def _is_fitted(self, option: str, statistic: Any) -> bool:
        if statistic is None:
            warnings.warn(f"`{option}` has no effect before `fit` was called with data.", stacklevel=3)
        return statistic is not None

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Return a random transform of an image of this shape, as `apply_transform` takes it.

        Keys: theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, channel_shift_intensity (or None) and
        brightness (or None). `seed` sets NumPy's global generator first.
        """
        if seed is not None:
            np.random.seed(seed)
        # The order of the draws is Keras's: a seed gives the same images.
        theta = _draw(self.rotation_range) if self.rotation_range else 0
        tx = _draw_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _draw_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = _draw(self.shear_range) if self.shear_range else 0
        zx, zy = draw_zoom(self.zoom_range)
        flip_horizontal = bool((np.random.random() < 0.5) * self.horizontal_flip)
        flip_vertical = bool((np.random.random() < 0.5) * self.vertical_flip)
        intensity = _draw(self.channel_shift_range) if self.channel_shift_range else None
        brightness = draw_of(self.brightness_range) if self.brightness_range is not None else None
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: Array, transform_parameters: Mapping[str, Any]) -> Array:
        """Return an image transformed; see `get_random_transform` for the keys, all of which may be missing."""
        row_axis, col_axis, channel_axis = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        affine = {name: transform_parameters.get(name, 0) for name in ("theta", "tx", "ty", "shear")}
        zooms = {name: transform_parameters.get(name, 1) for name in ("zx", "zy")}
        x = apply_affine_transform(
            x,
            **affine,
            **zooms,
            row_axis=row_axis,
            col_axis=col_axis,
            channel_axis=channel_axis,
            fill_mode=self.fill_mode,
            cval=self.cval,
        )
        if transform_parameters.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, transform_parameters["channel_shift_intensity"], channel_axis)
        if transform_parameters.get("flip_horizontal", False):
            x = flip_axis(x, col_axis)
        if transform_parameters.get("flip_vertical", False):
            x = flip_axis(x, row_axis)
        if transform_parameters.get("brightness") is not None:
            x = apply_brightness_shift(x, transform_parameters["brightness"], self.data_format)
        return x

    def random_transform(self, x: Array, seed: int | None = None) -> Array:
        """Return an image after a random transform; `seed` sets NumPy's global generator first."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute what featurewise normalisation and whitening need from images (n, rows, columns, channels).

        `augment`: from `rounds` random transforms of each image. `seed` sets NumPy's global generator first. Whitening
        takes memory for the square of an image's number of values. Raises ShapeError where `x` has not rank 4.
        """
        images: Array = np.array(x, dtype=self.dtype)
        if images.ndim != 4:
            raise ShapeError(located(f"`fit` needs images of rank 4, got an array of shape {images.shape}"))
        warn_of_channels(images.shape, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if augment:
            originals = images
            images = np.zeros((rounds * len(originals), *originals.shape[1:]), dtype=self.dtype)
            for row in range(len(images)):
                images[row] = self.random_transform(originals[row % len(originals)])
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(images, axis=axes, keepdims=True)[0]
            images -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(images, axis=axes, keepdims=True)[0]
            images /= self.std + _EPSILON
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            # With fewer images than values most variances are rounding errors: only Keras's own routine gives the same.
            linalg = load("scipy.linalg", "SciPy", "zca_whitening")
            directions, variances, _ = linalg.svd(flat.T @ flat / len(flat))
            self.principal_components = (directions / np.sqrt(variances + self.zca_epsilon)) @ directions.T


def _draw(limit: float) -> float:
    return np.random.uniform(-limit, limit)


def _draw_shift(limit: Any, size: int) -> float:
    """Return a random shift in pixels; see `ImageDataGenerator` for the limits."""
    if not np.any(limit):
        return 0
    if isinstance(limit, (float, np.floating)):
        shift = _draw(float(limit))
    else:
        shift = np.random.choice(limit) * np.random.choice([-1, 1])
    return float(shift * size if np.max(limit) < 1 else shift)
