"""Weights of a model's layers to a group and back: Keras 2's `layer_names` and `weight_names`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.engine.network_config import KERAS_VERSION
from graphc.keras.saving.convert_weights import Origin, convert_weights, origin_of
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.report import LoadReport
from graphc.keras.saving.tree import Group

Array = np.ndarray[Any, Any]

# Keras flips the kernels of convolutions in files of a backend that convolves; we correlate, as TensorFlow does.
FILE_BACKEND = "tensorflow"


def layers_to_group(layers: Sequence[Any], name: str = "/") -> Group:
    """Return the weights of layers as Keras 2.2.4 stores them: a group a layer, an array a weight."""
    attributes = {
        "layer_names": [layer.name for layer in layers],
        "backend": FILE_BACKEND,
        "keras_version": KERAS_VERSION,
    }
    root = Group(name, attributes)
    for layer in layers:
        root.put(layer.name, variables_to_group(layer.weights, layer.name))
    return root


def variables_to_group(variables: Sequence[Any], name: str) -> Group:
    """Return variables as arrays under their names, made unique, in the order of `weight_names`."""
    names = _unique([v.name or f"param_{i}" for i, v in enumerate(variables)])
    group = Group(name, {"weight_names": names})
    for path, value in zip(names, K.batch_get_value(list(variables))):
        group.put(path, value)
    return group


def _unique(names: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        candidate, count = name, 0
        while candidate in found:
            count += 1
            candidate = f"{name}_{count}"
        found[candidate] = None
    return list(found)


def stored_arrays(group: Group) -> list[Array]:
    """Return the arrays of a layer's group in the order of its `weight_names`."""
    return [group.array(name) for name in group.names("weight_names")]


def origin_of_weights(weights: Group, version: str | None, report: LoadReport) -> Origin:
    """Return the origin of a group of layers; `version` is the file's where the group names none."""
    names = [name for layer in weights.names("layer_names") for name in weights.group(layer).names("weight_names")]
    return origin_of(weights.text("keras_version") or version, weights.text("backend"), names, report)


def load_in_order(weights: Group, layers: Sequence[Any], origin: Origin, reshape: bool = False) -> None:
    """Set the weights of `layers` from the stored ones, the first layer with weights from the first, and so on.

    Nothing changes where anything does not fit: ModelFileError (a ValueError).
    """
    stored = [name for name in weights.names("layer_names") if weights.group(name).names("weight_names")]
    targets = [layer for layer in layers if layer.weights]
    if len(stored) != len(targets):
        raise ModelFileError(
            f"You are trying to load a weight file containing {len(stored)} layers into a model with "
            f"{len(targets)} layers."
        )
    pairs: list[tuple[Any, Array]] = []
    for i, (name, layer) in enumerate(zip(stored, targets)):
        values = convert_weights(layer, stored_arrays(weights.group(name)), origin, reshape)
        problem = _misfit(layer, values, i, name)
        if problem:
            raise ModelFileError(problem)
        pairs += zip(layer.weights, values)
    K.batch_set_value(pairs)


def load_own(weights: Group, layers: Sequence[Any], origin: Origin) -> None:
    """Set the weights of a model made from the same file.

    A layer takes the weights stored under its name where all layers' names agree; otherwise they are taken in order.
    """
    stored = {name for name in weights.names("layer_names") if weights.group(name).names("weight_names")}
    by_name = {layer.name: layer for layer in layers if layer.weights}
    if stored != set(by_name):
        return load_in_order(weights, layers, origin)
    return load_in_order(weights, [by_name[name] for name in weights.names("layer_names") if name in by_name], origin)


def load_by_name(
    weights: Group, layers: Sequence[Any], origin: Origin, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Set the weights of the layers whose names are stored.

    With `skip_mismatch` those that do not fit are left, with a warning; otherwise ModelFileError, and nothing changes.
    """
    by_name: dict[str, list[Any]] = {}
    for layer in layers:
        by_name.setdefault(layer.name, []).append(layer)
    pairs: list[tuple[Any, Array]] = []
    for i, name in enumerate(weights.names("layer_names")):
        for layer in by_name.get(name, ()):
            values = convert_weights(layer, stored_arrays(weights.group(name)), origin, reshape)
            problem = _misfit(layer, values, i, name)
            if not problem:
                pairs += zip(layer.weights, values)
            elif not skip_mismatch:
                raise ModelFileError(problem)
            else:
                text = f"Skipping loading of weights for layer {name} due to mismatch in number or shape: {problem}"
                warnings.warn(text, stacklevel=4)
    K.batch_set_value(pairs)


def _misfit(layer: Any, values: Sequence[Array], index: int, name: str) -> str:
    """Return what does not fit, empty where everything does."""
    variables = layer.weights
    where = f'Layer #{index} (named "{layer.name}" in the current model, "{name}" in the save file)'
    if len(variables) != len(values):
        return f"{where} expects {len(variables)} weights, but the saved weights have {len(values)} elements."
    for variable, value in zip(variables, values):
        shape = tuple(K.int_shape(variable))
        if shape != value.shape:
            return f"{where}: weight {variable.name} has shape {shape}, but the saved weight has shape {value.shape}."
        if value.dtype.kind not in "fiub":
            return f"{where}: weight {variable.name} expects numbers, but the saved weight has {value.dtype}."
    return ""
