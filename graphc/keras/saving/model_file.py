"""Whole models: to a group and back, to files and back."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from graphc.keras.engine.network_config import KERAS_VERSION
from graphc.keras.saving.architecture import model_of
from graphc.keras.saving.archive import Archive, is_archive, read_archive
from graphc.keras.saving.config_text import config_text
from graphc.keras.saving.convert_weights import Origin
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.hdf5_objects import read_group, write_group, write_hdf5
from graphc.keras.saving.hdf5_read import read_hdf5
from graphc.keras.saving.keras3_weights import is_keras_3_layout, load_keras_3, numbered_arrays
from graphc.keras.saving.layer_weights import (
    FILE_BACKEND,
    layers_to_group,
    load_by_name,
    load_in_order,
    load_own,
    origin_of_weights,
    stored_arrays,
    variables_to_group,
)
from graphc.keras.saving.limits import parse_json
from graphc.keras.saving.optimizer_state import keras_1_state, restore
from graphc.keras.saving.report import LoadReport
from graphc.keras.saving.training_config import compile_from_config
from graphc.keras.saving.tree import Group
from graphc.keras.utils.io_utils import ask_to_proceed_with_overwrite, is_hdf5_group

Custom = Mapping[str, Any] | None

# Scalars that a model may have beyond those its file stores: what is built and then replaced.
_SPARE_WEIGHTS = 1 << 20


# Saving


def save_model(model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    """Write a model's architecture, weights, and (unless `include_optimizer` is False) how it was compiled.

    `filepath` is a path (Keras 2.2.4's HDF5, written atomically) or an open h5py file or group. Where the file exists
    and `overwrite` is False, asks on the terminal. Raises OSError where it cannot write.
    """
    if is_hdf5_group(filepath):
        write_group(model_to_group(model, include_optimizer), filepath)
    elif may_write(filepath, overwrite):
        write_hdf5(model_to_group(model, include_optimizer), filepath)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model's weights alone to a path or an open h5py group, as `save_model` writes."""
    if is_hdf5_group(filepath):
        write_group(layers_to_group(model.layers), filepath)
    elif may_write(filepath, overwrite):
        write_hdf5(layers_to_group(model.layers), filepath)


def may_write(filepath: str | os.PathLike[str], overwrite: bool) -> bool:
    """Whether to write to a path: asks on the terminal where a file would be replaced and `overwrite` is False."""
    return overwrite or not os.path.isfile(filepath) or ask_to_proceed_with_overwrite(os.fspath(filepath))


def model_to_group(model: Any, include_optimizer: bool = True) -> Group:
    """Return everything that a model file holds."""
    root = Group()
    root.attributes["keras_version"] = KERAS_VERSION
    root.attributes["backend"] = FILE_BACKEND
    root.attributes["model_config"] = config_text({"class_name": type(model).__name__, "config": model.get_config()})
    root.members["model_weights"] = layers_to_group(model.layers, "/model_weights")
    optimizer = getattr(model, "optimizer", None)
    if include_optimizer and optimizer is not None:
        training = {
            "optimizer_config": {"class_name": type(optimizer).__name__, "config": optimizer.get_config()},
            "loss": model.loss,
            "metrics": model.metrics,
            "sample_weight_mode": model.sample_weight_mode,
            "loss_weights": model.loss_weights,
        }
        root.attributes["training_config"] = config_text(training)
        if optimizer.weights:
            root.members["optimizer_weights"] = variables_to_group(optimizer.weights, "/optimizer_weights")
    return root


# Loading


def load_model(filepath: Any, custom_objects: Custom = None, compile: bool = True) -> Any:
    """Return the model of a file: HDF5 of Keras 1, 2, tf_keras and 3, or a `.keras` archive.

    `filepath` is a path or an open h5py file or group. `custom_objects` maps the names of classes and functions in
    the file to yours; no other code is used, and none that the file holds. `load_report` of the model says what was
    converted. Raises ModelFileError (an OSError and ValueError) for what cannot be read, UnsafeFileError for what
    must not be.
    """
    if is_hdf5_group(filepath):
        return model_from_group(read_group(filepath), custom_objects, compile, "the HDF5 group")
    if is_archive(filepath):
        return _model_from_archive(read_archive(filepath), custom_objects, compile, str(filepath))
    return model_from_group(read_hdf5(filepath), custom_objects, compile, str(filepath))


def model_from_group(root: Group, custom_objects: Custom, compile: bool, source: str) -> Any:
    """Return the model of what a model file holds, compiled where it says how and `compile` is True."""
    report = LoadReport()
    text = root.text("model_config")
    if text is None:
        raise ModelFileError(f"No model found in config: {source} has weights only. Build the model and load_weights.")
    version = root.text("keras_version")
    weights = root.group("model_weights")
    room = 2 * sum(array.size for _, array in weights.arrays()) + _SPARE_WEIGHTS
    config = parse_json(text, f"{source}: model_config")
    origin = origin_of_weights(weights, _keras_1_version(version), report)
    model = model_of(config, origin, custom_objects, source, room)
    load_own(weights, model.layers, origin)
    if not compile:
        return model
    training = root.text("training_config")
    if training is None:
        warnings.warn(
            "No training configuration found in save file: the model was *not* compiled. Compile it manually.",
            stacklevel=3,
        )
        return model
    settings = parse_json(training, f"{source}: training_config")
    if _compile(model, settings, custom_objects, report, source) and root.has_group("optimizer_weights"):
        state = root.group("optimizer_weights")
        model._make_train_function()
        values = keras_1_state(model, weights, state, origin) if origin.is_keras_1 else stored_arrays(state)
        restore(model, values, state.names("weight_names"), origin)
    return model


def _keras_1_version(version: str | None) -> str | None:
    """Return the version of a file whose weights name none: Keras 1 wrote it in one place only."""
    return version if version is not None and version.startswith("1") else None


def _compile(model: Any, settings: Any, custom_objects: Custom, report: LoadReport, source: str) -> bool:
    if not isinstance(settings, Mapping):
        raise ModelFileError(f"{source}: how the model was compiled is no dictionary")
    try:
        return compile_from_config(model, settings, custom_objects or {}, report)
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{source}: the model cannot be compiled as it says: {error}. Try compile=False"
        ) from error


