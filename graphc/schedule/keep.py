"""Keep: values that follow from states alone (kernels made ready, scales of normalisation) outlive a call.

The launches that compute them come first; a program runs them again only where a state has changed since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from graphc.loopir import Buffer, Launch, Step, launches_of
from graphc.records import replace


def keep_prepared(
    buffers: Mapping[str, Buffer], steps: tuple[Step, ...]
) -> tuple[dict[str, Buffer], tuple[Step, ...], int]:
    """Return the buffers, the steps with those that prepare first, and how many these are.

    A program that writes states itself keeps nothing: it would have to prepare again each time.
    """
    writers = Counter(name for launch in launches_of(steps) for name in _names(launch, True))
    if any(b.role == "state" and b.name in writers for b in buffers.values()):
        return dict(buffers), steps, 0
    known = {b.name for b in buffers.values() if b.role in ("state", "constant")}
    prepared: list[Step] = []
    others: list[Step] = []
    is_owed = False
    for step in steps:
        if isinstance(step, Launch) and _can_keep(step, known, buffers, writers):
            known |= _names(step, True)
            prepared.append(replace(step, barrier=True))
            is_owed = is_owed or step.barrier
            continue
        # A launch that went ahead takes no barrier away from those behind it.
        others.append(replace(step, barrier=step.barrier or is_owed) if isinstance(step, Launch) else step)
        is_owed = False
    # What only the launches that prepare read need not outlive them.
    read = {name for launch in launches_of(tuple(others)) for place in launch.places for name in place.buffers}
    kept = {
        b.name: replace(b, role="kept") for b in buffers.values() if b.role == "temporary" and b.name in known & read
    }
    return {**buffers, **kept}, (*prepared, *others), len(prepared)


def _can_keep(launch: Launch, known: set[str], buffers: Mapping[str, Buffer], writers: Counter[str]) -> bool:
    """Tell whether a launch reads only what is known when states are, and writes temporaries of a fixed size.

    Nobody else may write these: what the next call finds would not be what this launch left.
    """
    targets = [buffers[name] for name in _names(launch, True)]
    is_whole = all(isinstance(argument, str) for argument in launch.arguments)
    is_fixed = not launch.kernel.sizes and all(b.role == "temporary" and isinstance(b.size, int) for b in targets)
    is_alone = all(writers[b.name] == 1 for b in targets)
    return is_whole and is_fixed and is_alone and _names(launch, False) - _names(launch, True) <= known


def _names(launch: Launch, writable: bool) -> set[str]:
    """Return the buffers that a launch writes, or those that it does not."""
    pairs = zip(launch.kernel.parameters, launch.places)
    return {name for parameter, place in pairs if parameter.writable == writable for name in place.buffers}
