"""Memory: one arena for all temporaries. A place is used again once every reader of its buffer has passed a barrier."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence

from graphc import dtypes
from graphc.loopir import Buffer, Launch, Loop, Step
from graphc.records import record, replace
from graphc.symbolic import Dim, Polynomial, add, ceildiv, multiply

ALIGNMENT = 64


def place_temporaries(
    buffers: Mapping[str, Buffer], depths: Mapping[str, int], steps: Sequence[Step]
) -> tuple[tuple[Buffer, ...], Dim, int]:
    """Return the buffers, temporary and private ones with their slots, the bytes of the arena, and a thread's own.

    `depths[name]` is how many loops are around the program that a temporary belongs to. One that belongs to a loop's
    body lives within an iteration, where threads wait for each other; others that a loop uses live as long as it runs.
    """
    lifetimes = _Lifetimes(depths)
    lifetimes.add(steps, 0)
    temporaries, private = ([b for b in buffers.values() if b.role == role] for role in ("temporary", "private"))
    offsets, arena = plan_memory(temporaries, lifetimes.of)
    own_offsets, own = plan_memory(private, lifetimes.of)
    assert isinstance(own, int)
    offsets |= own_offsets
    placed = tuple(replace(b, slot=offsets[b.name]) if b.name in offsets else b for b in buffers.values())
    return placed, arena, own


class _Lifetimes:
    """First and last phase in which each buffer is used. Barriers part phases: launches between two may run at once."""

    def __init__(self, depths: Mapping[str, int]) -> None:
        self.of: dict[str, tuple[int, int]] = {}
        self._depths = depths
        self._phase = 0

    def add(self, steps: Sequence[Step], depth: int) -> set[str]:
        """Add what steps inside `depth` loops use; return its names."""
        used: set[str] = set()
        for step in steps:
            match step:
                case Launch():
                    self._phase += step.barrier
                    names = {name for place in step.places for name in place.buffers}
                    for name in names:
                        self._use(name, self._phase)
                case Loop():
                    self._phase += 1
                    start = self._phase
                    names = self.add(step.steps, depth + 1)
                    for name in names:
                        # Where threads run rows on their own, they are in different iterations at a time.
                        if self._depths.get(name, 0) <= depth or step.rows is not None:
                            self._use(name, start)
                            self._use(name, self._phase)
            used |= names
        return used

    def _use(self, name: str, phase: int) -> None:
        first, last = self.of.get(name, (phase, phase))
        self.of[name] = min(first, phase), max(last, phase)


def plan_memory(temporaries: Sequence[Buffer], lifetimes: dict[str, tuple[int, int]]) -> tuple[dict[str, Dim], Dim]:
    """Return the byte offset of each temporary and the size of the arena.

    `lifetimes[name]` is (first phase written, last phase read), phases being separated by barriers. Sizes may be
    symbolic: those that are multiples of one unit (so many bytes a row of the batch) share a part of the arena, where
    their places are integers.
    """
    parts: dict[Dim, list[_Request]] = {}
    for buffer in temporaries:
        unit, count = _in_units(_aligned(multiply(buffer.size, dtypes.itemsize(buffer.dtype))))
        parts.setdefault(unit, []).append(_Request(buffer.name, count, *lifetimes[buffer.name]))
    offsets: dict[str, Dim] = {}
    total: Dim = 0
    for unit, requests in parts.items():
        places, size = _pack(requests)
        offsets |= {name: add(total, multiply(place, unit)) for name, place in places.items()}
        total = add(total, multiply(size, unit))
    return offsets, total


@record
class _Request:
    """A temporary: its size in units, and the phases from the first to the last in which it is used."""

    name: str
    size: int
    first: int
    last: int


def _in_units(size: Dim) -> tuple[Dim, int]:
    """Return the unit that a size is a multiple of, and how many it is."""
    if isinstance(size, int):
        return 1, size
    count = math.gcd(*size.terms.values())
    return Polynomial({factors: bytes_ // count for factors, bytes_ in size.terms.items()}), count


def _pack(requests: Sequence[_Request]) -> tuple[dict[str, int], int]:
    """Return a place for each request, and where the last one ends.

    The largest come first, each at the lowest place where nothing lies that is used in its time.
    """
    placed: list[tuple[int, int, _Request]] = []
    for request in sorted(requests, key=lambda r: -r.size):
        start = 0
        for low, high, other in placed:
            if other.first > request.last or request.first > other.last:
                continue
            if low - start >= request.size:
                break
            start = max(start, high)
        bisect.insort(placed, (start, start + request.size, request), key=lambda p: p[:2])
    return {r.name: start for start, _, r in placed}, max((high for _, high, _ in placed), default=0)


def _aligned(size: Dim) -> Dim:
    """Return a multiple of the alignment that is not less than `size`.

    Where it costs little, so many bytes a row of the batch: offsets stay short sums, which are quick to compare and to
    compute at each call.
    """
    if isinstance(size, Polynomial) and min(size.terms.values()) >= 16 * ALIGNMENT:
        return Polynomial({factors: -(-bytes_ // ALIGNMENT) * ALIGNMENT for factors, bytes_ in size.terms.items()})
    return multiply(ceildiv(size, ALIGNMENT), ALIGNMENT)
