"""The roofline of this machine: its fastest arithmetic, and its bandwidth for data of several sizes. Measured once."""

from __future__ import annotations

import ctypes
import functools
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.records import as_dict, record
from graphc.runtime import cache
from graphc.runtime.cpu import cpu
from graphc.runtime.symbols import threads

# Bytes of three arrays together that are walked through: in the first cache, the second, the last, and in memory.
_SIZES = (24 << 10, 384 << 10, 6 << 20, 192 << 20)
_REPEATS = 5
_SECONDS = 0.005
_FLOAT_BYTES = 4
# Twelve independent multiply-adds a turn.
_OPERATIONS_PER_LANE = 24


@record
class Peak:
    """What all threads do together: float32 operations a nanosecond (GFLOP/s), and bytes a nanosecond (GB/s).

    `bandwidths` are (bytes of data in use, GB/s), the smallest data first.
    """

    threads: int
    gflops: float
    bandwidths: tuple[tuple[int, float], ...]

    def bandwidth(self, bytes_used: float) -> float:
        """Return the GB/s that data of this size can be moved with."""
        for size, speed in self.bandwidths:
            if bytes_used <= size:
                return speed
        return self.bandwidths[-1][1]

    def least_nanoseconds(self, operations: float, bytes_moved: float) -> float:
        """Return the time that this work takes at least: its arithmetic's or its data's, whichever is longer."""
        return max(operations / self.gflops, bytes_moved / self.bandwidth(bytes_moved))


def measure_peak(text: str, operations_of_turn: int) -> Peak:
    """Return the machine's peak with the present number of threads.

    `text` is the module of `graphc_fma` and `graphc_triad`. Measured in half a second, then kept in the cache.
    """
    count = threads()
    key = cache.entry_key("peak", text, *cpu().fingerprint, str(count))
    known = cache.load_entry(key)
    if known is not None:
        found = json.loads(known)
        return Peak(count, found["gflops"], tuple((size, speed) for size, speed in found["bandwidths"]))
    peak = _measure(text, operations_of_turn, count)
    cache.store_entry(key, json.dumps(as_dict(peak)).encode())
    return peak


def _measure(text: str, operations_of_turn: int, count: int) -> Peak:
    code = cpu().load(cpu().compile(text))
    fma = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.address("graphc_fma"))
    triad = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(code.address("graphc_triad"))
    vector = operations_of_turn // _OPERATIONS_PER_LANE
    sums = [np.zeros(operations_of_turn, np.float32) for _ in range(count)]
    gflops = _fastest([functools.partial(fma, array.ctypes.data) for array in sums], operations_of_turn)
    bandwidths = []
    for size in _SIZES:
        vectors = size // (3 * _FLOAT_BYTES * vector * count)
        arrays = [np.zeros((3, vectors * vector), np.float32) for _ in range(count)]
        walks = [functools.partial(_walk, triad, array, vectors) for array in arrays]
        bandwidths.append((size, _fastest(walks, arrays[0].nbytes)))
    code.release()
    return Peak(count, gflops, tuple(bandwidths))


def _walk(triad: Callable[..., None], arrays: Any, vectors: int, turns: int) -> None:
    a, b, c = (row.ctypes.data for row in arrays)
    for _ in range(turns):
        triad(a, b, c, vectors)


def _fastest(calls: Sequence[Callable[[int], None]], amount: int) -> float:
    """Return how much all calls together do in a nanosecond, at best; `amount` is one call's in one turn."""
    turns = 1
    while min(_seconds(calls, turns) for _ in range(2)) < _SECONDS:
        turns *= 2
    best = min(_seconds(calls, turns) for _ in range(_REPEATS))
    return amount * turns * len(calls) / best / 1e9


def _seconds(calls: Sequence[Callable[[int], None]], turns: int) -> float:
    """Return the time from when the first call starts, each on a thread of its own, to when the last one ends."""
    together = threading.Barrier(len(calls))
    times: list[float] = []

    def work(call: Callable[[int], None]) -> None:
        together.wait()
        start = time.perf_counter()
        call(turns)
        times.extend((start, time.perf_counter()))

    workers = [threading.Thread(target=work, args=(call,)) for call in calls]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(times) - min(times)
