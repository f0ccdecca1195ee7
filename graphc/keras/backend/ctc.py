"""Connectionist temporal classification (Graves et al., 2006): the loss of unaligned labels, and the best labels.

The last class is the blank, which stands for no label.
"""

from __future__ import annotations

from typing import Any

import graphc
from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node
from graphc.keras.backend.common import epsilon
from graphc.keras.backend.ctc_beam import search_beam
from graphc.keras.backend.function import when_fetched
from graphc.keras.backend.log_space import IMPOSSIBLE, add_logarithms
from graphc.keras.backend.tensor import Tensor, as_node


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Tensor:
    """Return the labels (batch, length) with -1 from each row's `label_lengths` on. Values are dense here."""
    n = as_node(labels)
    counts = ops.reshape(ops.cast(as_node(label_lengths), "int32"), (-1, 1))
    return Tensor(ops.where(ops.less(ops.arange(n.shape[1], dtype="int32"), counts), n, -1))


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Tensor:
    """Return (batch, 1): minus the logarithm of the probability of each row's labels.

    `y_true` (batch, labels) holds classes, `y_pred` (batch, time, classes) probabilities (scaled here to a sum of 1),
    `input_length` and `label_length` (batch, 1) how much of them counts. Labels that do not fit into the time have an
    infinite loss. The probability is that of all alignments: steps may repeat a label, and blanks may stand between.
    """
    logits = ops.log_softmax(_logarithms(y_pred), -1)
    states = _states(ops.cast(as_node(y_true), "int32"), _classes(logits) - 1)
    scores = ops.swapaxes(ops.take_along_axis(logits, ops.expand_dims(states, 1), 2), 0, 1)
    final = _forward(scores, _may_skip(states), _running(input_length, logits.shape[1]))
    last = ops.reshape(ops.cast(as_node(label_length), "int32") * 2, (-1, 1))
    ends = ops.take_along_axis(final, ops.concatenate([last, ops.maximum(last - 1, 0)], 1), 1)
    without_labels = ops.equal(last, 0)
    total = add_logarithms(ends[:, :1], ops.where(without_labels, IMPOSSIBLE, ends[:, 1:]))
    return Tensor(ops.where(ops.less(total, IMPOSSIBLE / 2), float("inf"), -total))


def _logarithms(probabilities: Any) -> Node:
    n = as_node(probabilities)
    # Half precision has no number for the logarithm of what is impossible.
    return ops.log((n if n.dtype == "float64" else ops.cast(n, "float32")) + epsilon())


def _classes(logits: Node) -> int:
    """Return the number of classes. Raises ShapeError where it is known at run time only."""
    count = logits.shape[-1]
    if not isinstance(count, int) or logits.rank != 3:
        raise ShapeError(f"CTC takes (batch, time, classes) with a known number of classes, not {logits.type}")
    return count


def _states(labels: Node, blank: int) -> Node:
    """Return (batch, 2 * labels + 1): the labels with blanks before, between and after them."""
    known = ops.maximum(labels, 0)
    blanks = ops.full_like(known, blank)
    pairs = ops.reshape(ops.stack([blanks, known], 2), (known.shape[0], 2 * known.shape[1]))
    return ops.concatenate([pairs, ops.full((known.shape[0], 1), blank, "int32")], 1)


def _may_skip(states: Node) -> Node:
    """Tell which states can follow the state two before: labels other than the label before them."""
    before = ops.pad(states, ((0, 0), (2, 0)))[:, : states.shape[1]]
    place = ops.arange(states.shape[1], dtype="int32")
    is_label = ops.equal(ops.remainder(place, 2), 1)
    return ops.logical_and(is_label, ops.logical_or(ops.less(place, 2), ops.not_equal(states, before)))


def _running(lengths: Any, steps: Any) -> Node:
    """Return (time, batch): whether a step counts."""
    counts = ops.reshape(ops.cast(as_node(lengths), "int32"), (1, -1))
    return ops.less(ops.reshape(ops.arange(steps, dtype="int32"), (-1, 1)), counts)


