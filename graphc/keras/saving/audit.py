"""What a model file holds and asks for, told without loading it: no layer is made, no class looked for elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphc.errors import GraphcError
from graphc.keras.engine import layer_classes
from graphc.keras.saving.archive import is_archive, read_archive
from graphc.keras.saving.config_keras1 import KERAS_1_CLASSES
from graphc.keras.saving.config_newer import short_class_name
from graphc.keras.saving.errors import ModelFileError, UnsafeFileError
from graphc.keras.saving.hdf5_read import SIGNATURE, read_hdf5
from graphc.keras.saving.limits import parse_json, parse_yaml
from graphc.keras.saving.tree import Group
from graphc.keras.utils.generic_utils import get_custom_objects


@dataclass
class Audit:
    """The findings about a file.

    `facts` are names and values; `needs` what `custom_objects` must give; `problems` why the file cannot be loaded.
    """

    path: str
    facts: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{name:<12} {value}" for name, value in self.facts.items()]
        lines += [f"{'needs':<12} {need}" for need in self.needs]
        lines += [f"{'problem':<12} {problem}" for problem in self.problems]
        verdict = "cannot be loaded" if self.problems else "can be loaded"
        if self.needs and not self.problems:
            verdict += " with custom_objects"
        return "\n".join([*lines, f"{'verdict':<12} {verdict}"])


def audit_file(path: str | os.PathLike[str]) -> Audit:
    """Return what is known of the file at a path (.h5, .keras, .json, .yaml), read as loading would read it.

    Unsafe and damaged files are findings, not errors. Raises MissingFileError where there is no file.
    """
    found = Audit(os.fspath(path))
    try:
        _look(found)
    except FileNotFoundError:
        raise
    except UnsafeFileError as error:
        found.problems.append(f"unsafe: {error}")
    except GraphcError as error:
        found.problems.append(str(error))
    return found


def _look(found: Audit) -> None:
    path = found.path
    if is_archive(path):
        archive = read_archive(path)
        metadata = archive.metadata if isinstance(archive.metadata, Mapping) else {}
        found.facts["format"] = ".keras archive"
        found.facts["keras"] = str(metadata.get("keras_version", "not told"))
        _look_at_config(found, archive.config)
        if archive.weights is None:
            found.problems.append("the archive has no weights")
        else:
            _look_at_weights(found, archive.weights)
        return
    with open(path, "rb") as file:
        start = file.read(8)
    if start == SIGNATURE:
        _look_at_hdf5(found, read_hdf5(path))
        return
    if path.endswith((".h5", ".hdf5", ".keras")):
        raise ModelFileError(f"{path} is neither HDF5 nor a .keras archive")
    with open(path, "rb") as file:
        try:
            text = file.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ModelFileError(f"{path} is no model file: neither HDF5 nor a .keras archive nor text") from error
    is_json = text.lstrip()[:1] in ("{", "[")
    found.facts["format"] = "JSON" if is_json else "YAML"
    _look_at_config(found, parse_json(text, path) if is_json else parse_yaml(text, path))


def _look_at_hdf5(found: Audit, root: Group) -> None:
    text = root.text("model_config")
    found.facts["format"] = "HDF5, model" if text is not None else "HDF5, weights"
    weights = root.group("model_weights") if root.has_group("model_weights") else root
    found.facts["keras"] = weights.text("keras_version") or root.text("keras_version") or "not told (1 or 3)"
    found.facts["backend"] = weights.text("backend") or "not told"
    if text is not None:
        _look_at_config(found, parse_json(text, "model_config"))
    training = root.text("training_config")
    found.facts["compiled"] = "yes" if training is not None else "no"
    if training is not None:
        parse_json(training, "training_config")
    _look_at_weights(found, weights)
    if root.has_group("optimizer_weights"):
        state = root.group("optimizer_weights")
        found.facts["optimizer"] = f"{len(list(state.arrays()))} arrays of state"


def _look_at_weights(found: Audit, root: Group) -> None:
    arrays = list(root.arrays())
    size = sum(array.nbytes for _, array in arrays)
    found.facts["weights"] = f"{len(arrays)} arrays, {sum(array.size for _, array in arrays)} numbers, {size} bytes"
    for path, array in arrays:
        if array.dtype.kind not in "fiub":
            found.problems.append(f"array {path} holds no numbers")


def _look_at_config(found: Audit, config: Any) -> None:
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise ModelFileError("the architecture has no class name")
    if isinstance(config.get("keras_version"), str):
        found.facts.setdefault("keras", config["keras_version"])
    found.facts.setdefault("keras", "not told")
    classes: Counter[str] = Counter()
    known = get_custom_objects()
    for layer in _layers_of(config):
        name = short_class_name(layer["class_name"])
        classes[name] += 1
        own = layer.get("config")
        is_known = name in known or name == "Functional" or name in KERAS_1_CLASSES
        if not is_known and layer_classes.find(name) is None:
            found.needs.append(f"custom_objects[{name!r}]: a layer class that is not known here")
        if isinstance(own, Mapping):
            _look_for_code(found, name, own)
    found.facts["model"] = short_class_name(config["class_name"])
    found.facts["layers"] = ", ".join(f"{count} {name}" for name, count in sorted(classes.items()))
    found.needs[:] = dict.fromkeys(found.needs)


def _look_for_code(found: Audit, class_name: str, own: Mapping[str, Any]) -> None:
    for key, kind in own.items():
        if not key.endswith("_type") or kind not in ("lambda", "function"):
            continue
        part = key.removesuffix("_type")
        name = own.get("name") if part in ("function", "mode") else f"{own.get('name')}.{part}"
        if kind == "lambda":
            found.needs.append(
                f"custom_objects[{name!r}]: the {part} of a {class_name} (its code is in the file, unused)"
            )
        else:
            found.needs.append(f"custom_objects[{own.get(part)!r}]: the {part} of a {class_name}")


def _layers_of(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the layers of a model's config, nested ones too, without the models themselves."""
    found: list[Mapping[str, Any]] = []
    waiting: list[Any] = [config]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, Mapping):
            raise ModelFileError(f"a layer without class name and config: {str(item)[:80]}")
        own = item.get("config")
        layers = own.get("layers") if isinstance(own, Mapping) else own
        if isinstance(layers, list):
            waiting += reversed(layers)
        if "class_name" in item and (not isinstance(layers, list) or item["class_name"] == "Merge"):
            found.append(item)
            wrapped = own.get("layer") if isinstance(own, Mapping) else None
            waiting += [wrapped] if isinstance(wrapped, Mapping) else []
    return found
