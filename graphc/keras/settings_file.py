"""keras.json: the user's settings, in the folder where Keras keeps its files."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

_NAME = "keras.json"
_ALLOWED = {
    "floatx": {"float16", "float32", "float64"},
    "image_data_format": {"channels_last", "channels_first"},
    "image_dim_ordering": {"tf", "th"},
}


def keras_folder() -> Path:
    """Return the folder of Keras's files: the environment's KERAS_HOME, else `~/.keras`. It may not exist."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def read_settings() -> dict[str, Any]:
    """Return floatx, epsilon and image_data_format as keras.json gives them; defaults for what it does not say.

    Keras 1's `image_dim_ordering` is understood. What cannot be read, and values that are none, warn and leave the
    defaults. `backend`, as the environment's KERAS_BACKEND, has no effect: graphc is the backend.
    """
    settings: dict[str, Any] = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
    path = keras_folder() / _NAME
    try:
        given = json.loads(path.read_text())
    except OSError:
        return settings
    except ValueError as error:
        warnings.warn(f"{path} is not used: it is no JSON ({error})", stacklevel=2)
        return settings
    for name, value in given.items() if isinstance(given, dict) else ():
        if not _is_allowed(name, value):
            warnings.warn(f"{path}: {value!r} is no value of {name}; the default is used", stacklevel=2)
        elif name == "image_dim_ordering":
            settings["image_data_format"] = "channels_first" if value == "th" else "channels_last"
        elif name in settings:
            settings[name] = value
    return settings


def _is_allowed(name: str, value: Any) -> bool:
    if name == "epsilon":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return name not in _ALLOWED or str(value) in _ALLOWED[name]
