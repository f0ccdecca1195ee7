"""The methods of Model that take generators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras.engine import training_generator
from graphc.keras.legacy import interfaces


class GeneratorMethods:
    """Training, evaluation and prediction on batches that a generator or a `keras.utils.Sequence` makes.

    All three take `max_queue_size` batches made ahead by `workers` threads, or processes with
    `use_multiprocessing`; with `workers=0` they are made in the calling thread. A generator yields tuples (x, y) or
    (x, y, sample_weights) in the forms that `train_on_batch` takes, for ever. The number of steps may be left out
    for a Sequence. Errors of the generator come through; one that ends too early raises GraphError, which is a
    StopIteration too.
    """

    @interfaces.legacy_generator_methods_support
    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        class_weight: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """Train on batches for epochs `initial_epoch` to `epochs` of `steps_per_epoch` steps; return the History.

        `validation_data` is (x, y), (x, y, sample_weights), a Sequence, or a generator with `validation_steps`.
        `shuffle` draws the batches of a Sequence in a new order each epoch.
        """
        return training_generator.fit_loop(
            self,
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            class_weight=class_weight,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
        )

    @interfaces.legacy_generator_methods_support
    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int = 0,
    ) -> Any:
        """Return the loss, or loss and metrics, over `steps` batches, each counted by its number of samples."""
        return training_generator.evaluate_loop(
            self, generator, steps, max_queue_size, workers, use_multiprocessing, verbose
        )

    @interfaces.legacy_generator_methods_support
    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int = 0,
    ) -> Any:
        """Return the outputs for `steps` batches, joined. The generator may yield inputs alone."""
        return training_generator.predict_loop(
            self, generator, steps, max_queue_size, workers, use_multiprocessing, verbose
        )
