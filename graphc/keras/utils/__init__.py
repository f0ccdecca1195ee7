"""Utilities: custom objects, arrays, summaries, the progress bar, downloads, batches made ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
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
    from graphc.keras.utils.multi_gpu_utils import multi_gpu_model
    from graphc.keras.utils.np_utils import normalize, to_categorical
    from graphc.keras.utils.progbar import Progbar
    from graphc.keras.utils.vis_utils import model_to_dot, plot_model

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

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "conv_utils": "",
        "data_utils": "GeneratorEnqueuer OrderedEnqueuer Sequence get_file",
        "enqueuers": "",
        "generic_utils": "CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects "
        "serialize_keras_object",
        "io_utils": "HDF5Matrix h5dict",
        "layer_utils": "convert_all_kernels_in_model get_source_inputs print_summary",
        "multi_gpu_utils": "multi_gpu_model",
        "np_utils": "normalize to_categorical",
        "progbar": "Progbar",
        "vis_utils": "model_to_dot plot_model",
    },
)
