"""CTC against the sum over all alignments, written out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras import backend as K

BATCH, TIME, CLASSES = 3, 5, 4
LENGTHS = np.array([5, 3, 4])


def _probabilities() -> Any:
    raw = np.random.RandomState(3).gamma(0.5, size=(BATCH, TIME, CLASSES)).astype("float32")
    return raw / raw.sum(-1, keepdims=True)


def _collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(c for c, _ in itertools.groupby(path) if c != CLASSES - 1)


def _of_all_alignments(row: Any) -> dict[tuple[int, ...], float]:
    """Return the probability of every sequence of labels for (time, classes)."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(CLASSES), repeat=len(row)):
        labels = _collapsed(path)
        found[labels] = found.get(labels, 0.0) + float(np.prod([row[t, c] for t, c in enumerate(path)]))
    return found


def test_cost_is_that_of_all_alignments_for_sizes_known_at_run_time() -> None:
    labels = np.array([[1, 1, 0], [2, -1, -1], [0, 2, 7]])
    counts = np.array([[3], [1], [2]])
    y_true, y_pred = K.placeholder((None, None)), K.placeholder((None, None, CLASSES))
    lengths = [K.placeholder((None, 1), dtype="int32") for _ in range(2)]
    cost = K.ctc_batch_cost(y_true, y_pred, *lengths)
    probabilities = _probabilities()
    (values,) = K.function([y_true, y_pred, *lengths], [cost])([labels, probabilities, LENGTHS[:, None], counts])
    for i in range(BATCH):
        exact = _of_all_alignments(probabilities[i, : LENGTHS[i]])[tuple(labels[i, : counts[i, 0]])]
        np.testing.assert_allclose(values[i, 0], -np.log(exact), rtol=1e-4)


def test_cost_of_no_labels_and_of_labels_that_do_not_fit() -> None:
    probabilities = _probabilities()[:2]
    cost = K.ctc_batch_cost(
        K.constant([[0, 0, 0], [1, 1, 1]]), K.constant(probabilities), K.constant([[5], [4]]), K.constant([[0], [3]])
    )
    values = K.eval(cost)
    np.testing.assert_allclose(values[0, 0], -np.log(probabilities[0, :, -1]).sum(), rtol=1e-4)
    assert values[1, 0] == np.inf


def test_cost_falls_in_training() -> None:
    weights = K.variable(np.zeros((BATCH, TIME, CLASSES)))
    cost = K.sum(K.ctc_batch_cost(K.constant([[1, 0], [2, 2], [0, 1]]), K.softmax(weights),
                                  K.constant(LENGTHS[:, None]), K.constant([[2], [2], [1]])))  # fmt: skip
    (gradient,) = K.gradients(cost, [weights])
    step = K.function([], [cost], [K.update_sub(weights, 0.5 * gradient)])  # type: ignore[operator]
    first, *_, last = [step([])[0] for _ in range(50)]
    assert last < 0.2 * first
    labels, _ = K.ctc_decode(K.softmax(weights), K.constant(LENGTHS))
    np.testing.assert_array_equal(K.eval(labels[0]), [[1, 0], [2, 2], [0, -1]])


@pytest.mark.parametrize("dtype,tolerance", [("float16", 2e-2), ("float64", 1e-6)])
def test_other_precisions(dtype: str, tolerance: float) -> None:
    probabilities = _probabilities()
    costs = [
        K.eval(K.ctc_batch_cost(K.constant([[1], [2], [0]]), K.constant(probabilities, kind), *lengths))
        for kind in ("float32", dtype)
        for lengths in [(K.constant(LENGTHS[:, None]), K.constant([[1], [1], [1]]))]
    ]
    np.testing.assert_allclose(costs[1], costs[0], rtol=tolerance)


def test_best_path() -> None:
    probabilities = _probabilities()
    (labels,), scores = K.ctc_decode(K.constant(probabilities), K.constant(LENGTHS))
    decoded = K.eval(labels)
    best = [_collapsed(tuple(row[:n].argmax(-1))) for row, n in zip(probabilities, LENGTHS)]
    assert decoded.dtype == np.int64
    assert decoded.shape == (BATCH, max(map(len, best)))
    assert [tuple(row[row >= 0]) for row in decoded] == best
    exact = [-np.log(row[:n].max(-1)).sum() for row, n in zip(probabilities, LENGTHS)]
    np.testing.assert_allclose(K.eval(scores)[:, 0], exact, rtol=1e-4)


def test_a_wide_beam_finds_the_likeliest_labels() -> None:
    probabilities, paths = _probabilities(), 3
    labels, scores = K.ctc_decode(
        K.constant(probabilities), K.constant(LENGTHS), False, beam_width=400, top_paths=paths
    )
    found = [K.eval(x) for x in labels]
    values = K.eval(scores)
    for i, length in enumerate(LENGTHS):
        row = probabilities[i, :length]
        exact = sorted(_of_all_alignments(row).items(), key=lambda item: -item[1])[:paths]
        for path, (sequence, probability) in enumerate(exact):
            given = found[path][i]
            assert tuple(given[given >= 0]) == tuple(c for c, _ in itertools.groupby(sequence))
            np.testing.assert_allclose(values[i, path], np.log(probability) - np.log(row.max(-1)).sum(), rtol=1e-3)


def test_a_beam_joins_the_ways_to_a_prefix() -> None:
    # The best single path is blank alone; label 0 is likelier over all its paths.
    row = np.array([[[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]]], "float32")
    labels, scores = K.ctc_decode(K.constant(row), K.constant([2]), greedy=False, beam_width=2)
    np.testing.assert_array_equal(K.eval(labels[0]), [[0]])
    np.testing.assert_allclose(K.eval(scores), [[np.log(0.64 / 0.36)]], rtol=1e-4)


def test_labels_are_padded_by_their_length() -> None:
    dense = K.ctc_label_dense_to_sparse(K.constant([[3, 1, 2], [2, 0, 5]], dtype="int32"), K.constant([2, 3]))
    np.testing.assert_array_equal(K.eval(dense), [[3, 1, -1], [2, 0, 5]])


def test_errors() -> None:
    with pytest.raises(ShapeError, match="top_paths=3 must be from 1 to beam_width=2"):
        K.ctc_decode(K.constant(_probabilities()), K.constant(LENGTHS), greedy=False, beam_width=2, top_paths=3)
    with pytest.raises(ShapeError, match="known number of classes"):
        K.ctc_decode(K.placeholder((None, None, None)), K.constant(LENGTHS))
