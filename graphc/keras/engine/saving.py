"""Models from their architecture: config, JSON, YAML. (Weights and HDF5 files are not written yet.)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphc.errors import DTypeError, GraphError
from graphc.keras.engine import layer_classes
from graphc.keras.utils.location import located


class ConfigTypeError(GraphError, DTypeError):
    """A model's config is not a dictionary."""


def model_from_config(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model of `{"class_name", "config"}`. Raises TypeError for a list: that is a Sequential's config."""
    if isinstance(config, list):
        raise ConfigTypeError(
            located("model_from_config expects a dictionary; `Sequential.from_config` takes a list of layers.")
        )
    return layer_classes.deserialize(config, custom_objects=custom_objects)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model of the text that `to_json()` gave."""
    return model_from_config(json.loads(json_string), custom_objects)


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model of the text that `to_yaml()` gave."""
    # yaml is slow to import, and few programs read it.
    import yaml

    return model_from_config(yaml.safe_load(yaml_string), custom_objects)
