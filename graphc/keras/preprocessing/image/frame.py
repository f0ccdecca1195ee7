"""Batches of images from files that a table names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, UsageError
from graphc.keras.preprocessing.image.directory import FileIterator, image_files
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_MODES = ("categorical", "binary", "sparse", "input", "other", None)
_CLASSLESS = ("input", "other", None)


class DataFrameIterator(FileIterator):
    """Batches of the image files below `directory` that the column `x_col` of a table names.

    `dataframe`: a pandas DataFrame, or anything that gives a column for a name (and, for "other", columns for a list
    of names). `has_ext`: the names carry their endings. Files are taken in the order of their names; rows without a
    file, files without a row, and repeated rows are left out. `y_col` holds the class; with `class_mode` "other" the
    target itself (one column or several, of numbers). `classes`: the classes in the order of their numbers, that of
    their first appearance unless given. Otherwise as `DirectoryIterator`. Raises OptionError for other options,
    TypeError for targets that are no numbers.
    """

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        x_col: str = "filenames",
        y_col: Any = "class",
        has_ext: bool = True,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[Any] | None = None,
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
            save_format, subset, interpolation, dtype, _MODES,
        )  # fmt: skip
        if classes and class_mode in _CLASSLESS:
            raise OptionError(located(f"`classes` cannot be given with class_mode={class_mode!r}"))
        row_of = {str(name): row for row, name in reversed(list(enumerate(dataframe[x_col])))}
        chosen = []
        for path in image_files(directory, "", self.split, follow_links):
            name = os.path.basename(path)
            row = row_of.get(name if has_ext else os.path.splitext(name)[0])
            if row is not None:
                chosen.append((path, row))
        self.filenames = [path for path, _ in chosen]
        rows = [row for _, row in chosen]
        self.samples = len(rows)
        self._set_targets(dataframe, y_col, classes, rows)
        suffix = f" belonging to {self.num_classes} classes" if self.num_classes else ""
        print(f"Found {self.samples} images{suffix}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _set_targets(self, dataframe: Any, y_col: Any, classes: Sequence[Any] | None, rows: list[int]) -> None:
        self.class_indices: dict[Any, int] = {}
        self.classes = np.zeros(self.samples, dtype="int32")
        if self.class_mode == "other":
            self.data = np.asarray(dataframe[y_col])[rows]
            if self.data.dtype.kind not in "biuf":
                raise UsageError(located(f"The column {y_col} must hold numbers for class_mode='other'"))
        elif self.class_mode not in _CLASSLESS:
            labels = list(dataframe[y_col])
            self.class_indices = {name: number for number, name in enumerate(classes or dict.fromkeys(labels))}
            unknown = sorted({str(labels[row]) for row in rows if labels[row] not in self.class_indices})
            if unknown:
                raise OptionError(located(f"The column {y_col} holds {', '.join(unknown)}, not among `classes`"))
            self.classes = np.array([self.class_indices[labels[row]] for row in rows], dtype="int32")
        self.num_classes = len(self.class_indices)

    def _targets(self, batch: Array, index_array: Array) -> Array:
        if self.class_mode == "other":
            targets: Array = self.data[index_array]
            return targets
        return super()._targets(batch, index_array)
