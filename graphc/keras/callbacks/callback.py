"""Callback: what may happen at the begin and end of training, epochs and batches; and a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


class Callback:
    """Something to do during training: override what is needed.

    `self.model` is the model, `self.params` a dict (batch_size, epochs, steps, samples, verbose, do_validation,
    metrics), `self.validation_data` the arrays fed for validation. `logs` of a batch holds `batch`, `size` and the
    metrics; of an epoch the averages, with `val_` for validation.
    """

    def __init__(self) -> None:
        self.validation_data: Any = None
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_params(self, params: dict[str, Any]) -> None:
        """Keep the training's parameters."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Keep the model."""
        self.model = model

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Do something before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do something after an epoch."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do something before a batch."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do something after a batch."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Do something before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """Do something after training."""


class CallbackList:
    """Callbacks that are called one after the other. `queue_length` has no effect: nothing is queued."""

    def __init__(self, callbacks: Iterable[Any] | None = None, queue_length: int = 10) -> None:
        self.callbacks = list(callbacks or ())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Give all callbacks the training's parameters."""
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Give all callbacks the model."""
        for callback in self.callbacks:
            callback.set_model(model)

    def _call(self, name: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(*arguments)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell all that an epoch begins."""
        self._call("on_epoch_begin", epoch, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell all that an epoch has ended."""
        self._call("on_epoch_end", epoch, {} if logs is None else logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell all that a batch begins."""
        self._call("on_batch_begin", batch, {} if logs is None else logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell all that a batch has ended."""
        self._call("on_batch_end", batch, {} if logs is None else logs)

    def on_train_begin(self, logs: Any = None) -> None:
        """Tell all that training begins."""
        self._call("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Tell all that training has ended."""
        self._call("on_train_end", {} if logs is None else logs)

    def ignore_batches(self) -> bool:
        """Tell whether no callback needs each batch (the loggers can take whole stretches)."""
        return not any(_needs_batches(callback) for callback in self.callbacks)

    def on_stretch_end(self, seen: int, totals: np.ndarray[Any, Any]) -> None:
        """Tell the loggers that `seen` samples of the epoch are done, and the metrics' sums over them."""
        for callback in self.callbacks:
            if _takes_stretches(callback):
                callback.on_stretch_end(seen, totals)


def _takes_stretches(callback: Any) -> bool:
    # A subclass may do more with each batch, so the flag is not inherited.
    return bool(vars(type(callback)).get("takes_stretches", False))


def _needs_batches(callback: Any) -> bool:
    if _takes_stretches(callback) or ("ignores_batches" in vars(type(callback)) and callback.ignores_batches):
        return False
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)
        for name in ("on_batch_begin", "on_batch_end")
    )
