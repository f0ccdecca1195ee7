"""Models from configs of any version: the config converted, the classes looked up, the layers made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.errors import DTypeError, GraphError
from graphc.keras.engine import layer_classes
from graphc.keras.engine.allowance import allowed_weights
from graphc.keras.saving.config_keras1 import convert_keras_1, is_keras_1
from graphc.keras.saving.config_newer import convert_newer
from graphc.keras.saving.convert_weights import Origin
from graphc.keras.saving.errors import ModelFileError, UnsafeFileError
from graphc.keras.saving.limits import parse_json, parse_yaml
from graphc.keras.saving.report import LoadReport
from graphc.keras.utils.generic_utils import get_custom_objects
from graphc.keras.utils.location import located

Custom = Mapping[str, Any] | None

# What a config without weights may make: 8 GiB of float32.
_MAX_WEIGHTS = 1 << 31


class ConfigTypeError(GraphError, DTypeError):
    """A model's config is not a dictionary."""


def model_from_config(config: Any, custom_objects: Custom = None) -> Any:
    """Return a new model of `{"class_name", "config"}`, of Keras 1 to 3.

    `load_report` of the model says what was converted. Raises TypeError for a list: that is a Sequential's config.
    """
    if isinstance(config, list):
        raise ConfigTypeError(
            located("model_from_config expects a dictionary; `Sequential.from_config` takes a list of layers.")
        )
    report = LoadReport()
    model = layer_classes.deserialize(
        converted(config, Origin(0, report=report), custom_objects), custom_objects=custom_objects
    )
    model.load_report = report
    return model


def model_from_json(json_string: str, custom_objects: Custom = None) -> Any:
    """Return a new model of the text that `to_json()` gave. Raises ModelFileError (a ValueError) for other text."""
    config = parse_json(json_string, "the JSON text")
    return model_of(config, Origin(0), custom_objects, "the JSON text", _MAX_WEIGHTS)


def model_from_yaml(yaml_string: str, custom_objects: Custom = None) -> Any:
    """Return a new model of the text that `to_yaml()` gave. Raises ModelFileError (a ValueError) for other text."""
    config = parse_yaml(yaml_string, "the YAML text")
    return model_of(config, Origin(0), custom_objects, "the YAML text", _MAX_WEIGHTS)


def converted(config: Any, origin: Origin, custom_objects: Custom) -> dict[str, Any]:
    """Return a config of any version in the spelling of Keras 2.2.4; `origin` is what its file tells of it."""
    if not isinstance(config, Mapping):
        raise ModelFileError(f"a model config that is no dictionary: {str(config)[:80]}")
    is_old = origin.is_keras_1
    if origin.version == 0:
        # Keras 2 has layers with Keras 1's names of arguments; a version tells them apart.
        version = config.get("keras_version")
        is_old = version.startswith("1.") if isinstance(version, str) else is_keras_1(config)
    if is_old:
        config = convert_keras_1(config, origin.report, origin.backend)
    return convert_newer(config, origin.report, custom_objects or {})


def model_of(config: Any, origin: Origin, custom_objects: Custom, source: str, weights: int) -> Any:
    """Return the model of a config that comes from `source`, with room for `weights` scalars.

    Whatever is wrong with the config becomes a ModelFileError.
    """
    try:
        with allowed_weights(weights):
            own = converted(config, origin, custom_objects)
            model = layer_classes.deserialize(own, custom_objects=custom_objects)
    except MemoryError as error:
        raise UnsafeFileError(f"{source} declares a model that does not fit into memory") from error
    except ModelFileError:
        raise
    except Exception as error:
        hint = _hint(error, custom_objects)
        raise ModelFileError(
            f"{source} has a model that cannot be made: {error or type(error).__name__}{hint}"
        ) from error
    if not hasattr(model, "_is_graph_network"):
        raise ModelFileError(f"{source} describes a {type(model).__name__}, which is no model")
    model.load_report = origin.report
    return model


def _hint(error: Exception, custom_objects: Custom) -> str:
    known = {**get_custom_objects(), **(custom_objects or {})}
    return f" (custom objects given: {sorted(known)})" if known and str(error).startswith("Unknown") else ""
