"""The compiled programs that draw the first values of large weights: `sampling` says which numbers, and draws few."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import graphc
from graphc import ops
from graphc.graph import Node, constant
from graphc.symbolic import Dim

Distribution = Literal["uniform", "normal", "truncated"]
# Where truncated numbers are cut off, in standard deviations.
CUT = 2.0
# A group of four truncated numbers owns 256 counters, so that rejections in one group do not move the next; among the
# eight numbers of two, nearly every group has its four.
COUNTERS_OF_GROUP = 256
_COUNTERS_TRIED = 2


@functools.cache
def sampling_program(distribution: Distribution) -> Callable[..., list[Any]]:
    """Return the program of a distribution.

    Its arguments are an array with an element for each group of four numbers, the key and the upper half of the counter
    (uint32[4]), a scale and a shift (float32). It gives the numbers, float32 (groups, 4), NaN where a group has too
    few, and the fewest that a group has.
    """
    # A byte each: what is in them is not read.
    groups, key = graphc.placeholder((None,), "uint8", "groups"), graphc.placeholder((4,), "uint32", "key")
    scale, shift = graphc.placeholder((), name="scale"), graphc.placeholder((), name="shift")
    size = groups.shape[0]
    fewest: Any = constant(4, "int32")
    if distribution == "uniform":
        columns = [_unit(word) for word in _words(size, key)]
    elif distribution == "normal":
        columns = _box_muller(_words(size, key))
    else:
        candidates = [x for c in range(_COUNTERS_TRIED) for x in _box_muller(_words(size, key, c, COUNTERS_OF_GROUP))]
        columns, count = _first_inside(candidates)
        fewest = ops.min(count)
    numbers = ops.stack([x * scale + shift for x in columns], axis=-1)
    with graphc.device("cpu"):
        program: Callable[..., list[Any]] = graphc.function(
            [groups, key, scale, shift], [numbers, fewest], name=f"sample_{distribution}", nan_guard=False
        )
    return program


def _words(size: Dim, key: Node, first: int = 0, step: int = 1) -> list[Node]:
    return [ops.random_bits((size,), key, 0, word, first, step) for word in range(4)]


def _unit(word: Node) -> Node:
    return ops.cast(ops.bitwise_and(word, 0x7FFFFF), "float32") * 2.0**-23


def _box_muller(words: Sequence[Node]) -> list[Node]:
    """Return two normal numbers for each pair of words."""
    found = []
    for first, second in (words[:2], words[2:]):
        radius = ops.sqrt(ops.log(ops.maximum(_unit(first), 1e-7)) * -2.0)
        angle = _unit(second) * (2.0 * math.pi)
        found += [ops.sin(angle) * radius, ops.cos(angle) * radius]
    return found


def _first_inside(candidates: Sequence[Node]) -> tuple[list[Node], Node]:
    """Return the first four of the candidates inside the cut, NaN for those that are not there, and how many are."""
    count: Any = constant(0, "int32")
    columns: list[Any] = [constant(math.nan, "float32")] * 4
    for x in candidates:
        is_inside = ops.less(ops.absolute(x), CUT)
        columns = [
            ops.where(ops.logical_and(is_inside, ops.equal(count, position)), x, column)
            for position, column in enumerate(columns)
        ]
        count = count + ops.cast(is_inside, "int32")
    return columns, count
