"""graphc.keras: the names and semantics of Keras 2.2.4 over graphc."""

from graphc.keras import (
    activations,
    applications,
    backend,
    callbacks,
    constraints,
    datasets,
    engine,
    initializations,
    initializers,
    layers,
    losses,
    metrics,
    models,
    objectives,
    optimizers,
    preprocessing,
    regularizers,
    utils,
    wrappers,
)
from graphc.keras.layers import Input
from graphc.keras.models import Model, Sequential

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
