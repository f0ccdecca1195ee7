"""`graphc summary`: the layers of a model."""

from __future__ import annotations

from graphc.cli.target import find_objects
from graphc.viz import is_model


def summary(target: str) -> int:
    """Print the summary of every model found and return 0. Raises CommandError where there is none."""
    models = find_objects(target, is_model, "model")
    for name, model in models.items():
        if len(models) > 1:
            print(f"\n{name}:")
        model.summary()
    return 0
