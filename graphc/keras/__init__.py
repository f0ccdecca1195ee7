"""graphc.keras: the names and semantics of Keras 2.2.4 over graphc."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphc.keras import (
    activations,
    backend,
    callbacks,
    constraints,
    engine,
    initializations,
    initializers,
    layers,
    losses,
    metrics,
    models,
    objectives,
    optimizers,
    regularizers,
    utils,
)
from graphc.keras.layers import Input
from graphc.keras.models import Model, Sequential

if TYPE_CHECKING:
    from graphc.keras import applications, datasets, preprocessing, wrappers

__version__ = "2.2.4"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "engine",
    "initializations",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "objectives",
    "optimizers",
    "preprocessing",
    "regularizers",
    "utils",
    "wrappers",
]

# Nothing else needs them, and together they take a quarter of the time of an import.
_ON_FIRST_USE = frozenset({"applications", "datasets", "preprocessing", "wrappers"})


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return importlib.import_module(f"graphc.keras.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
