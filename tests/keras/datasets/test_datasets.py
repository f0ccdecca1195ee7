"""Data sets: the embedded digits, and files of the user's."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError
from graphc.keras.datasets import boston_housing, digits, mnist


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


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_idx_files(tmp_path: Path, packed: bool) -> None:
    generator = np.random.default_rng(1)
    arrays = {}
    for part, count in (("train", 5), ("t10k", 3)):
        arrays[f"{part}-images-idx3-ubyte"] = generator.integers(0, 255, (count, 4, 6)).astype(np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = generator.integers(0, 9, count).astype(np.uint8)
    for name, array in arrays.items():
        _write_idx(tmp_path / (f"{name}.gz" if packed else name), array, packed)
    (x, y), (x_test, y_test) = mnist.load_data(tmp_path)
    for actual, expected in zip((x, y, x_test, y_test), arrays.values(), strict=True):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == np.uint8


def test_mnist_from_npz(tmp_path: Path) -> None:
    arrays = {name: np.arange(i + 2) for i, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    np.savez(tmp_path / "mnist.npz", **arrays)
    (x, y), (x_test, y_test) = mnist.load_data(tmp_path / "mnist.npz")
    for actual, expected in zip((x, y, x_test, y_test), arrays.values(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_files_that_are_no_idx(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has neither train-images"):
        mnist.load_data(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"\x01\x02\x08\x01\x00\x00\x00\x01\x00")
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


@pytest.mark.parametrize("load", [mnist.load_data, boston_housing.load_data])
def test_missing_files(load: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        load(tmp_path / "nothing.npz")