def _forward(scores: Node, may_skip: Node, running: Node) -> Node:
    """Return the log probability of each state at the end; `scores` (time, batch, states) are those of the steps."""
    count = may_skip.shape[1]
    # Before the first step stands the first blank: from it both the first blank and the first label are reached.
    start = ops.where(ops.equal(ops.arange(count, dtype="int32"), 0), 0.0, IMPOSSIBLE)
    initial = ops.broadcast_to(ops.cast(start, scores.dtype), may_skip.shape)

    def step(now: Node, is_running: Node, alpha: Node) -> tuple[list[Node], list[Node]]:
        padded = ops.pad(alpha, ((0, 0), (2, 0)), IMPOSSIBLE)
        skipped = ops.where(may_skip, padded[:, :count], IMPOSSIBLE)
        reached = add_logarithms(alpha, padded[:, 1 : count + 1], skipped) + now
        return [ops.where(ops.expand_dims(is_running, 1), reached, alpha)], []

    (final,), _ = graphc.scan(step, [scores, running], [initial])
    return final


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Tensor], Tensor]:
    """Return ([labels, ...], scores) of the likeliest labels for probabilities (batch, time, classes).

    `input_length` (batch,) says how many steps count. Labels are int64 (batch, length), -1 behind the end of a row;
    K.function cuts them to the longest row, while for other tensors they are as long as the time.

    `greedy` takes the best class of each step, without repetitions and blanks: one result, and the scores (batch, 1)
    are minus the sums of the logarithms. Else a beam of `beam_width` prefixes is searched for the `top_paths` best
    labels, and the scores (batch, top_paths) are their log probabilities relative to the best classes of each step;
    labels that repeat one after the other are given once, as Keras's TensorFlow backend gives them.
    Raises ShapeError where `top_paths` is above `beam_width`.
    """
    logits = _logarithms(y_pred)
    classes = _classes(logits)
    running = _running(input_length, logits.shape[1])
    if greedy:
        labels, scores = _best_path(logits, ops.swapaxes(running, 0, 1), classes - 1)
        return [_fetched_short(labels)], Tensor(scores)
    if not 1 <= top_paths <= beam_width:
        raise ShapeError(f"K.ctc_decode: top_paths={top_paths} must be from 1 to beam_width={beam_width}")
    prefixes, scores = search_beam(logits, running, beam_width, classes)
    paths = (prefixes[:, path] for path in range(top_paths))
    return [_fetched_short(_packed(p, _starts(p, -1))) for p in paths], Tensor(scores[:, :top_paths])


def _best_path(logits: Node, running: Node, blank: int) -> tuple[Node, Node]:
    best = ops.where(running, ops.cast(ops.argmax(logits, 2), "int32"), blank)
    sums = ops.sum(ops.where(running, ops.max(logits, 2), 0.0), 1, keepdims=True)
    return _packed(best, _starts(best, blank)), -sums


def _starts(labels: Node, blank: int) -> Node:
    """Tell which labels are neither blank nor the same as the one before."""
    before = ops.pad(labels, ((0, 0), (1, 0)), -2)[:, : labels.shape[1]]
    return ops.logical_and(ops.not_equal(labels, before), ops.not_equal(labels, blank))


def _packed(labels: Node, kept: Node) -> Node:
    """Return the labels kept, int64, at the start of each row, -1 behind them."""
    place = ops.where(kept, ops.cumsum(ops.cast(kept, "int32"), 1) - 1, -1)
    targets = ops.arange(labels.shape[1], dtype="int32")
    is_here = ops.equal(ops.expand_dims(place, 1), ops.reshape(targets, (-1, 1)))
    return ops.cast(ops.max(ops.where(is_here, ops.expand_dims(labels, 1), -1), 2), "int64")


def _fetched_short(labels: Node) -> Tensor:
    when_fetched(labels, lambda array: array[:, : (array >= 0).any(0).sum()])
    return Tensor(labels)
