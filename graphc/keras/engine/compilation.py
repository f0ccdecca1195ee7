"""What `Model.compile` decides for each output: its loss, target, sample weights and metrics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc import graph
from graphc.errors import DTypeError, GraphError
from graphc.keras import backend as K
from graphc.keras import losses
from graphc.keras import metrics as metrics_module
from graphc.keras.engine.training_utils import collect_metrics, expected_target_shape, weighted_masked_objective
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located
from graphc.records import record


class ArgumentError(GraphError, DTypeError):
    """An argument of `compile` is neither a list nor a dictionary where one is needed."""


@dataclass
class Output:
    """One output of a model being compiled.

    `target` is None where the output has no loss. `is_fed` says whether its target comes from the caller;
    `weights` is the placeholder of its sample weights, None where the target is not fed.
    """

    name: str
    tensor: Any
    mask: Any
    loss: Callable[[Any, Any], Any] | None
    loss_weight: float
    target: Any = None
    is_fed: bool = False
    weights: Any = None
    weight_mode: str | None = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The static shape of the output."""
        shape: tuple[int | None, ...] = K.int_shape(self.tensor)
        return shape


def plan_outputs(
    model: Any, loss: Any, loss_weights: Any, target_tensors: Any, sample_weight_mode: Any
) -> list[Output]:
    """Return an Output for each output of the model, with its target and sample weights made.

    Raises GraphError for names that are no outputs, and for lists of the wrong length.
    """
    names = model.output_names
    masks = to_list(model.compute_mask(model.inputs, mask=None)) if model._is_graph_network else [None]
    if len(masks) != len(names):
        masks = [None] * len(names)
    functions = _loss_functions(loss, names)
    weights = _by_output("loss_weights", loss_weights, names, 1.0)
    outputs = [Output(*entry) for entry in zip(names, model.outputs, masks, functions, weights)]
    targets = _target_tensors(target_tensors, names)
    modes = _weight_modes(sample_weight_mode, outputs, targets)
    for output, target, mode in zip(outputs, targets, modes):
        if output.loss is not None:
            _make_target(output, target, mode)
    return outputs


