"""Configs as JSON text."""

from __future__ import annotations

import json
from typing import Any

from graphc.keras.engine.network_config import json_value


def config_text(value: Any) -> str:
    """Return JSON of a config in which objects stand as `{"class_name", "config"}` and functions by their names.

    Raises TypeError for a value of another kind.
    """
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return json_value(value)
