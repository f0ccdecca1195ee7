"""Sequences: padding, skip-grams, batches of a time series."""

import json
import random
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras.preprocessing.sequence import (
    TimeseriesGenerator,
    _remove_long_seq,
    make_sampling_table,
    pad_sequences,
    skipgrams,
    timeseries_generator_from_json,
)
from graphc.keras.utils import Sequence

ROWS = [[], [5], [6, 7, 8], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 0, 0, 0], [0, 0, 0, 5], [0, 6, 7, 8], [1, 2, 3, 4]]),
        ({"padding": "post"}, [[0, 0, 0, 0], [5, 0, 0, 0], [6, 7, 8, 0], [1, 2, 3, 4]]),
        ({"maxlen": 2}, [[0, 0], [0, 5], [7, 8], [3, 4]]),
        ({"maxlen": 2, "truncating": "post", "value": 9}, [[9, 9], [9, 5], [6, 7], [1, 2]]),
        ({"maxlen": 2, "padding": "post", "value": -1}, [[-1, -1], [5, -1], [7, 8], [3, 4]]),
        ({"maxlen": 0}, [[], [], [], []]),
    ],
)
def test_padding(options: dict[str, Any], expected: list[list[int]]) -> None:
    padded = pad_sequences(ROWS, **options)
    np.testing.assert_array_equal(padded, np.array(expected).reshape(4, -1))
    assert padded.dtype == np.int32


def test_padding_of_steps_that_are_arrays() -> None:
    padded = pad_sequences([[[1, 2]], [[3, 4], [5, 6], [7, 8]]], dtype="float64", value=0.5)
    np.testing.assert_array_equal(padded, [[[0.5, 0.5], [0.5, 0.5], [1, 2]], [[3, 4], [5, 6], [7, 8]]])
    with pytest.raises(ShapeError, match=r"Sequence 1 has steps of shape \(3,\), those before it \(2,\)"):
        pad_sequences([[[1, 2]], [[3, 4, 5]]])


def test_padding_of_texts() -> None:
    np.testing.assert_array_equal(pad_sequences([["a"], ["b", "c"]], dtype=object, value="-"), [["-", "a"], ["b", "c"]])
    assert pad_sequences([["a"], ["b", "cd"]], dtype="U2", value="").tolist() == [["", "a"], ["b", "cd"]]
    with pytest.raises(ValueError, match="use dtype=object"):
        pad_sequences([["a"]], value="-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": [[1]], "padding": "both"}, '`padding` must be "pre" or "post"'),
        ({"sequences": [[1]], "truncating": "no"}, '`truncating` must be "pre" or "post"'),
        ({"sequences": iter([[1]])}, "without a length"),
        ({"sequences": [[1], 2]}, "found the entry 2"),
    ],
)
def test_bad_paddings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_sequences(**arguments)


def test_nothing_to_pad() -> None:
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([[], []], maxlen=3).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_sampling_table() -> None:
    table = make_sampling_table(2000)
    rank = 3
    frequency = 1 / (rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank))
    np.testing.assert_allclose(table[rank], np.sqrt(1e-5 / frequency), rtol=1e-12)
    assert table[0] == table[1] and np.all(np.diff(table[1:]) > 0)
    assert make_sampling_table(9, sampling_factor=1.0).max() == 1


def test_true_skipgrams() -> None:
    couples, labels = skipgrams([3, 0, 5, 7], 8, window_size=1, negative_samples=0, shuffle=False)
    assert (couples, labels) == ([[5, 7], [7, 5]], [1, 1])
    couples, labels = skipgrams([3, 0, 5, 7], 8, window_size=2, negative_samples=0, shuffle=False, categorical=True)
    assert (couples, labels) == ([[3, 5], [5, 3], [5, 7], [7, 5]], [[0, 1]] * 4)
    assert skipgrams([4], 8) == ([], [])


