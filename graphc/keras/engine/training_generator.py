"""Loops over generators and Sequences of batches: fit, evaluate, predict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Several
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphError
from graphc.keras.engine import training_arrays
from graphc.keras.engine.fit_run import FitRun
from graphc.keras.engine.training_utils import described
from graphc.keras.utils.generic_utils import to_list, unpack_singleton
from graphc.keras.utils.location import located
from graphc.keras.utils.progbar import Progbar
from graphc.keras.utils.sequence import Sequence

Array = np.ndarray[Any, Any]


class GeneratorEndedError(GraphError, StopIteration):
    """A generator ended before it gave as many batches as were asked for."""


def iter_sequence_infinite(sequence: Any) -> Iterator[Any]:
    """Yield the batches of a Sequence in order, again and again, telling it of each epoch's end."""
    while True:
        yield from sequence
        sequence.on_epoch_end()


@contextmanager
def batches_ahead(
    source: Any, workers: int, max_queue_size: int, use_multiprocessing: bool, shuffle: bool = False
) -> Iterator[Iterator[Any]]:
    """Give an iterator of the batches of a Sequence or generator, made ahead by workers until the block ends.

    The workers start when the first batch is asked for: callbacks may have to prepare the data. Without workers
    batches are made when they are needed, in this thread.
    """
    is_sequence = isinstance(source, Sequence)
    if not is_sequence and use_multiprocessing and workers > 1:
        warnings.warn(
            "Several processes have each a copy of the generator, so that data may come several times: "
            "a `keras.utils.Sequence` avoids it.",
            UserWarning,
            stacklevel=6,
        )
    if workers <= 0:
        yield iter_sequence_infinite(source) if is_sequence else source
        return
    # What makes threads and processes is not loaded for a model that is given arrays.
    from graphc.keras.utils.enqueuers import GeneratorEnqueuer, OrderedEnqueuer

    enqueuer = (
        OrderedEnqueuer(source, use_multiprocessing, shuffle)
        if is_sequence
        else GeneratorEnqueuer(source, use_multiprocessing)
    )

    def batches() -> Iterator[Any]:
        enqueuer.start(workers=workers, max_queue_size=max_queue_size)
        yield from enqueuer.get()

    try:
        yield batches()
    finally:
        enqueuer.stop()


def steps_of(source: Any, steps: int | None, name: str) -> int:
    """Return the number of steps asked for, or that a Sequence has. Raises GraphError for a plain generator."""
    if steps is not None:
        return steps
    if not isinstance(source, Sequence):
        raise GraphError(
            located(f"`{name}=None` is only valid for a `keras.utils.Sequence`. Specify `{name}` for a generator.")
        )
    return len(source)


def _next_batch(batches: Iterator[Any], position: int, steps: int) -> Any:
    try:
        return next(batches)
    except StopIteration:
        raise GeneratorEndedError(
            located(f"The generator ended after {position} of the {steps} batches that were asked for.")
        ) from None


def _split_batch(given: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample weights) of what a generator gave. Raises GraphError where it is something else."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise GraphError(
            located(f"Output of generator should be a tuple `(x, y, sample_weight)` or `(x, y)`. Found: {given}")
        )
    return (given[0], given[1], given[2] if len(given) == 3 else None)


def _rows_of(x: Any) -> int:
    """Return the number of samples of a batch; 1 where the data are tensors that the model computes itself."""
    if x is None or (isinstance(x, (list, dict)) and not x):
        return 1
    first = x[0] if isinstance(x, list) else next(iter(x.values())) if isinstance(x, dict) else x
    return int(first.shape[0])


def is_generator(data: Any) -> bool:
    """Tell whether validation data are batches one after the other, not arrays."""
    return hasattr(data, "next") or hasattr(data, "__next__") or isinstance(data, Sequence)


