"""Progbar: a progress bar with running averages and the time left."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any


class Progbar:
    """Shows how far `current` is on the way to `target`, and averages of values.

    `target` None: the end is unknown. `verbose`: 0 nothing, 1 a bar, 2 a line at the end. `interval`: seconds
    between redraws. Values named in `stateful_metrics` are shown as they are instead of averaged.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 30,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self._is_terminal = bool(getattr(sys.stdout, "isatty", lambda: False)()) or "ipykernel" in sys.modules
        self._shown_width = 0
        self._seen = 0
        self._totals: dict[str, tuple[float, float]] = {}
        self._start = time.time()
        self._last_update = 0.0

    def update(self, current: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Move to `current`; each (name, value) counts for the units since the last update."""
        step = current - self._seen
        for name, value in values or ():
            total, count = self._totals.get(name, (0.0, 0.0))
            is_averaged = name not in self.stateful_metrics
            self._totals[name] = (total + value * step, count + step) if is_averaged else (value, 1.0)
        self._seen = current
        now = time.time()
        is_done = self.target is not None and current >= self.target
        if self.verbose == 1 and (is_done or self.target is None or now - self._last_update >= self.interval):
            self._draw(current, now, is_done)
            self._last_update = now
        elif self.verbose == 2 and (is_done or self.target is None):
            sys.stdout.write(f" - {now - self._start:.0f}s{self._values()}\n")
            sys.stdout.flush()

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Move on by `n`."""
        self.update(self._seen + n, values)

    def _draw(self, current: int, now: float, is_done: bool) -> None:
        elapsed = now - self._start
        per_unit = elapsed / current if current else 0.0
        if self.target is not None and not is_done:
            tail = f" - ETA: {_duration(per_unit * (self.target - current))}"
        else:
            tail = f" - {elapsed:.0f}s {_pace(per_unit)}/step"
        text = self._bar(current) + tail + self._values()
        padding = " " * (self._shown_width - len(text))
        restart = "\b" * self._shown_width + "\r" if self._is_terminal else "\n"
        self._shown_width = len(text)
        sys.stdout.write(f"{restart}{text}{padding}" + "\n" * is_done)
        sys.stdout.flush()

    def _bar(self, current: int) -> str:
        if self.target is None:
            return f"{current:7d}/Unknown"
        digits = int(math.log10(max(self.target, 1))) + 1
        filled = int(self.width * current / self.target) if self.target else self.width
        head = ("=" * (filled - 1) + (">" if current < self.target else "=")) if filled > 0 else ""
        return f"{current:{digits}d}/{self.target} [{head}{'.' * (self.width - filled)}]"

    def _values(self) -> str:
        averages = ((name, total / max(1.0, count)) for name, (total, count) in self._totals.items())
        return "".join(f" - {name}: {x:.4f}" if abs(x) > 1e-3 else f" - {name}: {x:.4e}" for name, x in averages)


def _duration(seconds: float) -> str:
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}" if seconds > 60 else f"{int(seconds)}s"


def _pace(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
