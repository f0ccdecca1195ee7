"""Endless batches of images: the base of the iterators, and the one over arrays."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Generator
from typing import Any

import numpy as np

from graphc.errors import OptionError, ShapeError
from graphc.keras.backend.common import floatx, normalize_data_format
from graphc.keras.preprocessing.image.files import array_to_img
from graphc.keras.utils.location import located
from graphc.keras.utils.sequence import Sequence

Array = np.ndarray[Any, Any]


class Iterator(Sequence):
    """Batches of `n` samples without end as an iterator, and one epoch of them as a `Sequence`.

    `shuffle`: a new order each epoch. With `seed`, NumPy's global generator is set to `seed` + the number of batches
    made so far before each batch. A subclass defines `_get_batches_of_transformed_samples(index_array)`. Several
    threads may call `next` at once.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: Any = None
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def __len__(self) -> int:
        """Return the number of batches of an epoch; the last one may be smaller."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        """Return a batch. Raises OptionError past the end."""
        if idx >= len(self):
            raise OptionError(located(f"There is no batch {idx}: the Sequence has {len(self)} batches"))
        self._seed_batch()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        return self._get_batches_of_transformed_samples(
            self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        )

    def __iter__(self) -> Iterator:
        """Return itself: batches without end."""
        return self

    def __next__(self) -> Any:
        """Return the next batch."""
        return self.next()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a process started anew needs: locks and generators cannot be sent to it."""
        return {name: value for name, value in self.__dict__.items() if name not in ("lock", "index_generator")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        self.__dict__.update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def next(self) -> Any:
        """Return the next batch. Raises OptionError where there are no samples."""
        with self.lock:
            index_array = next(self.index_generator)
        # Outside of the lock, so that threads transform their images at the same time.
        return self._get_batches_of_transformed_samples(index_array)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._set_index_array()

    def reset(self) -> None:
        """Let the next batch of the iterator be the first of an epoch."""
        self.batch_index = 0

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def _flow_index(self) -> Generator[Array]:
        self.reset()
        while True:
            if not self.n:
                raise OptionError(located("There are no images to make batches of"))
            self._seed_batch()
            if self.batch_index == 0:
                self._set_index_array()
            first = self.batch_index * self.batch_size % self.n
            is_last = first + self.batch_size >= self.n
            self.batch_index = 0 if is_last else self.batch_index + 1
            self.total_batches_seen += 1
            yield self.index_array[first : first + self.batch_size]

    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _get_batches_of_transformed_samples")


def augmented(generator: Any, x: Array) -> Array:
    """Return an image after the generator's random transform and its normalisation."""
    transformed = generator.apply_transform(x, generator.get_random_transform(x.shape))
    standardized: Array = generator.standardize(transformed)
    return standardized


def save_batch(iterator: Any, batch: Array, index_array: Array, numbers: int) -> None:
    """Write the images of a batch into the iterator's `save_to_dir`, where it has one.

    They are named by prefix, position in the data set, and a random number below `numbers`.
    """
    if not iterator.save_to_dir:
        return
    for x, index in zip(batch, index_array):
        name = f"{iterator.save_prefix}_{index}_{np.random.randint(numbers)}.{iterator.save_format}"
        array_to_img(x, iterator.data_format, scale=True).save(os.path.join(iterator.save_to_dir, name))


class NumpyArrayIterator(Iterator):
    """Batches of images from an array (n, rows, columns, channels), or the order that `data_format` says.

    `x` may be a pair (images, further arrays of n rows), which go along untouched. Yields x, (x, y) or
    (x, y, sample_weight) as given. `subset` "validation" is the first part, as large as the generator's
    `validation_split`, and "training" the rest. `save_to_dir`: a folder that gets each image. Raises OptionError for
    other subsets, arrays of different lengths and subsets with different classes, ShapeError where x has not rank 4.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.image_data_generator = image_data_generator
        self.data_format = normalize_data_format(data_format)
        self.dtype = dtype or floatx()
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        images, further = (x[0], x[1]) if isinstance(x, (tuple, list)) else (x, [])
        self.x_misc = [np.asarray(array) for array in (further if isinstance(further, list) else [further])]
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        _check_lengths(len(images), self.x_misc, self.y, self.sample_weight)
        rows = self._rows_of(subset, len(images))
        self.x = np.asarray(images[rows], dtype=self.dtype)
        self.x_misc = [array[rows] for array in self.x_misc]
        self.y = None if self.y is None else self.y[rows]
        self.sample_weight = None if self.sample_weight is None else self.sample_weight[rows]
        if self.x.ndim != 4:
            raise ShapeError(located(f"NumpyArrayIterator needs images of rank 4, got shape {self.x.shape}"))
        warn_of_channels(self.x.shape, self.data_format)
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _rows_of(self, subset: str | None, count: int) -> slice:
        if subset is None:
            return slice(None)
        if subset not in ("training", "validation"):
            raise OptionError(located(f'`subset` must be "training" or "validation", got {subset!r}'))
        at = int(count * self.image_data_generator._validation_split)
        if self.y is not None and not np.array_equal(np.unique(self.y[:at]), np.unique(self.y[at:])):
            raise OptionError(
                located(
                    "The training and the validation subset have different classes. Arrays that are sorted by class "
                    "must be shuffled before they are split"
                )
            )
        return slice(at) if subset == "validation" else slice(at, None)

    def _get_batches_of_transformed_samples(self, index_array: Array) -> Any:
        batch = np.zeros((len(index_array), *self.x.shape[1:]), dtype=self.dtype)
        for row, index in enumerate(index_array):
            batch[row] = augmented(self.image_data_generator, self.x[index].copy())
        save_batch(self, batch, index_array, 10_000)
        inputs = [batch, *(array[index_array] for array in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]


def warn_of_channels(shape: tuple[int, ...], data_format: str) -> None:
    """Warn where images (rank 4) have neither 1 nor 3 nor 4 channels, which mostly means the wrong order of axes."""
    channels = shape[3 if data_format == "channels_last" else 1]
    if channels not in (1, 3, 4):
        warnings.warn(
            f'Images of shape {shape} have {channels} channels in the order "{data_format}"; expected 1, 3 or 4.',
            stacklevel=4,
        )


def _check_lengths(count: int, further: list[Array], y: Array | None, sample_weight: Array | None) -> None:
    for array in further:
        if len(array) != count:
            raise OptionError(
                located(f"All of the arrays in `x` must have one length, got {count} images beside {len(array)} rows")
            )
    for name, given in (("`y` (labels)", y), ("`sample_weight`", sample_weight)):
        if given is not None and len(given) != count:
            raise OptionError(
                located(f"`x` (images tensor) and {name} must have one length, got {count} and {len(given)}")
            )
