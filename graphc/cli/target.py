"""Finding what a command is about: SCRIPT_OR_MODULE[:NAME], or a saved model."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from graphc.cli.run import compile_script, install_keras, prepare
from graphc.errors import GraphcError


class CommandError(GraphcError):
    """A command was given something it cannot use; its message is all the user needs to see."""


_SAVED_MODELS = (".h5", ".hdf5", ".keras", ".json", ".yaml", ".yml")


def find_objects(target: str, is_wanted: Callable[[Any], bool], what: str) -> dict[str, Any]:
    """Return the wanted objects of a target by name: the named one, else all at the top of the script or module.

    Raises CommandError, telling what can be done, where there is none.
    """
    place, _, name = target.partition(":")
    if place.endswith(_SAVED_MODELS):
        return {Path(place).stem: load_saved(place)}
    names = vars(_load(place))
    if name:
        return {name: _named(names, place, name, is_wanted, what)}
    # A model bound to two names is one model.
    unique = {id(value): key for key, value in reversed(names.items()) if not key.startswith("_") and is_wanted(value)}
    found = {key: names[key] for key in names if key in unique.values()}
    if not found:
        raise CommandError(
            f"'{place}' has no {what} at its top level. If a function builds it, name the function: {place}:NAME"
        )
    return found


def load_saved(place: str) -> Any:
    """Return the model of a file: with its weights, or from its architecture alone (.json, .yaml).

    Raises CommandError where there is no such file.
    """
    # Only saved models need Keras.
    from graphc.keras import models

    path = Path(place)
    if not path.is_file():
        raise CommandError(f"cannot read '{place}': no such file")
    if path.suffix == ".json":
        return models.model_from_json(path.read_text(encoding="utf-8"))
    if path.suffix in (".yaml", ".yml"):
        return models.model_from_yaml(path.read_text(encoding="utf-8"))
    return models.load_model(place)


def _named(names: dict[str, Any], place: str, name: str, is_wanted: Callable[[Any], bool], what: str) -> Any:
    if name not in names:
        raise CommandError(f"'{place}' has no '{name}'")
    value = names[name]
    if not is_wanted(value) and callable(value):
        value = value()
    if not is_wanted(value):
        raise CommandError(f"'{place}:{name}' is a {type(value).__name__}, not a {what}")
    return value


def _load(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py":
        try:
            code = compile_script(path)
        except OSError as error:
            raise CommandError(f"cannot read '{place}': {error.strerror}") from None
        prepare(path)
        sys.argv = [place]
        module = ModuleType(path.stem)
        module.__file__ = place
        exec(code, module.__dict__)
        return module
    install_keras()
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise CommandError(f"there is no module '{place}'; a script's path ends in .py") from None
        raise
