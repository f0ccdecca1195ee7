"""Memory: one arena for all temporaries. A slot is used again once every reader of its buffer has passed a barrier."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphc import dtypes
from graphc.loopir import Buffer, Launch, Loop, Step
from graphc.symbolic import Dim, Polynomial, add, ceildiv, is_nonnegative, multiply

ALIGNMENT = 64


def place_temporaries(
    buffers: Mapping[str, Buffer], depths: Mapping[str, int], steps: Sequence[Step]
) -> tuple[tuple[Buffer, ...], Dim]:
    """Return the buffers, temporaries with their slots, and the bytes of the arena.

    `depths[name]` is how many loops are around the program that a temporary belongs to. One that belongs to a loop's
    body lives within an iteration, where threads wait for each other; others that a loop uses live as long as it runs.
    """
    lifetimes = _Lifetimes(depths)
    lifetimes.add(steps, 0)
    temporaries = [b for b in buffers.values() if b.role == "temporary"]
    offsets, arena = plan_memory(temporaries, lifetimes.of)
    return tuple(replace(b, slot=offsets[b.name]) if b.name in offsets else b for b in buffers.values()), arena


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


@dataclass
class _Slot:
    size: Dim
    free_from: int


def plan_memory(temporaries: Sequence[Buffer], lifetimes: dict[str, tuple[int, int]]) -> tuple[dict[str, Dim], Dim]:
    """Return the byte offset of each temporary and the size of the arena.

    `lifetimes[name]` is (first phase written, last phase read), phases being separated by barriers. Sizes may be
    symbolic: a slot is used again where its size is provably enough, the smallest such first.
    """
    fits = functools.cache(lambda needed, room: is_nonnegative(add(room, -1 * needed)))
    slots: list[_Slot] = []
    chosen: dict[str, int] = {}
    for buffer in sorted(temporaries, key=lambda b: lifetimes[b.name][0]):
        first, last = lifetimes[buffer.name]
        size = _aligned(multiply(buffer.size, dtypes.itemsize(buffer.dtype)))
        fitting = [i for i, s in enumerate(slots) if s.free_from <= first and fits(size, s.size)]
        if fitting:
            best = fitting[0]
            for i in fitting[1:]:
                if fits(slots[i].size, slots[best].size):
                    best = i
        else:
            best = len(slots)
            slots.append(_Slot(size, 0))
        slots[best].free_from = last + 1
        chosen[buffer.name] = best
    offsets: list[Dim] = []
    total: Dim = 0
    for slot in slots:
        offsets.append(total)
        total = add(total, slot.size)
    return {name: offsets[i] for name, i in chosen.items()}, total


def _aligned(size: Dim) -> Dim:
    """Return a multiple of the alignment that is not less than `size`.

    Where it costs little, so many bytes a row of the batch: offsets stay short sums, which are quick to compare and to
    compute at each call.
    """
    if isinstance(size, Polynomial) and min(size.terms.values()) >= 16 * ALIGNMENT:
        return Polynomial({factors: -(-bytes_ // ALIGNMENT) * ALIGNMENT for factors, bytes_ in size.terms.items()})
    return multiply(ceildiv(size, ALIGNMENT), ALIGNMENT)
