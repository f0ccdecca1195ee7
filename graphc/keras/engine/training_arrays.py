"""Loops over arrays in memory: fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphError, UsageError
from graphc.keras.engine.fit_run import FitRun
from graphc.keras.engine.native_epoch import NativeEpoch
from graphc.keras.engine.training_utils import batch_shuffle, check_num_samples, make_batches
from graphc.keras.utils.generic_utils import to_list, unpack_singleton
from graphc.keras.utils.location import located
from graphc.keras.utils.progbar import Progbar

Array = np.ndarray[Any, Any]


def batch_of(arrays: Sequence[Any], indices: Array, is_whole_batch: bool) -> list[Any]:
    """Return the rows `indices` of each array; the learning phase (a float) stays as it is.

    `is_whole_batch` says that the indices are consecutive, so that a slice will do. HDF5 data sets need ascending
    indices. Raises UsageError where a data set cannot give those rows.
    """
    rows: Any = slice(int(indices[0]), int(indices[-1]) + 1) if is_whole_batch else indices
    try:
        return [array if isinstance(array, float) else _dense(_rows(array, rows)) for array in arrays]
    except TypeError as error:
        raise UsageError(located(f'A batch cannot be taken. For HDF5 data pass shuffle="batch". ({error})')) from error


def _rows(array: Any, rows: Any) -> Any:
    # HDF5 data sets take lists of indices, not arrays.
    return array[rows] if isinstance(array, np.ndarray) or isinstance(rows, slice) else array[rows.tolist()]


def _dense(rows: Any) -> Any:
    return rows.toarray() if hasattr(rows, "tocsr") else rows


class Totals:
    """Sums over batches of a function's scalar results, in float64; stateful metrics keep their last value."""

    def __init__(self, count: int, stateful: Sequence[int]) -> None:
        self.sums = np.zeros(count)
        self.stateful = set(stateful)
        self.weight = 0

    def add(self, values: Sequence[Any], weight: int) -> None:
        """Add one batch's results, weighted."""
        self.weight += weight
        for i, value in enumerate(values):
            self.sums[i] = float(value) if i in self.stateful else self.sums[i] + float(value) * weight

    def averages(self) -> list[float]:
        """Return the weighted averages."""
        return [
            float(total) if i in self.stateful else float(total) / max(self.weight, 1)
            for i, total in enumerate(self.sums)
        ]


def fit_loop(
    model: Any,
    function: Any,
    arrays: Sequence[Any],
    batch_size: int | None,
    epochs: int,
    verbose: int,
    callbacks: Sequence[Any] | None,
    validation_function: Any,
    validation_arrays: Sequence[Any] | None,
    shuffle: bool | str,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
) -> Any:
    """Run `function` over batches of `arrays` for all epochs, telling the callbacks; return the History.

    Stretches of an epoch run in native code where nothing in Python needs each batch. Raises GraphError where the
    numbers of steps do not fit together.
    """
    if validation_function is not None:
        if steps_per_epoch is not None and not validation_steps:
            raise GraphError(located("Validation during step-wise training needs `validation_steps`."))
        if steps_per_epoch is None and validation_steps:
            raise GraphError(located("`validation_steps` needs step-wise training: set `steps_per_epoch`."))
    samples = check_num_samples(arrays, batch_size, steps_per_epoch, "steps_per_epoch")
    if verbose and validation_arrays and samples is not None and hasattr(validation_arrays[0], "shape"):
        print(f"Train on {samples} samples, validate on {validation_arrays[0].shape[0]} samples")
    is_validated = validation_function is not None
    run = FitRun(
        model,
        callbacks,
        {
            "batch_size": batch_size,
            "epochs": epochs,
            "steps": steps_per_epoch,
            "samples": samples,
            "verbose": verbose,
            "do_validation": is_validated,
            "metrics": [*model.metrics_names, *(f"val_{name}" for name in model.metrics_names if is_validated)],
        },
        "samples" if steps_per_epoch is None else "steps",
        validation_arrays,
    )
    native = None
    if steps_per_epoch is None and run.hooks.ignore_batches():
        native = NativeEpoch.of(function, arrays, len(model.metrics_names), model.stateful_metric_names)
    order = None if samples is None else np.arange(samples)

    def train() -> None:
        nonlocal order
        if order is not None and steps_per_epoch is None:
            order = _shuffled(order, shuffle, batch_size)
        if native is not None and order is not None:
            _train_in_stretches(run, native, order, batch_size)
            return
        for position, (batch, size) in enumerate(_batches(arrays, order, batch_size, steps_per_epoch, bool(shuffle))):
            run.step(position, size, partial(function, batch))
            if run.is_stopped:
                break

    def validate() -> Any:
        if not is_validated or (run.is_stopped and steps_per_epoch is None):
            return None
        size = None if steps_per_epoch is not None else batch_size
        return test_loop(model, validation_function, validation_arrays or (), size, 0, validation_steps)

    return run.epochs(initial_epoch, epochs, train, validate)


