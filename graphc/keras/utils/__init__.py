"""Utilities: custom objects, arrays, summaries, the progress bar, downloads, batches made ahead."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphc.keras.utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, get_file
from graphc.keras.utils.generic_utils import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)
from graphc.keras.utils.io_utils import HDF5Matrix, h5dict
from graphc.keras.utils.layer_utils import convert_all_kernels_in_model, get_source_inputs, print_summary
from graphc.keras.utils.np_utils import normalize, to_categorical
from graphc.keras.utils.progbar import Progbar
from graphc.keras.utils.vis_utils import model_to_dot, plot_model

if TYPE_CHECKING:
    from graphc.keras.utils.multi_gpu_utils import multi_gpu_model

__all__ = [
    "CustomObjectScope",
    "GeneratorEnqueuer",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "Sequence",
    "convert_all_kernels_in_model",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_source_inputs",
    "h5dict",
    "model_to_dot",
    "multi_gpu_model",
    "normalize",
    "plot_model",
    "print_summary",
    "serialize_keras_object",
    "to_categorical",
]


def __getattr__(name: str) -> Any:
    # It is made of layers, and layers are made with the modules of this package.
    if name == "multi_gpu_model":
        return importlib.import_module("graphc.keras.utils.multi_gpu_utils").multi_gpu_model
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
