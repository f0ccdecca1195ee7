"""Keras's module path of saving and loading."""

from graphc.keras.saving import (
    load_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
    pickle_model,
    preprocess_weights_for_loading,
    save_model,
    unpickle_model,
)
from graphc.keras.utils.io_utils import ask_to_proceed_with_overwrite

__all__ = [
    "ask_to_proceed_with_overwrite",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_model",
    "unpickle_model",
]
