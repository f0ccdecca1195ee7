"""Callbacks that watch a metric, and save, stop or change the learning rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError, UsageError
from graphc.keras import backend as K
from graphc.keras.callbacks.callback import Callback
from graphc.keras.utils.location import located

Logs = Mapping[str, Any]


class TerminateOnNaN(Callback):
    """Stops training at a batch whose loss is nan or infinite."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def _comparison(owner: str, mode: str, monitor: str, maximised: Sequence[str]) -> Callable[[Any, Any], Any]:
    """Return np.greater or np.less: which of two values of a metric is better."""
    if mode not in ("auto", "min", "max"):
        warnings.warn(f"{owner} mode {mode} is unknown, fallback to auto mode.", RuntimeWarning, stacklevel=3)
        mode = "auto"
    if mode == "auto":
        mode = "max" if any(name in monitor for name in maximised) else "min"
    return np.greater if mode == "max" else np.less


def _worst(better: Callable[[Any, Any], Any]) -> float:
    return -np.inf if better is np.greater else np.inf


class ModelCheckpoint(Callback):
    """Saves the model (or its weights alone) every `period` epochs, or whenever `monitor` is best so far.

    `filepath` may have fields: `{epoch:02d}` (counted from 1) and the logs' names.
    """

    def __init__(
        self,
        filepath: str,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        period: int = 1,
    ) -> None:
        super().__init__()
        self.filepath = filepath
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.epochs_since_last_save = 0
        self.monitor_op = _comparison("ModelCheckpoint", mode, monitor, ("acc", "fmeasure"))
        self.best = _worst(self.monitor_op)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save where it is time to."""
        logs = logs or {}
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        filepath = self.filepath.format(epoch=epoch + 1, **logs)
        if self.save_best_only:
            current = logs.get(self.monitor)
            if current is None:
                warnings.warn(
                    f"Can save best model only with {self.monitor} available, skipping.", RuntimeWarning, stacklevel=2
                )
                return
            if not self.monitor_op(current, self.best):
                self._say(f"Epoch {epoch + 1:05d}: {self.monitor} did not improve from {self.best:.5f}")
                return
            change = f"{self.monitor} improved from {self.best:.5f} to {current:.5f}, "
            self.best = current
        else:
            change = ""
        self._say(f"Epoch {epoch + 1:05d}: {change}saving model to {filepath}")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(filepath, overwrite=True)

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            print(f"\n{text}")


class EarlyStopping(Callback):
    """Stops training when `monitor` has not improved by `min_delta` for `patience` epochs.

    `baseline` is a value to beat from the start; `restore_best_weights` goes back to the best epoch's weights.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.monitor_op = _comparison("EarlyStopping", mode, monitor, ("acc",))
        self.min_delta = min_delta if self.monitor_op is np.greater else -min_delta
        self.wait = 0
        self.stopped_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Start again, so that an instance may be used twice."""
        self.wait = 0
        self.stopped_epoch = 0
        self.best = _worst(self.monitor_op) if self.baseline is None else self.baseline

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best so far."""
        current = self.get_monitor_value(logs or {})
        if current is None:
            return
        if self.monitor_op(current - self.min_delta, self.best):
            self.best = current
            self.wait = 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait < self.patience:
            return
        self.stopped_epoch = epoch
        self.model.stop_training = True
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print("Restoring model weights from the end of the best epoch")
            self.model.set_weights(self.best_weights)

    def on_train_end(self, logs: Any = None) -> None:
        """Say where training stopped."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")

    def get_monitor_value(self, logs: Logs) -> Any:
        """Return the monitored value; warn where there is none."""
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                RuntimeWarning,
                stacklevel=2,
            )
        return value


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to `schedule(epoch, lr)`, or `schedule(epoch)`."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate. Raises OptionError where the schedule gives no float."""
        if not hasattr(self.model.optimizer, "lr"):
            raise OptionError(located('Optimizer must have a "lr" attribute.'))
        rate = float(K.get_value(self.model.optimizer.lr))
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.float32, np.float64)):
            raise OptionError(located('The output of the "schedule" function should be float.'))
        K.set_value(self.model.optimizer.lr, rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the rate as `lr`."""
        if logs is not None:
            logs["lr"] = K.get_value(self.model.optimizer.lr)


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when `monitor` has not improved by `min_delta` for `patience` epochs.

    After that it waits `cooldown` epochs; the rate never falls below `min_lr`. Raises OptionError for factor >= 1.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if factor >= 1.0:
            raise OptionError(located(f"ReduceLROnPlateau does not support a factor >= 1.0, got {factor}"))
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            warnings.warn("The `epsilon` argument is deprecated: it is called `min_delta` now.", stacklevel=2)
        if kwargs:
            raise UsageError(located(f"ReduceLROnPlateau does not take the arguments {sorted(kwargs)}"))
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        better = _comparison("Learning Rate Plateau Reducing", self.mode, self.monitor, ("acc",))
        margin = self.min_delta if better is np.greater else -self.min_delta
        self.monitor_op: Callable[[Any, Any], Any] = lambda a, b: better(a, b + margin)
        self.best = _worst(better)
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Start again."""
        self._reset()

    def in_cooldown(self) -> bool:
        """Tell whether the callback is waiting after a reduction."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best so far, and reduce where it is time to."""
        logs = {} if logs is None else logs
        logs["lr"] = K.get_value(self.model.optimizer.lr)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Reduce LR on plateau conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = float(K.get_value(self.model.optimizer.lr))
        if old <= self.min_lr:
            return
        new = max(old * self.factor, self.min_lr)
        K.set_value(self.model.optimizer.lr, new)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0
