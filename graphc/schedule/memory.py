"""Memory: one arena for all temporaries. A slot is used again once every reader of its buffer has passed a barrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc import dtypes
from graphc.loopir import Buffer
from graphc.symbolic import Dim, add, ceildiv, is_nonnegative, multiply

ALIGNMENT = 64


@dataclass
class _Slot:
    size: Dim
    free_from: int


def plan_memory(temporaries: Sequence[Buffer], lifetimes: dict[str, tuple[int, int]]) -> tuple[dict[str, Dim], Dim]:
    """Return the byte offset of each temporary and the size of the arena.

    `lifetimes[name]` is (first phase written, last phase read), phases being separated by barriers. Sizes may be
    symbolic: a slot is used again where its size is provably enough, the smallest such first.
    """
    slots: list[_Slot] = []
    chosen: dict[str, int] = {}
    for buffer in sorted(temporaries, key=lambda b: lifetimes[b.name][0]):
        first, last = lifetimes[buffer.name]
        size = multiply(ceildiv(multiply(buffer.size, dtypes.itemsize(buffer.dtype)), ALIGNMENT), ALIGNMENT)
        fitting = [i for i, s in enumerate(slots) if s.free_from <= first and is_nonnegative(add(s.size, -1 * size))]
        if fitting:
            best = fitting[0]
            for i in fitting[1:]:
                if is_nonnegative(add(slots[best].size, -1 * slots[i].size)):
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
