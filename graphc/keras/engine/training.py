"""Model: a network that can be trained, evaluated and asked for predictions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc import graph
from graphc.errors import ExecutionError, GraphError, UsageError
from graphc.keras import backend as K
from graphc.keras import optimizers
from graphc.keras.engine import training_arrays
from graphc.keras.engine.compilation import loss_of, plan_metrics, plan_outputs, total_of
from graphc.keras.engine.generator_methods import GeneratorMethods
from graphc.keras.engine.network import Network
from graphc.keras.engine.training_utils import (
    check_array_length_consistency,
    check_loss_and_target_compatibility,
    checked_batch_size,
    described,
    expected_target_shape,
    standardize_class_weights,
    standardize_input_data,
    standardize_sample_weights,
    standardize_weights,
)
from graphc.keras.utils.generic_utils import has_arg, slice_arrays, to_list, unpack_singleton
from graphc.keras.utils.location import located

__all__ = ["Model"]

Arrays = list[Any]


class Model(GeneratorMethods, Network):
    """A network with a training routine.

    `Model(inputs, outputs)` spans the layers between tensors; a subclass sets layers as attributes and writes
    `call`, and is built by the first data it sees.
    """

    def compile(
        self,
        optimizer: Any,
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        sample_weight_mode: Any = None,
        weighted_metrics: Any = None,
        target_tensors: Any = None,
        **kwargs: Any,
    ) -> None:
        """Choose how to train.

        `optimizer` is a name or an Optimizer; `loss` a name, a function of (y_true, y_pred), or a list or dict of
        them by output; `metrics` and `weighted_metrics` lists, or dicts by output; `loss_weights` a list or dict of
        numbers; `sample_weight_mode` None or "temporal"; `target_tensors` replace the targets' placeholders. The
        weights that are trainable now are the ones that training changes. Other keywords go to `K.function`.
        Raises GraphError (a ValueError) or TypeError where an argument does not fit the model's outputs.
        """
        if "class_mode" in kwargs:
            kwargs.pop("class_mode")
            warnings.warn(
                "`compile` has no `class_mode` any more: `metrics=['accuracy']` suits the loss and the output's shape.",
                UserWarning,
                stacklevel=2,
            )
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss or []
        self.metrics = metrics or []
        self.loss_weights = loss_weights
        self.sample_weight_mode = sample_weight_mode
        self.weighted_metrics = weighted_metrics
        self._function_kwargs = kwargs
        if not self.built:
            # The outputs are not known before the first data; compile is called again then.
            return
        outputs = plan_outputs(self, loss, loss_weights, target_tensors, sample_weight_mode)
        with_loss = [output for output in outputs if output.loss is not None]
        fed = [output for output in with_loss if output.is_fed]
        values = [loss_of(output) for output in with_loss]
        self.total_loss = total_of(with_loss, values, self.losses)
        several = len(outputs) > 1
        self.metrics_names = ["loss", *(f"{output.name}_loss" for output in with_loss if several)]
        compiled = plan_metrics(outputs, metrics, weighted_metrics, self.metrics_names)
        stateful = [metric for metric in compiled if metric.stateful is not None]
        self.metrics_names += [metric.name for metric in compiled]
        self.metrics_tensors = [*(values if several else ()), *(metric.tensor for metric in compiled)]
        self.metrics_updates = [update for metric in stateful for update in metric.stateful.updates]
        self.stateful_metric_names = [metric.name for metric in stateful]
        self.stateful_metric_functions = [metric.stateful for metric in stateful]
        self.loss_functions = [output.loss for output in outputs]
        self.targets = [output.target for output in outputs]
        self.sample_weights = [output.weights for output in outputs]
        self.sample_weight_modes = [output.weight_mode for output in outputs]
        self._feed_targets = [output.target for output in fed]
        self._feed_outputs = [output.tensor for output in fed]
        self._feed_output_names = [output.name for output in fed]
        self._feed_output_shapes = [output.shape for output in fed]
        self._feed_loss_fns = [output.loss for output in fed]
        self._feed_sample_weights = [output.weights for output in fed]
        self._feed_sample_weight_modes = [output.weight_mode for output in fed]
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None
        self._collected_trainable_weights = self.trainable_weights
        self._is_compiled = True

    def _check_trainable_weights_consistency(self) -> None:
        collected = getattr(self, "_collected_trainable_weights", None)
        if collected is not None and len(self.trainable_weights) != len(collected):
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights: "
                "`trainable` was set after `model.compile`. Call `compile` again.",
                UserWarning,
                stacklevel=3,
            )

    def _uses_dynamic_learning_phase(self) -> bool:
        return self.uses_learning_phase and not isinstance(K.learning_phase(), int)

    def _phase_input(self) -> Arrays:
        return [K.learning_phase()] if self._uses_dynamic_learning_phase() else []

    def _phase_value(self, phase: float) -> Arrays:
        return [phase] if self._uses_dynamic_learning_phase() else []

    def _require_compiled(self) -> None:
        if not hasattr(self, "train_function"):
            raise ExecutionError(
                located(f"You must compile the model {self.name} before using it: `model.compile(optimizer, loss)`.")
            )

    def _make_train_function(self) -> None:
        self._require_compiled()
        self._check_trainable_weights_consistency()
        if self.train_function is None:
            name = type(self.optimizer).__name__
            with K.name_scope("training"), K.name_scope(name), graph.layer_scope(name):
                updates = self.optimizer.get_updates(params=self._collected_trainable_weights, loss=self.total_loss)
            self.train_function = self._make_step("train_function", [*self.updates, *updates, *self.metrics_updates])

    def _make_test_function(self) -> None:
        self._require_compiled()
        if self.test_function is None:
            self.test_function = self._make_step("test_function", [*self.state_updates, *self.metrics_updates])

    def _make_step(self, name: str, updates: Sequence[Any]) -> Any:
        inputs = [*self._feed_inputs, *self._feed_targets, *self._feed_sample_weights, *self._phase_input()]
        outputs = [self.total_loss, *self.metrics_tensors]
        return K.function(inputs, outputs, updates=list(updates), name=name, **self._function_kwargs)

    def _make_predict_function(self) -> None:
        if getattr(self, "predict_function", None) is None:
            self.predict_function = K.function(
                [*self._feed_inputs, *self._phase_input()],
                self.outputs,
                updates=self.state_updates,
                name="predict_function",
                **getattr(self, "_function_kwargs", {}),
            )

    def _set_inputs(self, inputs: Any, outputs: Any = None, training: bool | None = None) -> None:
        """Build a subclassed model for data of these shapes (the batch size stays free), or on these tensors."""
        if self.inputs:
            raise GraphError(located(f"The inputs of {self.name} are already set."))
        given = [_as_input(x, f"input_{i}") for i, x in enumerate(to_list(inputs, allow_tuple=True), 1)]
        tensors = [x for _, x in given]
        fed = [(name, x) for name, x in given if K.is_placeholder(x)]
        self.inputs = tensors
        self.input_names = [name for name, _ in given]
        self._feed_inputs = [x for _, x in fed]
        self._feed_input_names = [name for name, _ in fed]
        self._feed_input_shapes = [K.int_shape(x) for _, x in fed]
        if outputs is None:
            keywords = {"training": training} if has_arg(self.call, "training") else {}
            outputs = self.call(unpack_singleton(tensors), **keywords)
        self.outputs = to_list(outputs, allow_tuple=True)
        self.output_names = [f"output_{i}" for i in range(1, len(self.outputs) + 1)]
        self.built = True

    def _build_from_data(self, x: Any, y: Any) -> bool:
        """Build and compile on the first data. Returns whether the data are tensors, which need no feeding."""
        given: Arrays = []
        if not self.built:
            given += _arrays_or_tensors("inputs", x)
            if not self.inputs:
                self._set_inputs(x)
        if y is not None and not self._is_compiled:
            if not self.optimizer:
                raise ExecutionError(
                    located(
                        f"You must compile the model {self.name} before training or testing it: "
                        "`model.compile(optimizer, loss)`."
                    )
                )
            targets = _arrays_or_tensors("targets", y)
            given += targets
            if len({K.is_tensor(v) for v in given}) > 1:
                passed = f"x={described(x)}; y={described(y)}"
                raise GraphError(located(f"Inputs cannot mix arrays and tensors. You passed: {passed}"))
            tensors = [v for v in targets if K.is_tensor(v)]
            self.compile(
                self.optimizer,
                self.loss,
                self.metrics,
                self.loss_weights,
                self.sample_weight_mode,
                self.weighted_metrics,
                tensors or None,
                **self._function_kwargs,
            )
        return any(K.is_tensor(v) for v in given)

    def _standardize_user_data(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        check_array_lengths: bool = True,
        batch_size: int | None = None,
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Return the lists of arrays to feed: inputs, targets, sample weights; all checked against the model."""
        if self._build_from_data(x, y):
            return [], [], []
        shapes = self._feed_input_shapes if self._is_graph_network else None
        inputs = standardize_input_data(x, self._feed_input_names, shapes, False, "input")
        targets: Arrays = []
        weights: Arrays = []
        if y is not None:
            self._require_compiled()
            targets, weights = self._standardize_targets(y, sample_weight, class_weight)
            check_array_length_consistency(inputs, targets, weights)
        if batch_size and self.stateful and inputs and inputs[0].shape[0] % batch_size:
            raise GraphError(
                located(
                    f"{self.name} is stateful: the number of samples ({inputs[0].shape[0]}) must be a multiple of the "
                    f"batch size ({batch_size})."
                )
            )
        return inputs, targets, weights

    def _standardize_targets(self, y: Any, sample_weight: Any, class_weight: Any) -> tuple[Arrays, Arrays]:
        names = self._feed_output_names
        shapes = None
        if self._is_graph_network:
            shapes = [
                expected_target_shape(shape, loss) for shape, loss in zip(self._feed_output_shapes, self._feed_loss_fns)
            ]
        targets = standardize_input_data(y, names, shapes, False, "target")
        weights = [
            standardize_weights(*entry)
            for entry in zip(
                targets,
                standardize_sample_weights(sample_weight, names),
                standardize_class_weights(class_weight, names),
                self._feed_sample_weight_modes,
            )
        ]
        if shapes is not None:
            check_loss_and_target_compatibility(targets, self._feed_loss_fns, shapes)
        return targets, weights

    def _fed_arrays(self, data: tuple[Arrays, Arrays, Arrays], phase: float) -> Arrays:
        """Return all that a step is fed, in order. Raises GraphError where the targets are missing."""
        inputs, targets, _ = data
        if inputs and self._feed_targets and not targets:
            raise GraphError(
                located(f"{self.name} has losses for the outputs {self._feed_output_names}, but no targets were given.")
            )
        return [array for group in data for array in group] + self._phase_value(phase)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int = 1,
        callbacks: Sequence[Any] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Train for epochs `initial_epoch` to `epochs`, and return the History.

        `x` and `y` are arrays, lists of arrays, or dicts by input and output name. `batch_size` is 32 unless given.
        `validation_split` takes the last samples, before shuffling, for validation; `validation_data` is (x, y) or
        (x, y, sample_weights). `shuffle` is True, False or "batch". `verbose`: 0 silent, 1 a bar, 2 a line an epoch.
        `class_weight` maps class -> weight. With `steps_per_epoch` each step uses all the data given.
        Ctrl-C raises KeyboardInterrupt between two steps; `model.history` then holds what was done.
        Raises ShapeError, GraphError or TypeError where data do not fit, before any weight changes.
        """
        if "nb_epoch" in kwargs:
            warnings.warn("`fit` calls `nb_epoch` `epochs`: update your call to the Keras 2 API.", stacklevel=2)
            epochs = kwargs.pop("nb_epoch")
        if kwargs:
            raise UsageError(located(f"`fit` does not take the arguments {sorted(kwargs)}"))
        batch_size = checked_batch_size(batch_size, steps_per_epoch)
        if x is None and y is None and steps_per_epoch is None:
            raise GraphError(located("`fit` needs data, x and y; from tensors of the model's own, `steps_per_epoch`"))
        data = self._standardize_user_data(
            x, y, sample_weight=sample_weight, class_weight=class_weight, batch_size=batch_size
        )
        data, validation = self._split_validation(data, validation_data, validation_split, validation_steps, batch_size)
        self._make_train_function()
        if validation is not None:
            self._make_test_function()
        return training_arrays.fit_loop(
            self,
            self.train_function,
            self._fed_arrays(data, 1.0),
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_function=None if validation is None else self.test_function,
            validation_arrays=validation,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
        )

    def _split_validation(
        self, data: tuple[Arrays, Arrays, Arrays], given: Any, split: float, steps: int | None, batch_size: int | None
    ) -> tuple[tuple[Arrays, Arrays, Arrays], Arrays | None]:
        """Return the training data, and what to feed for validation (None: no validation)."""
        if given:
            if len(given) not in (2, 3):
                raise GraphError(
                    located(
                        "validation_data must contain 2 (x_val, y_val) or 3 (x_val, y_val, val_sample_weights) items, "
                        f"however it contains {len(given)} items"
                    )
                )
            weights = given[2] if len(given) == 3 else None
            held = self._standardize_user_data(given[0], given[1], sample_weight=weights, batch_size=batch_size)
        elif split and 0.0 < split < 1.0:
            if any(K.is_tensor(x) for x in data[0]):
                raise GraphError(
                    located("If your data are tensors, you cannot use `validation_split`: pass `validation_data`.")
                )
            at = int(int(data[0][0].shape[0]) * (1.0 - split))
            held = (slice_arrays(data[0], at), slice_arrays(data[1], at), slice_arrays(data[2], at))
            data = (slice_arrays(data[0], 0, at), slice_arrays(data[1], 0, at), slice_arrays(data[2], 0, at))
        elif steps:
            held = ([], [], [])
        else:
            return data, None
        return data, self._fed_arrays(held, 0.0)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int = 1,
        sample_weight: Any = None,
        steps: int | None = None,
    ) -> Any:
        """Return the loss, or the list of loss and metrics in the order of `metrics_names`, over the data."""
        batch_size = checked_batch_size(batch_size, steps)
        if x is None and y is None and steps is None:
            raise GraphError(located("`evaluate` needs data, x and y; from tensors of the model's own, `steps`"))
        data = self._standardize_user_data(x, y, sample_weight=sample_weight, batch_size=batch_size)
        self._make_test_function()
        arrays = self._fed_arrays(data, 0.0)
        return training_arrays.test_loop(self, self.test_function, arrays, batch_size, verbose, steps)

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0, steps: int | None = None) -> Any:
        """Return the outputs for the inputs, as an array or a list of arrays."""
        batch_size = checked_batch_size(batch_size, steps)
        if x is None and steps is None:
            raise GraphError(located("Predicting from tensors needs the `steps` argument."))
        if not verbose and steps is None and self._is_one_batch(x, batch_size):
            self._make_predict_function()
            return unpack_singleton(self.predict_function([x, *self._phase_value(0.0)]))
        arrays, _, _ = self._standardize_user_data(x)
        check_array_length_consistency(arrays, arrays, arrays)
        if self.stateful and batch_size and arrays[0].shape[0] > batch_size and arrays[0].shape[0] % batch_size:
            raise GraphError(
                located(
                    f"{self.name} is stateful: the number of samples ({arrays[0].shape[0]}) must be a multiple of the "
                    f"batch size ({batch_size})."
                )
            )
        self._make_predict_function()
        return training_arrays.predict_loop(
            self, self.predict_function, arrays + self._phase_value(0.0), batch_size, verbose, steps
        )

    def _is_one_batch(self, x: Any, batch_size: int | None) -> bool:
        """Tell whether `x` can be fed as it is: the common case of serving, where each microsecond counts."""
        if type(x) is not np.ndarray or not self._is_graph_network or len(self._feed_inputs) != 1:
            return False
        shape = self._feed_input_shapes[0]
        if x.ndim < 2 or len(shape) != x.ndim or not 0 < len(x) <= (batch_size or 0):
            return False
        return all(dim is None or dim == size for dim, size in zip(shape[1:], x.shape[1:]))

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Any:
        """Take one training step, and return the loss, or loss and metrics, before it."""
        data = self._standardize_user_data(x, y, sample_weight=sample_weight, class_weight=class_weight)
        self._make_train_function()
        return unpack_singleton(self.train_function(self._fed_arrays(data, 1.0)))

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        """Return the loss, or loss and metrics, of one batch."""
        data = self._standardize_user_data(x, y, sample_weight=sample_weight)
        self._make_test_function()
        return unpack_singleton(self.test_function(self._fed_arrays(data, 0.0)))

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs of one batch."""
        is_plain = type(x) is np.ndarray and self._is_one_batch(x, len(x))
        arrays = [x] if is_plain else self._standardize_user_data(x)[0]
        self._make_predict_function()
        return unpack_singleton(self.predict_function(arrays + self._phase_value(0.0)))


def _as_input(x: Any, name: str) -> tuple[str, Any]:
    if K.is_tensor(x):
        return name, x
    array = np.asarray(x)
    shape = (None, *array.shape[1:]) if array.ndim > 1 else (None, 1)
    return name, K.placeholder(shape=shape, name=name)


def _arrays_or_tensors(what: str, given: Any) -> Arrays:
    if isinstance(given, Mapping):
        raise GraphError(located(f"Please do not pass a dictionary as model {what} before the model is built."))
    items = to_list(given, allow_tuple=True)
    if not all(isinstance(v, np.ndarray) or K.is_tensor(v) for v in items):
        wanted = f"Please provide as model {what} an array or a list of arrays"
        raise GraphError(located(f"{wanted}. You passed: {described(given)}"))
    return items
