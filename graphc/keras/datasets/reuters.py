"""Reuters: 11,228 newswires of 1987 as word ranks, in 46 topics (for research only)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.datasets.files import COPIES, Source, read_pickled, read_word_index
from graphc.keras.datasets.word_ranks import as_arrays, marked, renamed_num_words, shuffled
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The Reuters data set",
    f"{COPIES}reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    is_pickled=True,
)
_INDEX_SOURCE = Source(
    "The word index of Reuters", f"{COPIES}reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"
)


def load_data(
    path: str | Path = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test): arrays of lists of numbers, and of int64 topics.

    The newswires are shuffled (`seed` sets NumPy's global generator), and the last `test_split` of them are the test
    data. All else is as in `imdb.load_data`.
    """
    if not 0 <= test_split < 1:
        raise GraphcError(located(f"test_split must be in [0, 1), got {test_split}"))
    num_words = renamed_num_words(num_words, kwargs)
    data = read_pickled(path, _SOURCE)
    np.random.seed(seed)
    x, y = shuffled(data["x"], data["y"])
    texts, labels = marked([*x], [*y], num_words, skip_top, maxlen, start_char, oov_char, index_from)
    at = int(len(texts) * (1 - test_split))
    return as_arrays(texts[:at], labels[:at]), as_arrays(texts[at:], labels[at:])


def get_word_index(path: str | Path = "reuters_word_index.json") -> dict[str, int]:
    """Return the ranks of the words, 1 for the most frequent; `path` as in `load_data`."""
    return read_word_index(path, _INDEX_SOURCE)