def _model_from_archive(archive: Archive, custom_objects: Custom, compile: bool, source: str) -> Any:
    report = LoadReport()
    metadata = archive.metadata if isinstance(archive.metadata, Mapping) else {}
    version = str(metadata.get("keras_version", "3"))
    report.add(f"the file is a .keras archive of Keras {version}")
    if archive.weights is None:
        raise ModelFileError(f"{source} has no model.weights.h5")
    root = archive.weights
    room = 2 * sum(array.size for _, array in root.arrays()) + _SPARE_WEIGHTS
    origin = Origin(3, FILE_BACKEND, report)
    model = model_of(archive.config, origin, custom_objects, source, room)
    load_keras_3(root, model, origin)
    settings = archive.config.get("compile_config") if isinstance(archive.config, Mapping) else None
    if not compile or settings is None:
        return model
    if _compile(model, settings, custom_objects, report, source) and root.has_group("optimizer"):
        values = numbered_arrays(root.group("optimizer"))
        if values:
            restore(model, values, [], origin)
    return model


def load_weights(
    model: Any, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Set a model's weights from a weight or model file, in the order of its layers or by their names.

    `skip_mismatch` (with `by_name`) leaves what does not fit; `reshape` gives convolution kernels the layer's shape.
    `load_report` of the model says what was converted. Raises ModelFileError (an OSError and ValueError) where the
    file cannot be read or does not fit; then nothing changes.
    """
    if skip_mismatch and not by_name:
        raise ModelFileError("When calling `load_weights` with skip_mismatch=True, by_name must be True.")
    report = LoadReport()
    if is_hdf5_group(filepath):
        root = read_group(filepath)
    elif is_archive(filepath):
        archived = read_archive(filepath).weights
        if archived is None:
            raise ModelFileError(f"{filepath} has no model.weights.h5")
        root = archived
    else:
        root = read_hdf5(filepath)
    model.load_report = report
    version = root.text("keras_version")
    if is_keras_3_layout(root):
        if by_name:
            raise ModelFileError(f"{filepath} has weights in the layout of Keras 3, which are not loaded by name")
        load_keras_3(root, model, Origin(3, FILE_BACKEND, report))
        return
    weights = root.group("model_weights") if root.has_group("model_weights") else root
    if not weights.has_names("layer_names"):
        raise ModelFileError(f"{filepath} is no weight file of Keras")
    origin = origin_of_weights(weights, _keras_1_version(version), report)
    if by_name:
        load_by_name(weights, model.layers, origin, skip_mismatch, reshape)
    else:
        load_in_order(weights, model.layers, origin, reshape)


# Pickling


def pickle_model(model: Any) -> Group:
    """Return a model's state to be pickled: what its file would hold."""
    return model_to_group(model)


def unpickle_model(state: Group) -> Any:
    """Return the model of a pickled state."""
    with warnings.catch_warnings():
        # A model that was never compiled is no surprise here.
        warnings.filterwarnings("ignore", message="No training configuration")
        return model_from_group(state, None, True, "the pickled model")
