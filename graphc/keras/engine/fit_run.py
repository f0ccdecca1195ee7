"""FitRun: the callbacks of one training, its epochs, and what an interruption leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc.keras import callbacks as callback_classes
from graphc.keras.engine.interruption import Interruption
from graphc.keras.utils.generic_utils import to_list


class FitRun:
    """One training of a model: tells the callbacks of epochs and steps, and keeps Ctrl-C between steps.

    `params` are what callbacks see as `params`; `verbose` shows a bar that counts `count_mode` (samples or steps).
    The callbacks see `model.callback_model` where it is set.
    """

    def __init__(
        self,
        model: Any,
        callbacks: Sequence[Any] | None,
        params: Mapping[str, Any],
        count_mode: str,
        validation_arrays: Sequence[Any] | None,
    ) -> None:
        self.model = model
        self.target_model = getattr(model, "callback_model", None) or model
        self.interruption = Interruption()
        stateful = model.stateful_metric_names
        self._averages = callback_classes.BaseLogger(stateful)
        bar = [callback_classes.ProgbarLogger(count_mode, stateful)] if params["verbose"] else []
        model.history = callback_classes.History()
        self.hooks = callback_classes.CallbackList([self._averages, *bar, *(callbacks or ()), model.history])
        self.hooks.set_model(self.target_model)
        self.hooks.set_params(dict(params))
        self._validation_arrays = list(validation_arrays or ())
        self._open_epoch: int | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether a callback wants training to stop."""
        return bool(self.target_model.stop_training)

    def epochs(self, first: int, last: int, train: Callable[[], None], validate: Callable[[], Any]) -> Any:
        """Run epochs `first` to `last`, not included: `train()`, then `validate()`; return the History.

        `validate` returns the values of the model's metrics, or None. After a KeyboardInterrupt, the History has the
        averages over the steps done so far, the callbacks hear that training has ended, and it is raised again.
        """
        with self.interruption:
            try:
                self.hooks.on_train_begin()
                self.target_model.stop_training = False
                for hook in self.hooks:
                    hook.validation_data = self._validation_arrays
                for epoch in range(first, last):
                    self._run_epoch(epoch, train, validate)
                    if self.is_stopped:
                        break
            except KeyboardInterrupt:
                self._close_open_epoch()
                self.hooks.on_train_end()
                raise
            self.hooks.on_train_end()
        return self.model.history

    def _run_epoch(self, epoch: int, train: Callable[[], None], validate: Callable[[], Any]) -> None:
        for metric in self.model.stateful_metric_functions:
            metric.reset_states()
        self.hooks.on_epoch_begin(epoch)
        self._open_epoch = epoch
        train()
        results = validate()
        values = () if results is None else to_list(results)
        logs = {f"val_{name}": value for name, value in zip(self.model.metrics_names, values)}
        with self.interruption.held():
            self._open_epoch = None
            self.hooks.on_epoch_end(epoch, logs)

    def _close_open_epoch(self) -> None:
        """Put the part of an epoch that was done into the History. Other callbacks expect whole epochs."""
        if self._open_epoch is not None and self._averages.seen:
            logs: dict[str, Any] = {}
            self._averages.on_epoch_end(self._open_epoch, logs)
            self.model.history.on_epoch_end(self._open_epoch, logs)

    def step(self, position: int, size: int, run: Callable[[], Any]) -> None:
        """Run one step of `size` samples; `run` returns the values of the model's metrics."""
        logs: dict[str, Any] = {"batch": position, "size": size}
        with self.interruption.held():
            self.hooks.on_batch_begin(position, logs)
            logs.update(zip(self.model.metrics_names, to_list(run())))
            self.hooks.on_batch_end(position, logs)
