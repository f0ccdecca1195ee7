"""Callbacks that write down or show what training gives."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphc.errors import OptionError
from graphc.keras.callbacks.callback import Callback
from graphc.keras.utils.location import located
from graphc.keras.utils.progbar import Progbar


class BaseLogger(Callback):
    """Puts the epoch's averages into its logs: each batch counts by its size, stateful metrics keep their last value.

    Sums are float64.
    """

    takes_stretches = True

    def __init__(self, stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.totals: dict[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start again from zero."""
        self.seen = 0
        self.totals = {}

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Add the batch."""
        logs = logs or {}
        size = logs.get("size", 0)
        self.seen += size
        for name, value in logs.items():
            if name in self.stateful_metrics:
                self.totals[name] = value
            else:
                self.totals[name] = self.totals.get(name, 0.0) + float(value) * size

    def on_stretch_end(self, seen: int, totals: np.ndarray[Any, Any]) -> None:
        """Take over the sums of all metrics since the epoch's begin."""
        self.seen = seen
        self.totals = dict(zip(self.params["metrics"], totals.tolist()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the averages into the logs, for the callbacks that follow."""
        if logs is None:
            return
        for name in self.params["metrics"]:
            if name in self.totals:
                total = self.totals[name]
                logs[name] = total if name in self.stateful_metrics else total / max(self.seen, 1)


class ProgbarLogger(Callback):
    """Draws the progress bar; `count_mode` is "samples" or "steps"."""

    takes_stretches = True

    def __init__(self, count_mode: str = "samples", stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise OptionError(located(f"Unknown `count_mode`: {count_mode}; expected samples or steps"))
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.target: int | None = None
        self.log_values: list[tuple[str, Any]] = []
        self._sums: np.ndarray[Any, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Read how much to print."""
        self.verbose = self.params["verbose"]
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start a bar."""
        self.seen = 0
        self._sums = None
        self.log_values = []
        self.target = self.params["steps" if self.use_steps else "samples"]
        if self.verbose:
            print(f"Epoch {epoch + 1}/{self.epochs}")
        self.progbar = Progbar(target=self.target, verbose=self.verbose, stateful_metrics=self.stateful_metrics)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on; the last batch waits for the validation."""
        logs = logs or {}
        self.seen += 1 if self.use_steps else logs.get("size", 0)
        self._show([(name, logs[name]) for name in self.params["metrics"] if name in logs])

    def on_stretch_end(self, seen: int, totals: np.ndarray[Any, Any]) -> None:
        """Move the bar on by a stretch of batches."""
        before = np.zeros_like(totals) if self._sums is None else self._sums
        means = (totals - before) / max(seen - self.seen, 1)
        self._sums = totals.copy()
        self.seen = seen
        self._show(list(zip(self.params["metrics"], means.tolist())))

    def _show(self, values: list[tuple[str, Any]]) -> None:
        if self.target is None or self.seen < self.target:
            self.progbar.update(self.seen, values)
            values = []
        self.log_values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Finish the bar with the validation's values."""
        shown = {name for name, _ in self.log_values}
        rest = [(name, value) for name, value in (logs or {}).items() if name.startswith("val_") and name not in shown]
        self.progbar.update(self.seen, self.log_values + rest)


class History(Callback):
    """Keeps each epoch's logs: `epoch` lists the epochs, `history` maps a name to its values."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Start empty."""
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CSVLogger(Callback):
    """Writes each epoch's logs as a line of a CSV file; `append` continues a file that exists."""

    def __init__(self, filename: str, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = filename
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.append_header = True

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the file."""
        if self.append and os.path.exists(self.filename):
            with open(self.filename) as file:
                self.append_header = not file.readline()
        self.csv_file: Any = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.writer: Any = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line; metrics that are missing because training stopped are NA."""
        logs = dict(logs or {})
        if self.keys is None:
            self.keys = sorted(logs)
        if getattr(self.model, "stop_training", False):
            logs = {name: logs.get(name, "NA") for name in self.keys}
        if self.writer is None:
            self.writer = csv.DictWriter(self.csv_file, ["epoch", *self.keys], delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{name: _cell(logs[name]) for name in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        self.csv_file.close()
        self.writer = None


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) > 0:
        return '"[' + ", ".join(map(str, value)) + ']"'
    return value


class LambdaCallback(Callback):
    """A callback made of functions: `on_epoch_end=lambda epoch, logs: ...` and so on."""

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_batch_begin: Callable[..., Any] | None = None,
        on_batch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.__dict__.update(kwargs)
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        self.__dict__.update((name, function) for name, function in given.items() if function is not None)
