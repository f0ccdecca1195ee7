"""First values of weights, drawn once and on the host: for a seed, the numbers that TensorFlow 1 draws for it.

Keras 2.2.4 seeds its initializers from `np.random`, and TensorFlow draws from Philox 4x32-10 with the key 87654321
(its default graph seed) and the op's seed in the upper half of the counter; so a script that calls `np.random.seed`
starts here from the weights that it started from there (up to the rounding of log, sin and cos).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes
from graphc.keras.backend.common import floatx
from graphc.ops import philox

Array = np.ndarray[Any, Any]
_GRAPH_SEED = 87654321
_CUT = 2.0
# A group of four truncated numbers owns 256 counters, so that rejections in one group do not move the next.
_COUNTERS_OF_GROUP = 256


def draw_seed(seed: int | None, limit: int = 10**7) -> int:
    """Return the seed; for None one below `limit` drawn from `np.random`, whose own seed then decides all."""
    return int(np.random.randint(limit)) if seed is None else int(seed)


def sample_uniform(shape: Sequence[int], low: float, high: float, dtype: str | None, seed: int) -> Array:
    """Return numbers uniform in [low, high), of 23 random bits."""
    size = math.prod(shape)
    unit = _unit(_words(np.arange(-(-size // 4)), seed).reshape(-1)[:size])
    return _finished(unit * np.float32(high - low) + np.float32(low), shape, dtype)


def sample_normal(shape: Sequence[int], mean: float, stddev: float, dtype: str | None, seed: int) -> Array:
    """Return normal numbers, by the method of Box and Muller."""
    size = math.prod(shape)
    normal = _box_muller(_words(np.arange(-(-size // 4)), seed)).reshape(-1)[:size]
    return _finished(normal * np.float32(stddev) + np.float32(mean), shape, dtype)


def sample_truncated_normal(shape: Sequence[int], mean: float, stddev: float, dtype: str | None, seed: int) -> Array:
    """Return normal numbers, drawn again where they are two standard deviations or more from the mean."""
    size = math.prod(shape)
    groups = np.arange(-(-size // 4))
    normal, count = _first_inside(groups, seed, counters=2)
    lacking = groups[count < 4]
    normal[lacking], _ = _first_inside(lacking, seed, counters=16)
    return _finished(normal.reshape(-1)[:size] * np.float32(stddev) + np.float32(mean), shape, dtype)


def _first_inside(groups: Array, seed: int, counters: int) -> tuple[Array, Array]:
    """Return each group's first four normal numbers inside the cut, and how many its first `counters` gave."""
    positions = groups[:, np.newaxis] * _COUNTERS_OF_GROUP + np.arange(counters)
    candidates = _box_muller(_words(positions, seed)).reshape(len(groups), 4 * counters)
    is_inside = np.abs(candidates) < _CUT
    # A stable sort brings the accepted ones to the front, in the order they were drawn in.
    order = np.argsort(~is_inside, axis=1, kind="stable")[:, :4]
    return np.take_along_axis(candidates, order, 1), is_inside.sum(1)


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


def _finished(values: Array, shape: Sequence[int], dtype: str | None) -> Array:
    return values.reshape(tuple(shape)).astype(dtypes.numpy_dtype(dtype or floatx()))
