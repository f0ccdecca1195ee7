"""Data sets: the embedded digits, and files of the user's."""

import gzip
import hashlib
import json
import pickle
import struct
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError
from graphc.keras import backend as K
from graphc.keras.datasets import boston_housing, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters
from graphc.keras.datasets.files import ChecksumError, Source


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder of cached data sets, on a machine without a network."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise urllib.error.URLError("no network here")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(urllib.request, "urlopen", fail)
    (tmp_path / "home" / "datasets").mkdir(parents=True)
    return tmp_path / "home" / "datasets"


def test_digits() -> None:
    (x, y), (x_test, y_test) = digits.load_data()
    assert x.shape == (1437, 8, 8)
    assert (len(y), len(x_test), len(y_test)) == (1437, 360, 360)
    assert (x.dtype, x.max(), set(y.tolist())) == (np.uint8, 16, set(range(10)))
    again, _ = digits.load_data()
    other, _ = digits.load_data(seed=4)
    np.testing.assert_array_equal(x, again[0])
    assert not np.array_equal(x, other[0])
    assert Path(digits.__file__).with_suffix(".txt").read_text().count("Alpaydin")


def test_digits_leave_the_global_generator_alone() -> None:
    np.random.seed(9)
    expected = np.random.rand()
    np.random.seed(9)
    digits.load_data()
    assert np.random.rand() == expected


def _write_idx(path: Path, array: Any, packed: bool) -> None:
    raw = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(raw) if packed else raw)


