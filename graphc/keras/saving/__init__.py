"""Model files: Keras 2.2.4's HDF5 written; Keras 1, 2, tf_keras and Keras 3 read, without running what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc.keras.saving.architecture import model_from_config, model_from_json, model_from_yaml
    from graphc.keras.saving.audit import Audit, audit_file
    from graphc.keras.saving.convert_weights import preprocess_weights_for_loading
    from graphc.keras.saving.errors import MissingFileError, ModelFileError, UnsafeFileError
    from graphc.keras.saving.model_file import (
        load_model,
        load_weights,
        pickle_model,
        save_model,
        save_weights,
        unpickle_model,
    )
    from graphc.keras.saving.report import LoadReport
    from graphc.keras.saving.weight_groups import (
        load_weights_from_hdf5_group,
        load_weights_from_hdf5_group_by_name,
        save_weights_to_hdf5_group,
    )

__all__ = [
    "Audit",
    "LoadReport",
    "MissingFileError",
    "ModelFileError",
    "UnsafeFileError",
    "audit_file",
    "load_model",
    "load_weights",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_model",
    "save_weights",
    "save_weights_to_hdf5_group",
    "unpickle_model",
]

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "architecture": "model_from_config model_from_json model_from_yaml",
        "audit": "Audit audit_file",
        "convert_weights": "preprocess_weights_for_loading",
        "errors": "MissingFileError ModelFileError UnsafeFileError",
        "model_file": "load_model load_weights pickle_model save_model save_weights unpickle_model",
        "report": "LoadReport",
        "weight_groups": "load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name save_weights_to_hdf5_group",
    },
)
