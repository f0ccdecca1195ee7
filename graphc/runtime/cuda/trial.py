"""Which of several ways to do a launch's work is the fastest on a GPU: measured once, then remembered.

A way is a kernel of ours, or a library's call and what finishes it. Their results differ by rounding, so a choice holds
from then on: in this process by what the device keeps, in others by the cache of programs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

from graphc.errors import DeviceError, ExecutionError
from graphc.runtime import cache
from graphc.runtime.protocol import Accelerator, Choice

OURS = "ours"
# A way is repeated within one graph, so that what is timed is the GPU and not the starting from Python.
_REPEATS, _ROUNDS = 4, 3


def has_library(device: Accelerator, name: str) -> bool:
    """Tell whether a library is there, so that something may be left to it."""
    try:
        device.find_library(name)
    except DeviceError:
        return False
    return True


def choose_way(
    device: Accelerator,
    facts: str,
    versions: Mapping[str, str],
    make_ways: Callable[[], Mapping[str, Callable[[], None]]],
) -> str:
    """Return the name of the fastest way: `ours`, or a library of `versions`.

    `facts` tell the launch from others. `make_ways` is asked where something is to be tried: what it gives may be run
    any number of times. A library that fails is not taken. What fails, or finds too little memory, is tried again by
    the next process.
    """
    known = device.choices.get(facts)
    if known is None:
        libraries = [f"{name} {version}" for name, version in versions.items()]
        key = cache.entry_key("way", facts, *libraries, device.model, *device.fingerprint)
        known = device.choices[facts] = _choose(device, key, versions, make_ways)
    return known.taken


def _choose(
    device: Accelerator,
    key: str,
    names: Collection[str],
    make_ways: Callable[[], Mapping[str, Callable[[], None]]],
) -> Choice:
    remembered = _remembered(key, names)
    if remembered is not None and remembered.taken == OURS:
        return remembered
    try:
        ways = make_ways()
        if remembered is not None:
            # It worked then; better to fail here, where nothing depends on it, than in the middle of a program.
            ways[remembered.taken]()
            device.wait()
            return remembered
    except (DeviceError, ExecutionError):
        return Choice(OURS, {})
    measured = {name: _seconds(device, way) for name, way in ways.items()}
    seconds = {name: time for name, time in measured.items() if time is not None}
    choice = Choice(min(seconds, key=seconds.__getitem__, default=OURS), seconds)
    if len(seconds) == len(ways):
        cache.store_entry(key, json.dumps([choice.taken, seconds]).encode())
    return choice


def _remembered(key: str, names: Collection[str]) -> Choice | None:
    """Return what was chosen before; None where nothing was, or it is no such choice."""
    entry = cache.load_entry(key)
    if entry is None:
        return None
    try:
        found = json.loads(entry)
    except ValueError:
        return None
    match found:
        case [str(taken), dict(seconds)] if taken == OURS or taken in names:
            return Choice(taken, seconds)
    return None


def _seconds(device: Accelerator, way: Callable[[], None]) -> float | None:
    """Return what a way takes; None where it fails."""

    def repeated() -> None:
        for _ in range(_REPEATS):
            way()

    try:
        # Libraries load what they need at first; a graph must not record that.
        way()
        device.wait()
        replay = device.capture(repeated)
        replay()
        return min(device.seconds(replay) for _ in range(_ROUNDS)) / _REPEATS
    except (DeviceError, ExecutionError):
        return None