def test_random_skipgrams() -> None:
    words = [1, 2, 3, 4, 5]
    couples, labels = skipgrams(words, 30, window_size=1, negative_samples=2.5, seed=4)
    assert (labels.count(1), labels.count(0)) == (8, 20)
    assert all(abs(a - b) == 1 for (a, b), label in zip(couples, labels) if label)
    assert all(a in words and 1 <= b < 30 for a, b in couples)
    assert labels != sorted(labels, reverse=True)


def test_skipgrams_of_a_seed() -> None:
    def drawn() -> Any:
        random.seed(11)
        return skipgrams([1, 2, 3, 4, 5], 30)

    assert drawn() == drawn()


def test_skipgrams_sample_by_the_table() -> None:
    table = [0, 1, 0, 1]
    couples, _ = skipgrams([1, 2, 3], 4, sampling_table=table, negative_samples=0, shuffle=False)
    assert couples == [[1, 2], [1, 3], [3, 1], [3, 2]]


def test_long_sequences_removed() -> None:
    assert _remove_long_seq(3, [[1, 2], [1, 2, 3], []], ["a", "b", "c"]) == ([[1, 2], []], ["a", "c"])


def series(**options: Any) -> TimeseriesGenerator:
    data = np.arange(24).reshape(12, 2)
    return TimeseriesGenerator(data, np.arange(12) * 10, length=4, **options)


def test_windows_of_a_series() -> None:
    batches = series(batch_size=3)
    assert isinstance(batches, Sequence) and len(batches) == 3
    samples, targets = batches[0]
    assert (samples.shape, samples.dtype, targets.dtype) == ((3, 4, 2), np.float64, np.float64)
    np.testing.assert_array_equal(samples[1], np.arange(24).reshape(12, 2)[1:5])
    np.testing.assert_array_equal(targets, [40, 50, 60])
    assert [len(t) for _, t in batches] == [3, 3, 2]


def test_steps_strides_and_ends() -> None:
    samples, targets = series(sampling_rate=3, stride=2, start_index=1, end_index=9, batch_size=8)[0]
    np.testing.assert_array_equal(samples[:, :, 0], [[2, 8], [6, 12], [10, 16]])
    np.testing.assert_array_equal(targets, [50, 70, 90])
    samples, _ = series(reverse=True, batch_size=1)[0]
    np.testing.assert_array_equal(samples[0, :, 0], [6, 4, 2, 0])


def test_shuffled_windows() -> None:
    batches = series(shuffle=True, batch_size=50)
    np.random.seed(2)
    samples, targets = batches[0]
    np.testing.assert_array_equal(samples[:, -1, 0] + 2, targets / 5)
    assert set(targets) == set(range(40, 120, 10))


def test_series_as_lists() -> None:
    samples, targets = TimeseriesGenerator([1, 2, 3, 4], [5, 6, 7, 8], length=2)[0]
    assert (samples.tolist(), targets.tolist()) == ([[1, 2], [2, 3]], [7, 8])


def test_bad_series() -> None:
    with pytest.raises(ValueError, match="differ in length: 3 and 2"):
        TimeseriesGenerator([1, 2, 3], [1, 2], length=1)
    with pytest.raises(ValueError, match=r"`start_index\+length=13 > end_index=11` is disallowed"):
        series(start_index=9)


def test_series_as_json() -> None:
    batches = series(start_index=2, stride=2, batch_size=2, reverse=True)
    again = timeseries_generator_from_json(batches.to_json(indent=1))
    assert json.loads(batches.to_json())["class_name"] == "TimeseriesGenerator"
    assert again.get_config() == batches.get_config()
    assert len(again) == len(batches) == 2
    for made, expected in zip(again, batches, strict=True):
        np.testing.assert_array_equal(made[0], expected[0])
        np.testing.assert_array_equal(made[1], expected[1])
    with pytest.raises(TypeError, match="The data cannot be written as JSON"):
        TimeseriesGenerator([{1}, {2}], [1, 2], length=1).to_json()
