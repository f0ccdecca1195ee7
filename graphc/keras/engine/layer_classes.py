"""Layer classes by name: how a config finds the class to make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.keras.utils.generic_utils import deserialize_keras_object

_classes: dict[str, Any] = {}


def register_classes(classes: Mapping[str, Any]) -> None:
    """Make the classes known by these names; the layers package and the models do, when they are imported."""
    _classes.update(classes)


def find(name: str) -> Any:
    """Return the class of this name, None where there is none."""
    return _classes.get(name)


def serialize(layer: Any) -> dict[str, Any]:
    """Return `{"class_name", "config"}` of a layer or model."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new layer or model from `serialize`'s result. Raises ValueError for an unknown class."""
    return deserialize_keras_object(
        config, module_objects=_classes, custom_objects=custom_objects, printable_module_name="layer"
    )
