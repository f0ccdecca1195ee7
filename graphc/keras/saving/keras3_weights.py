"""Weights in the layout of Keras 3 (`model.weights.h5`): groups named after the model's tree of objects."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.engine.base_layer import snake_case
from graphc.keras.saving.convert_weights import Origin, convert_weights
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.tree import Group

Array = np.ndarray[Any, Any]

# The names under which wrappers keep their parts, in the order in which our wrappers list the parts' weights.
_PARTS = ("layer", "forward_layer", "backward_layer", "cell", "cells")
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies", "cells")


def is_keras_3_layout(root: Group) -> bool:
    """Whether a weight file has the layout of Keras 3."""
    return "layer_names" not in root.attributes and any(root.has_group(name) for name in _CONTAINERS[:2])


def load_keras_3(root: Group, model: Any, origin: Origin) -> None:
    """Set the weights of a model from a file of the same architecture.

    Layers are found by the name that Keras 3 keeps with them, by their class and number in files that keep none.
    Nothing changes where anything does not fit: ModelFileError.
    """
    pairs = _model_pairs(root, model, origin)
    K.batch_set_value(pairs)


def _model_pairs(root: Group, model: Any, origin: Origin) -> list[tuple[Any, Array]]:
    container = next((name for name in _CONTAINERS if root.has_group(name)), None)
    groups = {} if container is None else root.group(container).members
    pairs: list[tuple[Any, Array]] = []
    for layer, group in zip(model.layers, _match(model, groups)):
        if group is None:
            if layer.weights:
                raise ModelFileError(f"the file has no weights for layer {layer.name} ({type(layer).__name__})")
        elif hasattr(layer, "_is_graph_network"):
            pairs += _model_pairs(group, layer, origin)
        else:
            pairs += _layer_pairs(group, layer, origin)
    return pairs


def _match(model: Any, groups: dict[str, Any]) -> list[Group | None]:
    """Return the group of each layer of a model."""
    members = [member for member in groups.values() if isinstance(member, Group)]
    named = {_kept_name(member): member for member in members}
    layers = model.layers
    if all(layer.name in named for layer in layers if layer.weights):
        return [named.get(layer.name) for layer in layers]
    # Input layers count among the classes too, and a Sequential has one that its list of layers leaves out.
    numbered: Counter[str] = Counter()
    found: list[Group | None] = []
    for layer in layers:
        kind = _class_key(layer)
        number = numbered[kind]
        numbered[kind] += 1
        member = groups.get(f"{kind}_{number}" if number else kind)
        found.append(member if isinstance(member, Group) else groups.get(layer.name))
    return found


def _kept_name(group: Group) -> str | None:
    return group.group("vars").text("name") if group.has_group("vars") else None


def _class_key(layer: Any) -> str:
    if hasattr(layer, "_is_graph_network"):
        return "sequential" if type(layer).__name__ == "Sequential" else "functional"
    return snake_case(type(layer).__name__)


def _layer_pairs(group: Group, layer: Any, origin: Origin) -> list[tuple[Any, Array]]:
    values = convert_weights(layer, _arrays(group), origin)
    variables = layer.weights
    if [v.shape for v in values] != [tuple(K.int_shape(w)) for w in variables]:
        raise ModelFileError(
            f"layer {layer.name} has weights of shapes {[tuple(K.int_shape(w)) for w in variables]}, "
            f"but the file has {[v.shape for v in values]}"
        )
    return list(zip(variables, values))


def _arrays(group: Group) -> list[Array]:
    """Return a layer's own arrays, then those of its parts."""
    found = numbered_arrays(group)
    for name in _PARTS:
        if group.has_group(name):
            part = group.group(name)
            if name == "cells":
                for member in part.members.values():
                    found += _arrays(member) if isinstance(member, Group) else []
            else:
                found += _arrays(part)
    return found


def numbered_arrays(group: Group) -> list[Array]:
    """Return the arrays `vars/0`, `vars/1`, ... of an object."""
    if not group.has_group("vars"):
        return []
    members = group.group("vars").members
    found: list[Array] = []
    while str(len(found)) in members:
        found.append(group.group("vars").array(str(len(found))))
    return found
