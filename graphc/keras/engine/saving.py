"""Keras's module path of saving and loading."""

from graphc.keras.saving import (
    load_model,
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    model_from_config,
    model_from_json,
    model_from_yaml,
    pickle_model,
    preprocess_weights_for_loading,
    save_model,
    save_weights_to_hdf5_group,
    unpickle_model,
)
from graphc.keras.utils.io_utils import ask_to_proceed_with_overwrite

__all__ = [
    "ask_to_proceed_with_overwrite",
    "load_model",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_model",
    "save_weights_to_hdf5_group",
    "unpickle_model",
]