def _idx_folder(folder: Path, packed: bool) -> list[Any]:
    """Write four idx files; return x_train, y_train, x_test, y_test."""
    generator = np.random.default_rng(1)
    folder.mkdir(exist_ok=True)
    arrays = {}
    for part, count in (("train", 5), ("t10k", 3)):
        arrays[f"{part}-images-idx3-ubyte"] = generator.integers(0, 255, (count, 4, 6)).astype(np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = generator.integers(0, 9, count).astype(np.uint8)
    for name, array in arrays.items():
        _write_idx(folder / (f"{name}.gz" if packed else name), array, packed)
    return list(arrays.values())


def _check(loaded: Any, expected: list[Any]) -> None:
    (x, y), (x_test, y_test) = loaded
    for actual, array in zip((x, y, x_test, y_test), expected, strict=True):
        np.testing.assert_array_equal(actual, array)
        assert actual.dtype == array.dtype


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("load", [mnist.load_data, fashion_mnist.load_data])
def test_idx_files(load: Any, tmp_path: Path, packed: bool) -> None:
    expected = _idx_folder(tmp_path / "given", packed)
    _check(load(tmp_path / "given"), expected)


def test_fashion_mnist_from_the_cache(home: Path) -> None:
    expected = _idx_folder(home / "fashion-mnist", packed=True)
    _check(fashion_mnist.load_data(), expected)
    (home / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded.*no network here.*t10k-labels"):
        fashion_mnist.load_data()


def test_mnist_from_npz(tmp_path: Path) -> None:
    arrays = {name: np.arange(i + 2) for i, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    np.savez(tmp_path / "mine.npz", **arrays)
    _check(mnist.load_data(tmp_path / "mine.npz"), list(arrays.values()))


def test_files_that_are_no_idx(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has neither train-images"):
        mnist.load_data(tmp_path)
    for raw in (b"\x01\x02\x08\x01\x00\x00\x00\x01\x00", b"\x00\x00", b"\x00\x00\x08\x02\x00\x00\x00\x01"):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(raw)
        with pytest.raises(GraphcError, match="is not an idx file"):
            mnist.load_data(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x09\x00")
    with pytest.raises(GraphcError, match="but holds 1 values"):
        mnist.load_data(tmp_path)


def test_boston_housing(tmp_path: Path) -> None:
    x, y = np.arange(60.0).reshape(20, 3), np.arange(20.0)
    np.savez(tmp_path / "houses.npz", x=x, y=y)
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data(tmp_path / "houses.npz", test_split=0.25)
    assert (len(x_train), len(x_test)) == (15, 5)
    np.testing.assert_array_equal(np.concatenate([x_train, x_test])[:, 0] / 3, np.concatenate([y_train, y_test]))
    np.random.seed(113)
    order = np.arange(20)
    np.random.shuffle(order)
    np.testing.assert_array_equal(y_train, y[order][:15])


ALL = {
    "mnist.npz": mnist.load_data,
    "boston_housing.npz": boston_housing.load_data,
    "fashion-mnist": fashion_mnist.load_data,
    "cifar-10-batches-py": cifar10.load_data,
    "cifar-100-python": cifar100.load_data,
    "imdb.npz": imdb.load_data,
    "reuters.npz": reuters.load_data,
    "imdb_word_index.json": imdb.get_word_index,
    "reuters_word_index.json": reuters.get_word_index,
}


@pytest.mark.parametrize("name", ALL)
def test_no_file_and_no_network(name: str, home: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is not there .*no network here.*get https://.*put it at") as error:
        ALL[name]()
    assert isinstance(error.value, GraphcError)
    assert str(home / name) in str(error.value)
    assert list(home.rglob("*.*")) == []


def test_the_cache_is_looked_at(home: Path) -> None:
    arrays = {name: np.arange(i + 2) for i, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    np.savez(home / "mnist.npz", **arrays)
    _check(mnist.load_data(), list(arrays.values()))
    np.savez(home / "boston_housing.npz", x=np.ones((5, 2)), y=np.ones(5))
    assert boston_housing.load_data()[0][0].shape == (4, 2)


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    _idx_folder(tmp_path, packed=True)
    arrays = {name: np.arange(i + 2) for i, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    np.savez(tmp_path / "mnist.npz", **arrays)
    np.savez(tmp_path / "boston_housing.npz", x=np.ones((5, 2)), y=np.ones(5))
    (tmp_path / "imdb_word_index.json").write_text('{"film": 3}')
    _check(mnist.load_data(tmp_path), list(arrays.values()))
    assert boston_housing.load_data(tmp_path)[0][0].shape == (4, 2)
    assert imdb.get_word_index(tmp_path) == {"film": 3}


def test_a_download(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("KERAS_HOME", str(home.parent))
    arrays = {name: np.arange(i + 2) for i, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    np.savez(tmp_path / "published.npz", **arrays)
    file = tmp_path / "published.npz"
    source = Source("It", file.as_uri(), hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(mnist, "_SOURCE", source)
    _check(mnist.load_data(), list(arrays.values()))
    file.unlink()
    _check(mnist.load_data(), list(arrays.values()))
    assert (home / "mnist.npz").exists()


def _pickled_npz(path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, **arrays: Any) -> None:
    """Write an npz file, and let the module take it for the one that is known."""
    np.savez(path, **arrays)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "_SOURCE", Source("It", "nowhere://", sha256, is_pickled=True))


def _lists(*texts: list[int]) -> Any:
    array = np.empty(len(texts), dtype=object)
    for row, text in enumerate(texts):
        array[row] = text
    return array


TEXTS = _lists([1, 2], [3, 1, 4], [5], [2, 6, 1, 1], [7, 7])


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "imdb.npz"
    _pickled_npz(path, monkeypatch, imdb, x_train=TEXTS[:3], y_train=[0, 1, 0], x_test=TEXTS[3:], y_test=[1, 0])
    return path


def _orders(*counts: int) -> list[Any]:
    np.random.seed(113)
    orders = [np.arange(count) for count in counts]
    for order in orders:
        np.random.shuffle(order)
    return orders


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({}, lambda t: [1] + [i + 3 if i + 3 < 10 else 2 for i in t]),
        ({"start_char": None, "index_from": 0, "num_words": 99}, list),
        ({"start_char": None, "num_words": 99}, lambda t: [i + 3 for i in t]),
        ({"num_words": 6}, lambda t: [1] + [i + 3 if i + 3 < 6 else 2 for i in t]),
        ({"num_words": 9, "skip_top": 5, "oov_char": None}, lambda t: [i + 3 for i in t if 5 <= i + 3 < 9]),
        ({"nb_words": 6, "oov_char": 0}, lambda t: [1] + [i + 3 if i + 3 < 6 else 0 for i in t]),
    ],
)
@pytest.mark.filterwarnings("ignore:`nb_words`")
def test_reviews(reviews: Path, options: dict[str, Any], change: Any) -> None:
    (x, y), (x_test, y_test) = imdb.load_data(reviews, **options)
    first, second = _orders(3, 2)
    assert x.tolist() == [change(TEXTS[:3][i]) for i in first]
    assert x_test.tolist() == [change(TEXTS[3:][i]) for i in second]
    assert (y.tolist(), y_test.tolist()) == ([[0, 1, 0][i] for i in first], [[1, 0][i] for i in second])
    assert (x.dtype, y.dtype) == (object, np.int64)


def test_short_reviews(reviews: Path) -> None:
    (x, _), (x_test, y_test) = imdb.load_data(reviews, maxlen=4, num_words=99)
    assert sorted(map(len, [*x, *x_test])) == [2, 3, 3]
    # The training data are the first three of those that are left.
    assert (len(x), len(x_test), len(y_test)) == (3, 0, 0)
    with pytest.raises(ValueError, match="No text is shorter than maxlen=2"):
        imdb.load_data(reviews, maxlen=2)
    with pytest.raises(TypeError, match="does not know the arguments words"):
        imdb.load_data(reviews, words=3)
    with pytest.warns(UserWarning, match="now called `num_words`"):
        imdb.load_data(reviews, nb_words=3)


def test_newswires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reuters.npz"
    _pickled_npz(path, monkeypatch, reuters, x=TEXTS, y=np.arange(5))
    (x, y), (x_test, y_test) = reuters.load_data(path, test_split=0.4, num_words=8, skip_top=5)
    (order,) = _orders(5)
    assert [*y, *y_test] == order.tolist() and len(y) == 3
    kept = {2: 5, 3: 6, 4: 7}
    assert [*x, *x_test] == [[2, *(kept.get(i, 2) for i in TEXTS[row])] for row in order]
    with pytest.raises(GraphcError, match=r"test_split must be in \[0, 1\)"):
        reuters.load_data(path, test_split=1)


@pytest.mark.parametrize("load", [imdb.load_data, reuters.load_data])
def test_unknown_pickles_are_not_read(load: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the file was read")

    monkeypatch.setattr(np, "load", refuse)
    (tmp_path / "mine.npz").write_bytes(b"anything")
    with pytest.raises(ChecksumError, match="could run any code, so it is not read"):
        load(tmp_path / "mine.npz")
    # One in the cache is taken for an old one.
    for name in ("imdb.npz", "reuters.npz"):
        (home / name).write_bytes(b"anything")
    with pytest.raises(FileNotFoundError, match="could not be downloaded"):
        load()


def test_word_indices(tmp_path: Path, home: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"the": 1, "film": 2}))
    assert imdb.get_word_index(tmp_path / "index.json") == {"the": 1, "film": 2}
    (home / "reuters_word_index.json").write_text(json.dumps({"oil": 1}))
    assert reuters.get_word_index() == {"oil": 1}


def _text(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def _cifar(path: Path, seed: int, count: int, **labels: list[int]) -> Any:
    """Write a batch as the published ones are, which Python 2 pickled; return its images."""
    pixels = np.random.default_rng(seed).integers(0, 255, (count, 3072)).astype(np.uint8)
    number = struct.Struct("<i")
    raw = b"\x80\x02}(" + _text("data")
    raw += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + _text("b") + b"\x87R"
    raw += b"(K\x01J" + number.pack(count) + b"J" + number.pack(3072) + b"\x86"
    raw += b"cnumpy\ndtype\n" + _text("u1") + b"K\x00K\x01\x87R(K\x03" + _text("|")
    raw += b"NNN" + 2 * (b"J" + number.pack(-1)) + b"K\x00tb\x89T" + number.pack(pixels.size) + pixels.tobytes() + b"tb"
    for name, numbers in labels.items():
        raw += _text(name) + b"](" + b"".join(b"K" + bytes([i]) for i in numbers) + b"e"
    path.write_bytes(raw + b"u.")
    return pixels.reshape(count, 3, 32, 32)


def test_cifar10(tmp_path: Path, home: Path) -> None:
    for folder in (tmp_path / "given", home / "cifar-10-batches-py"):
        folder.mkdir()
        images = [_cifar(folder / f"data_batch_{i}", i, 2, labels=[i, i + 1]) for i in range(1, 6)]
        test = _cifar(folder / "test_batch", 9, 3, labels=[7, 8, 9])
    labels = np.array([[i + j] for i in range(1, 6) for j in (0, 1)], np.uint8)
    expected = [np.concatenate(images), labels, test, np.array([[7], [8], [9]], np.uint8)]
    last = [a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for a in expected]
    _check(cifar10.load_data(tmp_path / "given"), last)
    _check(cifar10.load_data(), last)
    K.set_image_data_format("channels_first")
    try:
        _check(cifar10.load_data(), expected)
    finally:
        K.set_image_data_format("channels_last")


def test_cifar100(tmp_path: Path) -> None:
    images = [
        _cifar(tmp_path / name, i, i + 2, fine_labels=[40 + i] * (i + 2), coarse_labels=[i] * (i + 2))
        for i, name in enumerate(("train", "test"))
    ]
    for mode, labels in (("fine", (40, 41)), ("coarse", (0, 1))):
        y, y_test = (np.full((i + 2, 1), label, np.uint8) for i, label in enumerate(labels))
        train, test = (array.transpose(0, 2, 3, 1) for array in images)
        _check(cifar100.load_data(mode, path=tmp_path), [train, y, test, y_test])
    with pytest.raises(ValueError, match='`label_mode` must be "fine" or "coarse"'):
        cifar100.load_data("rough")


def test_pickles_that_would_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "touched",))

    (tmp_path / "train").write_bytes(pickle.dumps({b"data": Evil(), b"fine_labels": [1]}))
    with pytest.raises(GraphcError, match="is not a CIFAR file: it asks for "):
        cifar100.load_data(path=tmp_path)
    assert not (tmp_path / "touched").exists()
    for raw in (b"", b"nothing", pickle.dumps({b"data": np.ones((2, 3))})):
        (tmp_path / "train").write_bytes(raw)
        with pytest.raises(GraphcError, match="is not a CIFAR file"):
            cifar100.load_data(path=tmp_path)
    (tmp_path / "train").unlink()
    with pytest.raises(FileNotFoundError, match="There is no file"):
        cifar100.load_data(path=tmp_path)
