"""HDF5Matrix as data, H5Dict as a dictionary, and the question before overwriting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils.io_utils import H5Dict, HDF5Matrix, ask_to_proceed_with_overwrite, attribute_pieces

DATA = np.arange(60.0, dtype="float32").reshape(20, 3)


@pytest.fixture
def path(tmp_path: Path) -> str:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = DATA
    return str(tmp_path / "data.h5")


def test_rows_are_those_between_start_and_end(path: str) -> None:
    rows = HDF5Matrix(path, "x", start=5, end=12)
    assert (len(rows), rows.shape, rows.ndim, rows.size, rows.dtype) == (7, (7, 3), 2, 21, np.float32)
    expected = DATA[5:12]
    for key in (0, 6, slice(None), slice(2, 4), slice(3, None), [0, 4], np.array([1, 6]), range(2, 5)):
        np.testing.assert_array_equal(rows[key], expected[key])
    for key in (7, slice(0, 8), [0, 7], np.array([9])):
        with pytest.raises(IndexError):
            rows[key]
    with pytest.raises(TypeError):
        rows[None]


def test_a_normalizer_changes_rows_shape_and_dtype(path: str) -> None:
    rows = HDF5Matrix(path, "x", normalizer=lambda x: x[:, :2].astype("int16") + 1)
    assert (rows.shape, rows.dtype, rows.size) == ((20, 2), np.int16, 40)
    np.testing.assert_array_equal(rows[3:5], DATA[3:5, :2] + 1)


def test_it_takes_the_place_of_an_array(path: str) -> None:
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    rows = HDF5Matrix(path, "x", end=16)
    np.testing.assert_array_equal(model.predict(rows), model.predict(DATA[:16]))
    model.fit(rows, np.zeros((16, 2)), shuffle="batch", batch_size=4, epochs=1, verbose=0)


@pytest.mark.parametrize("kind", ["file", "dict"])
def test_a_dictionary_keeps_text_lists_arrays_and_dictionaries(kind: str, tmp_path: Path) -> None:
    place: Any = str(tmp_path / "d.h5") if kind == "file" else {"old": 1}
    d = H5Dict(place, mode="w")
    d["text"] = "abc"
    d["names"] = [b"x", b"yz"]
    d["inside"]["deeper"]["array"] = DATA
    d["long"] = [b"n" * 1000 + b"%d" % i for i in range(100)]
    d.close()
    d = H5Dict(place, mode="r")
    assert d["text"] == "abc"
    assert d["names"] == [b"x", b"yz"]
    assert len(d["long"]) == 100
    assert "inside" in d and "none" not in d and d.get("none", 7) == 7
    np.testing.assert_array_equal(d["inside"]["deeper"]["array"], DATA)
    with pytest.raises(ValueError, match="read only"):
        d["text"] = "new"
    with pytest.raises(ValueError, match="read only"):
        d["none"]
    with pytest.raises(ValueError, match="read only"):
        d["inside"]["new"] = "x"
    d.close()


def test_a_dictionary_is_not_overwritten_by_a_value(tmp_path: Path) -> None:
    d = H5Dict(str(tmp_path / "d.h5"), "w")
    d["inside"]["x"] = "y"
    with pytest.raises(KeyError):
        d["inside"] = "z"
    d.close()
    with pytest.raises(TypeError, match="Group, str or dict"):
        H5Dict(5)


def test_lists_are_cut_so_that_each_piece_fits() -> None:
    values = [b"a" * 50_000, b"b", b"c"]
    pieces = attribute_pieces(values)
    assert [x for piece in pieces for x in piece.tolist()] == values
    assert all(piece.nbytes <= 64512 for piece in pieces)
    assert [piece.tolist() for piece in attribute_pieces([b"a", b"b"])] == [[b"a", b"b"]]


def test_the_question_is_asked_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "maybe", " Y ", "n"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert ask_to_proceed_with_overwrite("f")
    assert not ask_to_proceed_with_overwrite("f")
