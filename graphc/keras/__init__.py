"""graphc.keras: the names and semantics of Keras 2.2.4 over graphc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.collector import without_collections
from graphc.lazy import loaded_on_first_use

with without_collections():
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
__getattr__, __dir__ = loaded_on_first_use(
    __name__, {"applications": "", "datasets": "", "preprocessing": "", "wrappers": ""}
)
