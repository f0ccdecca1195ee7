"""Sequences: padding, skip-grams, batches of a time series."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from collections.abc import Sequence as Sized
from typing import Any

import numpy as np

from graphc.errors import OptionError, ShapeError, UsageError
from graphc.keras.utils.location import located
from graphc.keras.utils.sequence import Sequence

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
    "timeseries_generator_from_json",
]

Array = np.ndarray[Any, Any]
_EULER_GAMMA = 0.577


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Return sequences as one array (count, maxlen, ...), filled up with `value` and cut to `maxlen`.

    `maxlen` is the longest length unless given. `padding` and `truncating` tell which end is filled and cut: "pre" or
    "post". Steps may be arrays, all of one shape. Texts as `value` need `dtype=object` (or a dtype of texts). Raises
    ValueError for other options or entries without a length, ShapeError for steps of different shapes.
    """
    for option, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise OptionError(located(f'`{option}` must be "pre" or "post", got {given!r}'))
    if not hasattr(sequences, "__len__"):
        raise OptionError(located("`sequences` must be a list of sequences, got something without a length"))
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise OptionError(located(f"`sequences` must be a list of sequences, found the entry {sequence!r}"))
    if isinstance(value, str) and dtype is not object and np.dtype(dtype).kind not in "OU":
        raise OptionError(located(f"`value` {value!r} does not fit the dtype {dtype}: use dtype=object for texts"))
    length = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    step_shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    padded = np.full((len(sequences), length, *step_shape), value, dtype=dtype)
    for row, sequence in enumerate(sequences):
        kept = sequence[max(len(sequence) - length, 0) :] if truncating == "pre" else sequence[:length]
        if not len(kept):
            continue
        steps = np.asarray(kept, dtype=dtype)
        if steps.shape[1:] != step_shape:
            raise ShapeError(
                located(f"Sequence {row} has steps of shape {steps.shape[1:]}, those before it {step_shape}")
            )
        padded[row, slice(length - len(steps), None) if padding == "pre" else slice(len(steps))] = steps
    return padded


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Array:
    """Return for each word rank below `size` the probability that word2vec keeps the word, float64 (size,).

    p = min(1, sqrt(sampling_factor / frequency)), where the word of rank r has by Zipf's law the frequency
    1 / (r (log r + gamma) + 1/2 - 1/(12 r)); rank 0 counts as rank 1.
    """
    rank = np.maximum(np.arange(size), 1).astype("float64")
    inverse_frequency = rank * (np.log(rank) + _EULER_GAMMA) + 0.5 - 1 / (12 * rank)
    kept: Array = np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))
    return kept


def skipgrams(
    sequence: Sized[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Return pairs of words and their labels: 1 for words within a window, 0 for a word and a random one.

    The windows reach `window_size` words to each side; word 0 is no word. `negative_samples` is the number of random
    pairs for each true one. `categorical`: labels are [0, 1] and [1, 0]. With a `sampling_table` a word stands in the
    middle of a window with its probability there. The standard library's generator draws; with `shuffle` it is seeded
    with `seed`, or with a number drawn from it.
    """
    true, false = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples: list[list[int]] = []
    for at, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        window = range(max(0, at - window_size), min(len(sequence), at + window_size + 1))
        couples += [[word, sequence[i]] for i in window if i != at and sequence[i]]
    labels: list[Any] = [true] * len(couples)
    count = int(len(couples) * negative_samples)
    if negative_samples > 0:
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [false] * count
    if shuffle:
        order_seed = random.randint(0, 10_000_000) if seed is None else seed
        for together in (couples, labels):
            random.seed(order_seed)
            random.shuffle(together)
    return couples, labels


def _remove_long_seq(maxlen: int, seq: Iterable[Any], label: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Return the sequences shorter than `maxlen`, and their labels."""
    kept = [(x, y) for x, y in zip(seq, label) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]


class TimeseriesGenerator(Sequence):
    """Batches of windows of a series: samples (rows, steps, ...) of the past, and the targets (rows, ...) after them.

    The window before row i is `data[i - length:i:sampling_rate]`, its target `targets[i]`. Rows run from
    `start_index + length` to `end_index` (included; the last row unless given), each `stride`-th of them; with
    `shuffle` rows are drawn at random from all. `reverse`: latest step first. Batches are float64. Raises OptionError
    where data and targets differ in length, or no row has its window.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        if len(data) != len(targets):
            raise OptionError(located(f"Data and targets differ in length: {len(data)} and {len(targets)}"))
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise OptionError(
                located(
                    f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed: "
                    "no row would have a whole window before it"
                )
            )

    def __len__(self) -> int:
        """Return the number of batches."""
        rows_apart = self.batch_size * self.stride
        return (self.end_index - self.start_index + rows_apart) // rows_apart

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        """Return a batch: (samples, targets)."""
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        samples = np.array([self.data[i - self.length : i : self.sampling_rate] for i in rows], dtype="float64")
        targets = np.array([self.targets[i] for i in rows], dtype="float64")
        return (samples[:, ::-1] if self.reverse else samples), targets

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it again; data and targets as JSON texts. Raises UsageError for others."""
        return {
            "data": _to_json(self.data, "data"),
            "targets": _to_json(self.targets, "targets"),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index - self.length,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return class and config as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """Return the generator that `to_json` wrote down; its data and targets are arrays."""
    config = dict(json.loads(json_string)["config"])
    data, targets = (np.array(json.loads(config.pop(name))) for name in ("data", "targets"))
    return TimeseriesGenerator(data, targets, **config)


def _to_json(values: Any, what: str) -> str:
    try:
        return json.dumps(values.tolist() if hasattr(values, "tolist") else values)
    except (TypeError, ValueError) as error:
        raise UsageError(located(f"The {what} cannot be written as JSON: {error}")) from error
