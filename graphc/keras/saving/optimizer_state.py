"""The state of an optimizer as a file has it, in the order of Keras 2.2.4."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.saving.convert_weights import Origin, convert_weights, flipped_kernels
from graphc.keras.saving.layer_weights import stored_arrays
from graphc.keras.saving.tree import Group
from graphc.keras.utils.conv_utils import convert_kernel

Array = np.ndarray[Any, Any]

# How many arrays an optimizer keeps for each parameter (without amsgrad and the like), and whether 2.2.4 saves the
# number of steps before them.
_SLOTS = {"SGD": 1, "RMSprop": 1, "Adagrad": 1, "Adadelta": 2, "Adam": 2, "Adamax": 2, "Nadam": 2}
_COUNTS_STEPS = ("SGD", "Adam", "Adamax", "Nadam")


def restore(model: Any, values: Sequence[Array], names: Sequence[str], origin: Origin) -> None:
    """Set the optimizer's state of a compiled model from a file's arrays, whose `names` may be missing.

    Arrays in another order than 2.2.4's (steps, then each slot of all parameters) are put into it; what belongs to
    kernels that were flipped is flipped with them. Where the arrays do not fit, the optimizer starts anew, with a
    warning.
    """
    model._make_train_function()
    optimizer = model.optimizer
    shapes = [tuple(K.int_shape(w)) for w in optimizer.weights]
    candidates = [list(values)]
    if _is_foreign(names):
        candidates = _rearranged(model, values, names)
    for candidate in candidates:
        if [tuple(v.shape) for v in candidate] == shapes and all(v.dtype.kind in "fiub" for v in candidate):
            optimizer.set_weights(_flipped(model, candidate, origin))
            if candidate is not candidates[0] or _is_foreign(names):
                origin.report.add(f"state of {type(optimizer).__name__} rearranged into the order of Keras 2.2.4")
            return
    warnings.warn(
        "Error in loading the saved optimizer state. As a result, your model is starting with a freshly initialized "
        "optimizer.",
        stacklevel=4,
    )
    origin.report.add("the optimizer's state does not fit and was not restored")


def _flipped(model: Any, state: Sequence[Array], origin: Origin) -> list[Array]:
    """Return the state with the slots of flipped kernels flipped; Keras 1's has been converted as a whole."""
    if not origin.flips_kernels or origin.is_keras_1:
        return list(state)
    parameters = model._collected_trainable_weights
    kernels = {id(kernel) for kernel in flipped_kernels(model)}
    first = 1 if type(model.optimizer).__name__ in _COUNTS_STEPS else 0
    found = list(state)
    for i, value in enumerate(state[first:]):
        parameter = parameters[i % len(parameters)]
        if id(parameter) in kernels and value.shape == tuple(K.int_shape(parameter)):
            found[first + i] = convert_kernel(value)
    return found


def _is_foreign(names: Sequence[str]) -> bool:
    """Whether the names are those of tf_keras or Keras 3, or there are none (a `.keras` file)."""
    leaves = {name.split(":")[0].rsplit("/", 1)[-1] for name in names}
    return not names or bool(leaves & {"iteration", "iter"})


def _rearranged(model: Any, values: Sequence[Array], names: Sequence[str]) -> list[list[Array]]:
    """Return the orders in which a newer file's arrays may be meant."""
    optimizer = model.optimizer
    kind = type(optimizer).__name__
    parameters = len(model._collected_trainable_weights)
    slots = _SLOTS.get(kind, 0)
    leading = next((i for i, v in enumerate(values) if v.shape), len(values))
    head, body = list(values[:leading]), list(values[leading:])
    if kind == "SGD" and not body:
        # Without momentum newer versions keep none; 2.2.4 keeps zeros.
        body = [np.zeros(K.int_shape(w), np.float32) for w in model._collected_trainable_weights]
    if slots == 0 or not head or len(body) < slots * parameters:
        return []
    steps = [np.asarray(head[0], np.int64)] if kind in _COUNTS_STEPS else []
    first, extra = body[: slots * parameters], body[slots * parameters :]
    if kind == "Adam" and not optimizer.amsgrad:
        extra = [np.zeros(1, np.float32) for _ in range(parameters)]
    interleaved = [v for slot in range(slots) for v in first[slot::slots]]
    is_legacy = any(name.split(":")[0].endswith("/iter") or name == "iter:0" for name in names)
    orders = [first, interleaved] if is_legacy else [interleaved, first]
    return [[*steps, *order, *extra] for order in orders]


def keras_1_state(model: Any, weights: Group, state: Group, origin: Origin) -> list[Array]:
    """Return Keras 1's optimizer state in the order and layouts of Keras 2, empty where it cannot be told.

    Keras 1 kept parameters sorted by the names of their variables, each slot in the layouts of its weights; every
    slot is therefore converted as the weights are.
    """
    values = stored_arrays(state)
    kind = type(model.optimizer).__name__
    slots = _SLOTS.get(kind, 0)
    steps = [np.asarray(values.pop(0), np.int64)] if kind in _COUNTS_STEPS and values and not values[0].shape else []
    stored = [(name, weights.group(name)) for name in weights.names("layer_names")]
    stored = [(name, group) for name, group in stored if group.names("weight_names")]
    layers = {layer.name: layer for layer in model.layers}
    if slots == 0 or any(name not in layers for name, _ in stored):
        return []
    trainable = {
        (name, variable)
        for name, group in stored
        for variable in _trainable_names(layers[name], group.names("weight_names"))
    }
    order = sorted(trainable, key=lambda pair: pair[1])
    if len(values) != slots * len(order):
        return []
    found: list[Array] = []
    for slot in range(slots):
        by_name = dict(zip(order, values[slot * len(order) : (slot + 1) * len(order)]))
        slot_of: dict[int, Array] = {}
        for name, group in stored:
            arrays = [by_name.get((name, variable), group.array(variable)) for variable in group.names("weight_names")]
            converted = convert_weights(layers[name], arrays, origin)
            slot_of.update((id(w), v) for w, v in zip(layers[name].weights, converted))
        try:
            found += [slot_of[id(w)] for w in model._collected_trainable_weights]
        except KeyError:
            return []
    if kind == "Adam":
        found += [np.zeros(1, np.float32) for _ in model._collected_trainable_weights]
    return [*steps, *found]


def _trainable_names(layer: Any, names: Sequence[str]) -> Sequence[str]:
    """Return the names of a stored layer's trainable weights, which come first; all where their number differs."""
    trainable = len(layer.trainable_weights)
    return names[:trainable] if len(layer.weights) == len(names) else names
