"""CIFAR-100: 60,000 colour pictures, 32 x 32, in 100 classes of 20 kinds (A. Krizhevsky 2009)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import OptionError
from graphc.keras.datasets.cifar import load_batch
from graphc.keras.datasets.files import Source, find_file
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The CIFAR-100 data set",
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    is_archive=True,
)


def load_data(
    label_mode: str = "fine", path: str | Path = "cifar-100-python"
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 32, 32, 3), labels (n, 1).

    `label_mode`: "fine" for the 100 classes, "coarse" for the 20 kinds. Images are (n, 3, 32, 32) where Keras's setting
    is channels_first. `path` as in `cifar10.load_data`. Raises OptionError for other modes, DataFileError (a
    FileNotFoundError) where there is no data, GraphcError for a file of another format.
    """
    if label_mode not in ("fine", "coarse"):
        raise OptionError(located(f'`label_mode` must be "fine" or "coarse", got {label_mode!r}'))
    folder = find_file(path, _SOURCE)
    return load_batch(folder / "train", f"{label_mode}_labels"), load_batch(folder / "test", f"{label_mode}_labels")