def fit_loop(
    model: Any,
    generator: Any,
    steps_per_epoch: int | None,
    epochs: int,
    verbose: int,
    callbacks: Several[Any] | None,
    validation_data: Any,
    validation_steps: int | None,
    class_weight: Any,
    max_queue_size: int,
    workers: int,
    use_multiprocessing: bool,
    shuffle: bool,
    initial_epoch: int,
) -> Any:
    """Train on batches from `generator`; arguments and errors are those of `Model.fit_generator`."""
    is_validated = bool(validation_data)
    model._make_train_function()
    if is_validated:
        model._make_test_function()
    steps = steps_of(generator, steps_per_epoch, "steps_per_epoch")
    is_validated_by_batches = is_generator(validation_data)
    if is_validated_by_batches:
        validation_steps = steps_of(validation_data, validation_steps or None, "validation_steps")
    held_out = _validation_arrays(model, validation_data) if is_validated and not is_validated_by_batches else None
    names = model.metrics_names
    params = {
        "epochs": epochs,
        "steps": steps,
        "verbose": verbose,
        "do_validation": is_validated,
        "metrics": [*names, *(f"val_{name}" for name in names)],
    }
    run = FitRun(model, callbacks, params, "steps", held_out)
    options = (workers, max_queue_size, use_multiprocessing)

    def train_and_validate(batches: Iterator[Any], evaluate: Callable[[int], Any]) -> Any:
        done = rows = 0

        def train() -> None:
            nonlocal done, rows
            for done in range(1, steps + 1):
                x, y, weights = _split_batch(_next_batch(batches, done - 1, steps))
                rows = _rows_of(x)
                run.step(done - 1, rows, partial(model.train_on_batch, x, y, weights, class_weight))
                if run.is_stopped:
                    break

        return run.epochs(initial_epoch, epochs, train, lambda: evaluate(rows) if done >= steps else None)

    with batches_ahead(generator, *options, shuffle) as batches:
        if is_validated_by_batches:
            with batches_ahead(validation_data, *options) as held_out_batches:
                return train_and_validate(
                    batches, lambda _: evaluate_loop(model, held_out_batches, validation_steps, 1, 0, False, 0)
                )
        if held_out is None:
            return train_and_validate(batches, lambda _: None)
        return train_and_validate(
            batches, lambda rows: training_arrays.test_loop(model, model.test_function, held_out, rows)
        )


def _validation_arrays(model: Any, given: Any) -> list[Any]:
    if len(given) not in (2, 3):
        raise GraphError(
            located(
                f"`validation_data` should be a tuple `(val_x, val_y, val_sample_weight)` or `(val_x, val_y)`. "
                f"Found: {described(given)}"
            )
        )
    groups = model._standardize_user_data(given[0], given[1], given[2] if len(given) == 3 else None)
    return [*(array for group in groups for array in group), *model._phase_value(0.0)]


def evaluate_loop(
    model: Any,
    generator: Any,
    steps: int | None,
    max_queue_size: int,
    workers: int,
    use_multiprocessing: bool,
    verbose: int,
) -> Any:
    """Return the averages over batches from `generator`; arguments and errors are those of `evaluate_generator`."""
    model._make_test_function()
    for metric in model.stateful_metric_functions:
        metric.reset_states()
    stateful = [i for i, name in enumerate(model.metrics_names) if name in model.stateful_metric_names]
    totals = training_arrays.Totals(len(model.metrics_names), stateful)
    count = steps_of(generator, steps, "steps")
    bar = Progbar(target=count) if verbose == 1 else None
    with batches_ahead(generator, workers, max_queue_size, use_multiprocessing) as batches:
        for done in range(1, count + 1):
            x, y, weights = _split_batch(_next_batch(batches, done - 1, count))
            rows = _rows_of(x)
            if rows == 0:
                raise GraphError(located("Received an empty batch. Batches should contain at least one item."))
            totals.add(to_list(model.test_on_batch(x, y, weights)), rows)
            if bar is not None:
                bar.update(done)
    return unpack_singleton(totals.averages())


def predict_loop(
    model: Any,
    generator: Any,
    steps: int | None,
    max_queue_size: int,
    workers: int,
    use_multiprocessing: bool,
    verbose: int,
) -> Any:
    """Return the outputs for batches from `generator`; arguments and errors are those of `predict_generator`."""
    model._make_predict_function()
    count = steps_of(generator, steps, "steps")
    bar = Progbar(target=count) if verbose == 1 else None
    parts: list[list[Array]] = []
    with batches_ahead(generator, workers, max_queue_size, use_multiprocessing) as batches:
        for done in range(1, count + 1):
            given = _next_batch(batches, done - 1, count)
            # A tuple is a batch for training; a list holds the arrays of several inputs.
            x = _split_batch(given)[0] if isinstance(given, tuple) else given
            parts.append(to_list(model.predict_on_batch(x)))
            if bar is not None:
                bar.update(done)
    joined = [outputs[0] if len(outputs) == 1 else np.concatenate(outputs) for outputs in zip(*parts)]
    return unpack_singleton(joined)
