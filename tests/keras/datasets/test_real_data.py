"""The published files of the data sets, where they are: in GRAPHC_DATA, by default `../shared/data`."""

import os
from pathlib import Path

import numpy as np
import pytest

from graphc.keras.datasets import boston_housing, imdb, mnist, reuters
from graphc.keras.preprocessing.sequence import pad_sequences

DATA = Path(os.environ.get("GRAPHC_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))


def data(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"no {name} in {DATA} (GRAPHC_DATA names the folder)")
    return DATA / name


def test_mnist(tmp_path: Path) -> None:
    for packed in data("mnist").glob("*.gz"):
        (tmp_path / packed.name).symlink_to(packed)
    from_idx = mnist.load_data(tmp_path)
    from_npz = mnist.load_data(data("mnist/mnist.npz"))
    (x, y), (x_test, y_test) = from_idx
    assert (x.shape, x_test.shape, x.dtype) == ((60000, 28, 28), (10000, 28, 28), np.uint8)
    assert (y[:5].tolist(), y_test[:5].tolist()) == ([5, 0, 4, 1, 9], [7, 2, 1, 0, 4])
    for pair, other in zip(from_idx, from_npz, strict=True):
        for actual, expected in zip(pair, other, strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_boston_housing() -> None:
    (x, y), (x_test, y_test) = boston_housing.load_data(data("boston_housing/boston_housing.npz"))
    assert (x.shape, x_test.shape) == ((404, 13), (102, 13))
    assert (y[:3].tolist(), y_test[:3].tolist()) == ([15.2, 42.3, 50.0], [7.2, 18.8, 19.0])


def test_imdb() -> None:
    (x, y), (x_test, y_test) = imdb.load_data(data("imdb/imdb.npz"), num_words=10000)
    assert (len(x), len(x_test), int(y.sum()), int(y_test.sum())) == (25000, 25000, 12500, 12500)
    assert x[0][:8] == [1, 14, 22, 16, 43, 530, 973, 1622] and len(x[0]) == 218
    assert y[:5].tolist() == [1, 0, 0, 1, 0]
    word_of = {rank + 3: word for word, rank in imdb.get_word_index(data("imdb/imdb_word_index.json")).items()}
    assert " ".join(word_of[i] for i in x[0][1:5]) == "this film was just"
    assert pad_sequences(x[:3], maxlen=100)[0, -1] == x[0][-1]


def test_reuters() -> None:
    (x, y), (x_test, y_test) = reuters.load_data(data("reuters/reuters.npz"), num_words=10000)
    assert (len(x), len(x_test)) == (8982, 2246)
    assert x[0][:8] == [1, 2, 2, 8, 43, 10, 447, 5]
    assert y[:5].tolist() == [3, 4, 3, 4, 4] and set(y) | set(y_test) == set(range(46))
    assert reuters.get_word_index(data("reuters/reuters_word_index.json"))["the"] == 1