def _check_names(argument: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    unknown = [name for name in given if name not in names]
    if unknown:
        raise GraphError(
            located(f"Unknown entry in {argument} dictionary: {unknown}. Only expected the following keys: {names}")
        )


def _check_length(argument: str, given: Sequence[Any], names: Sequence[str]) -> None:
    if len(given) != len(names):
        raise GraphError(
            located(
                f"When passing a list as `{argument}`, it should have one entry per model output. "
                f"The model has {len(names)} outputs, but you passed {argument}={given}"
            )
        )


def _by_output(argument: str, given: Any, names: Sequence[str], default: Any) -> list[Any]:
    if given is None:
        return [default] * len(names)
    if isinstance(given, Mapping):
        _check_names(argument, given, names)
        return [given.get(name, default) for name in names]
    if isinstance(given, (list, tuple)):
        _check_length(argument, given, names)
        return list(given)
    raise ArgumentError(located(f"Could not interpret {argument} argument: {given} - expected a list or a dict."))


def _loss_functions(loss: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(loss, Mapping):
        for name in names:
            if name not in loss:
                warnings.warn(
                    f'Output "{name}" has no entry in the loss dictionary: no data will be expected for it.',
                    stacklevel=4,
                )
        return [losses.get(x) for x in _by_output("loss", loss, names, None)]
    if isinstance(loss, (list, tuple)):
        return [losses.get(x) for x in _by_output("loss", loss, names, None)]
    return [losses.get(loss)] * len(names)


def _target_tensors(given: Any, names: Sequence[str]) -> list[Any]:
    if K.is_tensor(given):
        if len(names) != 1:
            raise GraphError(
                located(
                    f"The model has {len(names)} outputs, but you passed a single tensor as `target_tensors`. "
                    "Expected a list or a dict of tensors."
                )
            )
        given = [given]
    return _by_output("target_tensors", given, names, None)


def _weight_modes(given: Any, outputs: Sequence[Output], targets: Sequence[Any]) -> list[str | None]:
    names = [output.name for output in outputs]
    if isinstance(given, Mapping):
        missing = [
            output.name
            for output, target in zip(outputs, targets)
            if output.loss is not None and _is_fed(target) and output.name not in given
        ]
        if missing:
            raise GraphError(located(f"Output {missing} missing from sample_weight_mode dictionary {dict(given)}"))
    if isinstance(given, (Mapping, list, tuple)):
        return _by_output("sample_weight_mode", given, names, None)
    return [given] * len(names)


def _is_fed(target: Any) -> bool:
    return target is None or K.is_placeholder(target)


def _make_target(output: Output, target: Any, mode: str | None) -> None:
    output.is_fed = _is_fed(target)
    if output.is_fed:
        output.weight_mode = "temporal" if mode == "temporal" else None
        output.weights = K.placeholder(ndim=2 if mode == "temporal" else 1, name=f"{output.name}_sample_weights")
    if target is None:
        expected = expected_target_shape(output.shape, output.loss)
        shape = (None,) * len(output.shape) if expected is None else (None, *expected[1:])
        target = K.placeholder(shape=shape, name=f"{output.name}_target", dtype=K.dtype(output.tensor))
    output.target = target


def loss_of(output: Output) -> Any:
    """Return the scalar loss of an output: masked, weighted, averaged."""
    with K.name_scope(f"{output.name}_loss"), graph.layer_scope(f"{output.name}_loss"):
        return weighted_masked_objective(output.loss)(output.target, output.tensor, output.weights, output.mask)


def total_of(outputs: Sequence[Output], values: Sequence[Any], penalties: Sequence[Any]) -> Any:
    """Return the scalar that training minimises: weighted losses and the layers' penalties.

    Raises GraphError where there is neither.
    """
    terms = [output.loss_weight * value for output, value in zip(outputs, values)]
    if not terms and not penalties:
        raise GraphError(located("The model cannot be compiled because it has no loss to optimize."))
    total = terms[0] if terms else penalties[0]
    for term in [*terms, *penalties][1:]:
        total = total + term
    return total


@record
class Metric:
    """A compiled metric: its name, its scalar, and the layer that keeps its state where it has one."""

    name: str
    tensor: Any
    stateful: Any = None


def plan_metrics(
    outputs: Sequence[Output], metrics: Any, weighted_metrics: Any, taken_names: Sequence[str]
) -> list[Metric]:
    """Return the metrics of all outputs, plain ones before weighted ones of each output.

    A name that is taken gets `_1`, `_2`, ...; several outputs prefix theirs.
    """
    names = [output.name for output in outputs]
    plain, weighted = collect_metrics(metrics, names), collect_metrics(weighted_metrics, names)
    found: list[Metric] = []
    for output, unweighted, with_weights in zip(outputs, plain, weighted):
        if output.loss is None:
            continue
        for metric, weights in [*((m, None) for m in unweighted), *((m, output.weights) for m in with_weights)]:
            function, name = _metric_function(metric, output)
            name = f"weighted_{name}" if weights is not None else name
            name = f"{output.name}_{name}" if len(outputs) > 1 else name
            name = _free_name(name, [*taken_names, *(m.name for m in found)])
            with K.name_scope(name), graph.layer_scope(name):
                tensor = weighted_masked_objective(function)(output.target, output.tensor, weights, output.mask)
            found.append(Metric(name, tensor, function if getattr(function, "stateful", False) else None))
    return found


def _free_name(name: str, taken: Sequence[str]) -> str:
    candidate, count = name, 0
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def _metric_function(metric: Any, output: Output) -> tuple[Any, str]:
    """Return a metric and its name; `accuracy` and `crossentropy` suit the output's loss and shape."""
    if not isinstance(metric, str) or metric not in ("accuracy", "acc", "crossentropy", "ce"):
        function = metrics_module.get(metric)
        return function, getattr(function, "name", None) or function.__name__
    is_accuracy = metric in ("accuracy", "acc")
    if output.shape[-1] == 1 or output.loss is losses.binary_crossentropy:
        kind = "binary"
    elif output.loss is losses.sparse_categorical_crossentropy:
        kind = "sparse_categorical"
    else:
        kind = "categorical"
    function = getattr(metrics_module, f"{kind}_{'accuracy' if is_accuracy else 'crossentropy'}")
    return function, "acc" if is_accuracy else "ce"
