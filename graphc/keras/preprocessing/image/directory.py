"""Batches of images from files in folders, a folder for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError
from graphc.keras.backend.common import floatx, normalize_data_format
from graphc.keras.preprocessing.image.files import MODES, img_to_array, load_img
from graphc.keras.preprocessing.image.iterator import Iterator, augmented, save_batch
from graphc.keras.utils.location import located
from graphc.keras.utils.np_utils import to_categorical

Array = np.ndarray[Any, Any]
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


class FileIterator(Iterator):
    """What iterators over image files share: options, reading and transforming a batch.

    A subclass sets `filenames` (relative to `directory`), `classes` (int32, one for each file) and `num_classes`, then
    calls `Iterator.__init__`.
    """

    filenames: list[str]
    classes: Any
    num_classes: int

    def _set_options(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: Sequence[int],
        color_mode: str,
        class_mode: str | None,
        data_format: str | None,
        save_to_dir: str | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        dtype: str | None,
        class_modes: tuple[str | None, ...],
    ) -> None:
        if color_mode not in MODES:
            raise OptionError(located(f"`color_mode` must be one of {', '.join(MODES)}, got {color_mode!r}"))
        if class_mode not in class_modes:
            raise OptionError(located(f"`class_mode` must be one of {class_modes}, got {class_mode!r}"))
        split = getattr(image_data_generator, "_validation_split", 0.0)
        parts = {None: None, "validation": (0, split), "training": (split, 1)}
        if subset not in parts:
            raise OptionError(located(f'`subset` must be "training" or "validation", got {subset!r}'))
        self.directory = directory
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.color_mode = color_mode
        self.class_mode = class_mode
        self.data_format = normalize_data_format(data_format)
        channels = (_CHANNELS[color_mode],)
        is_last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if is_last else channels + self.target_size
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.subset = subset
        self.split = parts[subset]
        self.interpolation = interpolation
        self.dtype = dtype or floatx()

    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        batch = np.zeros((len(index_array), *self.image_shape), dtype=self.dtype)
        for row, index in enumerate(index_array):
            image = load_img(
                os.path.join(self.directory, self.filenames[index]),
                color_mode=self.color_mode,
                target_size=(self.target_size[0], self.target_size[1]),
                interpolation=self.interpolation,
            )
            x = img_to_array(image, data_format=self.data_format, dtype=self.dtype)
            # A Pillow image gives its pixels for reading only.
            batch[row] = augmented(self.image_data_generator, x if x.flags.writeable else x.copy())
        save_batch(self, batch, index_array, 10_000_000)
        return batch if self.class_mode is None else (batch, self._targets(batch, index_array))

    def _targets(self, batch: Array, index_array: Array) -> Array:
        if self.class_mode == "input":
            return batch.copy()
        labels: Array = self.classes[index_array]
        if self.class_mode == "categorical":
            return to_categorical(labels, self.num_classes, dtype=self.dtype)
        return labels.astype(self.dtype) if self.class_mode == "binary" else labels


class DirectoryIterator(FileIterator):
    """Batches of the image files below `directory`, whose folders are the classes.

    `classes`: the folders to read, in the order of their numbers; all, in the order of their names, unless given.
    `class_mode` of the targets: "categorical" (rows with a 1), "binary" (floats), "sparse" (int32), "input" (the
    images themselves) or None for none. `target_size` (height, width), `color_mode`, `interpolation`: as in
    `load_img`. `subset` takes the first part of each folder ("validation") or the rest ("training"). `follow_links`:
    folders may be links. Attributes: `class_indices`, `classes`, `filenames`, `samples`, `num_classes`. Raises
    ValueError for other options.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        dtype: str | None = None,
    ) -> None:
        self._set_options(
            directory, image_data_generator, target_size, color_mode, class_mode, data_format, save_to_dir, save_prefix,
            save_format, subset, interpolation, dtype, ("categorical", "binary", "sparse", "input", None),
        )  # fmt: skip
        folders = classes or sorted(f for f in os.listdir(directory) if os.path.isdir(os.path.join(directory, f)))
        self.num_classes = len(folders)
        self.class_indices = {folder: number for number, folder in enumerate(folders)}
        by_class = [image_files(directory, folder, self.split, follow_links) for folder in folders]
        self.filenames = [file for files in by_class for file in files]
        self.classes = np.repeat(np.arange(self.num_classes, dtype="int32"), [len(files) for files in by_class])
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


def image_files(
    directory: str | os.PathLike[str], folder: str, split: tuple[float, float] | None, follow_links: bool
) -> list[str]:
    """Return the image files below a folder of `directory`, relative to `directory`, in the order of their names.

    `split` (low, high): only that part of them.
    """
    found = []
    walk = os.walk(os.path.join(directory, folder), followlinks=follow_links)
    for root, _, files in sorted(walk, key=lambda visited: visited[0]):
        found += [os.path.relpath(os.path.join(root, f), directory) for f in sorted(files) if is_image(f)]
    return found if split is None else found[int(split[0] * len(found)) : int(split[1] * len(found))]


def is_image(file: str) -> bool:
    """Tell whether a file's name ends as those of images do; warns of .tiff files."""
    if file.lower().endswith(".tiff"):
        warnings.warn("A .tiff file with several bands will be distorted: look at what is read.", stacklevel=3)
    return file.lower().endswith(_ENDINGS)
