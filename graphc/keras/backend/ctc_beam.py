"""The search for the likeliest labels of connectionist temporal classification, with a beam of prefixes."""

from __future__ import annotations

from typing import NamedTuple

import graphc
from graphc import ops
from graphc.graph import Node
from graphc.keras.backend.log_space import IMPOSSIBLE, add_logarithms

# Prefixes are compared by a number: that of a prefix with one more label is this multiple plus the label.
_MULTIPLIER = 6364136223846793005


class _Beam(NamedTuple):
    """The likeliest prefixes so far, (batch, beam) each, best first; empty places are IMPOSSIBLE.

    `blank` and `label`: the logarithms of the probability of all alignments that end in a blank, and in the last
    label; `last`: that label, -1 of the empty prefix; `labels` (batch, beam, time): the prefix, -1 behind its `length`.
    """

    blank: Node
    label: Node
    last: Node
    length: Node
    number: Node
    labels: Node

    @property
    def total(self) -> Node:
        """The logarithm of the probability of all alignments."""
        return add_logarithms(self.blank, self.label)


def search_beam(logits: Node, running: Node, width: int, classes: int) -> tuple[Node, Node]:
    """Return (labels (batch, beam, time), scores (batch, beam)) of the best prefixes, best first.

    `logits` (batch, time, classes) count from the best class of each step; `running` (time, batch) tells which steps
    count. The last class is the blank.
    """
    relative = ops.swapaxes(logits - ops.max(logits, 2, keepdims=True), 0, 1)

    def step(now: Node, is_running: Node, *values: Node) -> tuple[list[Node], list[Node]]:
        after = _extended(_Beam(*values), now, width, classes - 1)
        rows = [ops.reshape(is_running, (-1, *(1,) * (n.rank - 1))) for n in values]
        return [ops.where(row, new, old) for row, new, old in zip(rows, after, values)], []

    finals, _ = graphc.scan(step, [relative, running], _first_beam(logits, width))
    beam = _Beam(*finals)
    return beam.labels, beam.total


def _first_beam(logits: Node, width: int) -> _Beam:
    """Return the beam of the empty prefix alone."""
    shape = (logits.shape[0], width)
    is_first = ops.equal(ops.arange(width, dtype="int32"), 0)
    certain = ops.cast(ops.broadcast_to(ops.where(is_first, 0.0, IMPOSSIBLE), shape), logits.dtype)
    return _Beam(
        blank=certain,
        label=ops.full(shape, IMPOSSIBLE, logits.dtype),
        last=ops.full(shape, -1, "int32"),
        length=ops.full(shape, 0, "int32"),
        number=ops.full(shape, 0, "int64"),
        labels=ops.full((*shape, logits.shape[1]), -1, "int32"),
    )


def _extended(beam: _Beam, scores: Node, width: int, labels: int) -> _Beam:
    """Return the beam after a step of these scores (batch, labels + 1): of its prefixes and all with one label more."""
    is_possible = ops.greater(beam.total, IMPOSSIBLE / 2)
    # Axes from here on: (batch, prefix, the prefix before it or the one that is made longer).
    longer, shorter = (_Beam(*(ops.expand_dims(n, axis) for n in beam)) for axis in (2, 1))
    is_parent = ops.logical_and(
        ops.equal(longer.number, shorter.number * _MULTIPLIER + ops.cast(longer.last, "int64") + 1),
        ops.logical_and(ops.equal(longer.length, shorter.length + 1), ops.expand_dims(is_possible, 1)),
    )
    # A label follows itself only after a blank: without one it is the same label still.
    before = ops.where(ops.equal(longer.last, shorter.last), shorter.blank, shorter.total)
    from_parent = ops.max(ops.where(is_parent, before, IMPOSSIBLE), 2)
    of_last = ops.take_along_axis(scores, ops.maximum(beam.last, 0), 1)
    label = add_logarithms(beam.label, from_parent) + of_last
    blank = beam.total + scores[:, -1:]
    # Axes: (batch, prefix, label added); prefixes that are in the beam already are none of them.
    added = ops.arange(labels, dtype="int32")
    onto = ops.where(ops.equal(ops.expand_dims(beam.last, 2), added), longer.blank, longer.total)
    is_new_label = ops.not_equal(ops.expand_dims(longer.last, 3), added)
    is_known = ops.any(ops.logical_and(ops.expand_dims(is_parent, 3), ops.logical_not(is_new_label)), 1)
    extended = ops.where(is_known, IMPOSSIBLE, onto + ops.expand_dims(scores[:, :-1], 1))
    everything = ops.concatenate([add_logarithms(blank, label), ops.reshape(extended, (-1, width * labels))], 1)
    best, places = ops.top_k(everything, width)
    # Of equal scores the prefixes of the beam come first: they are the first places.
    is_own = ops.less(places, width)
    source = ops.where(is_own, places, ops.floor_divide(places - width, labels))
    return _chosen(beam._replace(blank=blank, label=label), is_own, source, ops.remainder(places - width, labels), best)


def _chosen(beam: _Beam, is_own: Node, source: Node, added: Node, best: Node) -> _Beam:
    """Return the beam of the prefixes at `source`: as they are where `is_own`, elsewhere with the label added."""

    def of_source(n: Node) -> Node:
        return ops.take_along_axis(n, source, 1)

    length, number = of_source(beam.length), of_source(beam.number)
    prefixes = ops.take_along_axis(beam.labels, ops.expand_dims(source, 2), 1)
    is_end = ops.equal(ops.arange(prefixes.shape[2], dtype="int32"), ops.expand_dims(length, 2))
    is_written = ops.logical_and(is_end, ops.logical_not(ops.expand_dims(is_own, 2)))
    return _Beam(
        blank=ops.where(is_own, of_source(beam.blank), IMPOSSIBLE),
        label=ops.where(is_own, of_source(beam.label), best),
        last=ops.where(is_own, of_source(beam.last), added),
        length=ops.where(is_own, length, length + 1),
        number=ops.where(is_own, number, number * _MULTIPLIER + ops.cast(added, "int64") + 1),
        labels=ops.where(is_written, ops.expand_dims(added, 2), prefixes),
    )
