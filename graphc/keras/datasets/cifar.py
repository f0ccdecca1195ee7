"""The files of CIFAR-10 and CIFAR-100: pickled dicts of images and labels."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.backend.common import image_data_format
from graphc.keras.datasets.files import DataFileError
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED = {
    **{(module, "_reconstruct"): np.empty(0).__reduce__()[0] for module in _MODULES},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays, numbers, texts, lists and dicts; a pickle that wants to call anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def load_batch(fpath: str | Path, label_key: str = "labels") -> tuple[Array, Array]:
    """Return (images, labels) of one file, uint8: (n, 3, 32, 32) or, by Keras's setting, (n, 32, 32, 3), and (n, 1).

    Raises DataFileError where the file is not there, GraphcError where it is of another format.
    """
    if not Path(fpath).is_file():
        raise DataFileError(located(f"There is no file {fpath}"))
    try:
        with open(fpath, "rb") as file:
            batch = _ArraysOnly(file, encoding="bytes").load()
        pixels, labels = (np.asarray(batch[key.encode()], dtype="uint8") for key in ("data", label_key))
        images = pixels.reshape(len(pixels), 3, 32, 32)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise GraphcError(located(f"{fpath} is not a CIFAR file: {error}")) from error
    is_last = image_data_format() == "channels_last"
    return images.transpose(0, 2, 3, 1) if is_last else images, labels.reshape(-1, 1)