def _train_in_stretches(run: FitRun, native: NativeEpoch, order: Array, batch_size: int | None) -> None:
    stretches = native.stretches(order, batch_size)
    seen: int | None = 0
    while seen is not None:
        with run.interruption.held():
            seen = next(stretches, None)
            if seen is not None:
                run.hooks.on_stretch_end(seen, native.totals)


def _shuffled(order: Array, shuffle: bool | str, batch_size: int | None) -> Array:
    if shuffle == "batch":
        return batch_shuffle(order, batch_size or 1)
    if shuffle:
        np.random.shuffle(order)
    return order


def _batches(
    arrays: Sequence[Any], order: Array | None, batch_size: int | None, steps: int | None, is_shuffled: bool
) -> Iterator[tuple[list[Any], int]]:
    """Yield (arrays of a batch, its size in the unit the callbacks count)."""
    if order is None or batch_size is None:
        for _ in range(steps or 0):
            yield list(arrays), 1
        return
    for start, end in make_batches(len(order), batch_size):
        yield batch_of(arrays, order[start:end], not is_shuffled), end - start


def test_loop(
    model: Any,
    function: Any,
    arrays: Sequence[Any],
    batch_size: int | None = None,
    verbose: int = 0,
    steps: int | None = None,
) -> Any:
    """Return the averages of `function`'s scalar results over batches: a list, or a number for a single one.

    Batches count by their numbers of samples; with `steps`, each step counts the same.
    """
    for metric in model.stateful_metric_functions:
        metric.reset_states()
    stateful = [i for i, name in enumerate(model.metrics_names) if name in model.stateful_metric_names]
    samples = check_num_samples(arrays, batch_size, steps, "steps")
    totals = Totals(len(model.metrics_names), stateful)
    bar = Progbar(target=samples if steps is None else steps) if verbose == 1 else None
    order = None if samples is None else np.arange(samples)
    native = None
    if order is not None and samples:
        native = NativeEpoch.of(function, arrays, len(model.metrics_names), model.stateful_metric_names)
    if native is not None and order is not None:
        for seen in native.stretches(order, batch_size):
            if bar is not None:
                bar.update(seen)
        return unpack_singleton([np.float64(total) / len(order) for total in native.totals])
    for batch, size in _batches(arrays, order, batch_size, steps, is_shuffled=False):
        totals.add(to_list(function(batch)), size)
        if bar is not None:
            bar.update(totals.weight)
    return unpack_singleton([np.float64(average) for average in totals.averages()])


def predict_loop(
    model: Any,
    function: Any,
    arrays: Sequence[Any],
    batch_size: int | None = 32,
    verbose: int = 0,
    steps: int | None = None,
) -> Any:
    """Return `function`'s outputs over all batches, joined along the first axis: an array or a list of arrays."""
    samples = check_num_samples(arrays, batch_size, steps, "steps")
    bar = Progbar(target=samples if steps is None else steps) if verbose == 1 else None
    order = None if samples is None else np.arange(samples)
    parts: list[list[Array]] = []
    done = 0
    for batch, size in _batches(arrays, order, batch_size, steps, is_shuffled=False):
        parts.append(to_list(function(batch)))
        done += size
        if bar is not None:
            bar.update(done)
    if not parts:
        parts = [to_list(function(list(arrays)))]
    return unpack_singleton([np.concatenate(outputs, axis=0) for outputs in zip(*parts)])
