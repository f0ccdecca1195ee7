"""First values of weights, drawn once and on the host: for a seed, the numbers that TensorFlow 1 draws for it.

Keras 2.2.4 seeds its initializers from `np.random`, and TensorFlow draws from Philox 4x32-10 with the key 87654321
(its default graph seed) and the op's seed in the upper half of the counter; so a script that calls `np.random.seed`
starts here from the weights that it started from there (up to the rounding of log, sin and cos).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc import dtypes
from graphc.graph import FirstValue
from graphc.keras.backend.common import floatx
from graphc.keras.backend.sampling_programs import COUNTERS_OF_GROUP, CUT, Distribution, sampling_program
from graphc.ops import philox
from graphc.records import record

Array = np.ndarray[Any, Any]
# Numbers from which on a compiled program draws them, ten times as fast as NumPy.
LEAST_COMPILED = 1 << 17
# Counters among whose 64 numbers every group has four inside.
_COUNTERS_ENOUGH = 16
_GRAPH_SEED = 87654321


def draw_seed(seed: int | None, limit: int = 10**7) -> int:
    """Return the seed; for None one below `limit` drawn from `np.random`, whose own seed then decides all."""
    return int(np.random.randint(limit)) if seed is None else int(seed)


def sample_uniform(shape: Sequence[int], low: float, high: float, dtype: str | None, seed: int) -> Array:
    """Return numbers uniform in [low, high), of 23 random bits."""
    return Draw("uniform", tuple(shape), high - low, low, seed).array(dtype)


def sample_normal(shape: Sequence[int], mean: float, stddev: float, dtype: str | None, seed: int) -> Array:
    """Return normal numbers, by the method of Box and Muller."""
    return Draw("normal", tuple(shape), stddev, mean, seed).array(dtype)


def sample_truncated_normal(shape: Sequence[int], mean: float, stddev: float, dtype: str | None, seed: int) -> Array:
    """Return normal numbers, drawn again where they are two standard deviations or more from the mean."""
    return Draw("truncated", tuple(shape), stddev, mean, seed).array(dtype)


@record
class Draw(FirstValue):
    """Numbers of a distribution, times `scale`, plus `shift`."""

    distribution: Distribution
    shape: tuple[int, ...]
    scale: float
    shift: float
    seed: int

    @property
    def is_large(self) -> bool:
        """Tell whether a compiled program draws them: then they may wait until somebody needs them."""
        return math.prod(self.shape) >= LEAST_COMPILED and not self.seed >> 32

    def array(self, dtype: str | None = None) -> Array:
        """Return the numbers."""
        return self._numbers().astype(dtypes.numpy_dtype(dtype or floatx()), copy=False)

    def fill(self, storage: Array) -> None:
        """Write the numbers."""
        storage[...] = self._numbers()

    def _numbers(self) -> Array:
        """Return them as float32; draws come in fours, and group i is for the elements from 4 i."""
        size = math.prod(self.shape)
        groups = (size + 3) // 4
        if self.is_large:
            drawn = _compiled_sample(self.distribution, groups, self.scale, self.shift, self.seed)
        else:
            numbers = _DRAWS[self.distribution](np.arange(groups), self.seed)
            drawn = numbers * np.float32(self.scale) + np.float32(self.shift)
        return drawn.reshape(-1)[:size].reshape(self.shape)


def _compiled_sample(distribution: Distribution, groups: int, scale: float, shift: float, seed: int) -> Array:
    key = np.array([_GRAPH_SEED, 0, seed, 0], np.uint32)
    drawn, fewest = sampling_program(distribution)(
        np.empty(groups, np.uint8), key, np.array(scale, np.float32), np.array(shift, np.float32)
    )
    if fewest < 4:
        lacking = np.flatnonzero(np.isnan(drawn[:, -1]))
        found, _ = _first_inside(lacking, seed, _COUNTERS_ENOUGH)
        drawn[lacking] = found * np.float32(scale) + np.float32(shift)
    return np.asarray(drawn)


def _truncated_normal(groups: Array, seed: int) -> Array:
    normal, count = _first_inside(groups, seed, counters=1)
    # Five of six groups have four at once, and nearly all have them among eight.
    for counters in (2, _COUNTERS_ENOUGH):
        lacking = np.flatnonzero(count < 4)
        if not lacking.size:
            break
        normal[lacking], count[lacking] = _first_inside(groups[lacking], seed, counters)
    return normal


def _first_inside(groups: Array, seed: int, counters: int) -> tuple[Array, Array]:
    """Return each group's first four normal numbers inside the cut, and how many its first `counters` gave."""
    positions = groups[:, np.newaxis] * COUNTERS_OF_GROUP + np.arange(counters)
    candidates = _box_muller(_words(positions, seed)).reshape(len(groups), 4 * counters)
    is_inside = np.abs(candidates) < CUT
    count = np.zeros(len(groups), np.int8)
    # Column by column: a sum along so short an axis takes longer.
    for column in is_inside.T:
        column &= count < 4
        count += column
    if counters == 1:
        return candidates, count
    first = candidates[:, :4].copy()
    has_four = count == 4
    first[has_four] = candidates[is_inside & has_four[:, np.newaxis]].reshape(-1, 4)
    return first, count


def _words(counters: Array, seed: int) -> Array:
    """Return the four uint32 words of each counter, in a new last axis."""
    position = counters.astype(np.uint64)
    low, high = (np.full_like(position, seed >> shift & 0xFFFFFFFF) for shift in (0, 32))
    counter = (position & np.uint64(0xFFFFFFFF), position >> np.uint64(32), low, high)
    key = np.asarray([_GRAPH_SEED, 0], np.uint64)
    return np.stack(philox(counter, (key[:1], key[1:])), axis=-1)


def _unit(words: Array) -> Array:
    """Return float32 numbers in [0, 1): the lower 23 bits as the fraction of a number in [1, 2), less one."""
    bits = words & np.uint32(0x7FFFFF) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1.0)


def _box_muller(words: Array) -> Array:
    """Return two normal numbers for each pair of words along the last axis."""
    unit = _unit(np.ascontiguousarray(words))
    radius = np.sqrt(np.float32(-2.0) * np.log(np.maximum(unit[..., 0::2], np.float32(1e-7))))
    angle = np.float32(2.0 * math.pi) * unit[..., 1::2]
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=-1).reshape(words.shape)


_DRAWS: dict[Distribution, Callable[[Array, int], Array]] = {
    "uniform": lambda groups, seed: _unit(_words(groups, seed)),
    "normal": lambda groups, seed: _box_muller(_words(groups, seed)),
    "truncated": _truncated_normal,
}
