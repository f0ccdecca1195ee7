"""What a peer hands to the worker for a case. Standard library and NumPy only: every peer's interpreter reads it."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

# Long enough for the clock, short enough that a turn has many of them and its median drops what disturbed a few.
_SLICE_SECONDS = 2e-3


@dataclass(frozen=True)
class Timed:
    """A statement to time, in the style of timeit: nothing stands between the loop and it.

    `names` are what it refers to; one execution does `units` of what the case counts (the steps of an epoch).
    """

    statement: str
    names: dict[str, Any]
    units: int = 1

    def seconds(self, budget: float) -> float:
        """Return the median seconds a unit over slices of a turn of about `budget` seconds."""
        timer = timeit.Timer(self.statement, globals=self.names)
        count, taken = 1, timer.timeit(1)
        while taken < min(_SLICE_SECONDS, budget / 3):
            count *= 2
            taken = timer.timeit(count)
        slices = [timer.timeit(count) for _ in range(max(1, round(budget / taken)))]
        return median(slices) / count / self.units


@dataclass(frozen=True)
class Told:
    """Something that times itself, in a process of its own: each turn calls it once."""

    measure: Callable[[], float]

    def seconds(self, budget: float) -> float:
        """Return the seconds that it took."""
        return self.measure()


@dataclass(frozen=True)
class Entry:
    """A prepared contender: `check`, numbers that all contenders of the case must agree on, and what to time."""

    check: list[float]
    figures: dict[str, Timed] | dict[str, Told]
