"""IMDB: 50,000 film reviews as word ranks, bad (0) or good (1) (A. L. Maas and others 2011)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.datasets.files import COPIES, Source, read_pickled, read_word_index
from graphc.keras.datasets.word_ranks import as_arrays, marked, renamed_num_words, shuffled

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The IMDB data set",
    f"{COPIES}imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    is_pickled=True,
)
_INDEX_SOURCE = Source("The word index of IMDB", f"{COPIES}imdb_word_index.json", "bfafd718b763782e994055a2d397834f")


def load_data(
    path: str | Path = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test): arrays of lists of numbers, and of int64 labels.

    A word of rank r (1 the most frequent) has the number r + `index_from`; `start_char` stands before each review,
    `oov_char` for words whose number is below `skip_top` or not below `num_words` (by default the greatest number).
    Only reviews shorter than `maxlen` are kept; as in Keras, the training data are then the first 25,000 of all that
    are left. Each part is shuffled; `seed` sets NumPy's global generator.

    `path` is Keras's `imdb.npz` or its folder; a name that is not there is looked for in Keras's cache, then downloaded
    to it. It holds pickled objects, so it is read only with the right sha256. Raises DataFileError (a
    FileNotFoundError) where there is none, ChecksumError for another file, ValueError where `maxlen` leaves nothing.
    """
    num_words = renamed_num_words(num_words, kwargs)
    data = read_pickled(path, _SOURCE)
    np.random.seed(seed)
    x_train, y_train = shuffled(data["x_train"], data["y_train"])
    x_test, y_test = shuffled(data["x_test"], data["y_test"])
    texts, labels = marked(
        [*x_train, *x_test], [*y_train, *y_test], num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    at = len(x_train)
    return as_arrays(texts[:at], labels[:at]), as_arrays(texts[at:], labels[at:])


def get_word_index(path: str | Path = "imdb_word_index.json") -> dict[str, int]:
    """Return the ranks of the words, 1 for the most frequent; `path` as in `load_data`."""
    return read_word_index(path, _INDEX_SOURCE)
