"""What IMDB and Reuters share: texts as lists of word ranks, cut to a vocabulary."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, UsageError
from graphc.keras.preprocessing.sequence import _remove_long_seq
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]


def shuffled(*arrays: Array) -> list[Array]:
    """Return arrays in one random order, drawn from NumPy's global generator."""
    order = np.arange(len(arrays[0]))
    np.random.shuffle(order)
    return [array[order] for array in arrays]


def renamed_num_words(num_words: int | None, keywords: dict[str, Any]) -> int | None:
    """Return `num_words`, or its Keras 1 spelling `nb_words`, with a warning. Raises UsageError for other keywords."""
    if "nb_words" in keywords:
        warnings.warn("`nb_words` of `load_data` is now called `num_words`.", stacklevel=3)
        num_words = keywords.pop("nb_words")
    if keywords:
        raise UsageError(located(f"load_data does not know the arguments {', '.join(sorted(keywords))}"))
    return num_words


def marked(
    texts: Sequence[Sequence[int]],
    labels: Sequence[Any],
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[list[list[int]], Sequence[Any]]:
    """Return texts and labels with ranks moved up by `index_from`, and marks put in.

    `start_char` is put before each text. Then texts not shorter than `maxlen` are left out, and numbers below
    `skip_top` or not below `num_words` (by default the greatest number) become `oov_char`, or are left out where that
    is None. Raises OptionError where no text is left.
    """
    start = [] if start_char is None else [start_char]
    move = index_from or 0
    moved = [start + [rank + move for rank in text] for text in texts]
    if maxlen:
        moved, labels = _remove_long_seq(maxlen, moved, labels)
        if not moved:
            raise OptionError(located(f"No text is shorter than maxlen={maxlen}: increase maxlen"))
    end = num_words or max(max(text) for text in moved)
    if oov_char is None:
        return [[i for i in text if skip_top <= i < end] for text in moved], labels
    return [[i if skip_top <= i < end else oov_char for i in text] for text in moved], labels


def as_arrays(texts: Sequence[list[int]], labels: Sequence[Any]) -> tuple[Array, Array]:
    """Return (texts as an array of lists, labels)."""
    lists = np.empty(len(texts), dtype=object)
    for row, text in enumerate(texts):
        lists[row] = text
    return lists, np.array(labels)
