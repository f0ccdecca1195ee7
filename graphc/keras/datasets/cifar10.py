"""CIFAR-10: 60,000 colour pictures, 32 x 32, in 10 classes (A. Krizhevsky 2009)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.datasets.cifar import load_batch
from graphc.keras.datasets.files import Source, find_file

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The CIFAR-10 data set",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    is_archive=True,
)


def load_data(path: str | Path = "cifar-10-batches-py") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 32, 32, 3), labels (n, 1).

    Images are (n, 3, 32, 32) where Keras's setting is channels_first. `path` is the folder of the published archive
    (Python version); a name that is not there is looked for in Keras's cache, then downloaded to it. Raises
    DataFileError (a FileNotFoundError) where there is none, GraphcError for a file of another format.
    """
    folder = find_file(path, _SOURCE)
    images, labels = zip(*(load_batch(folder / f"data_batch_{i}") for i in range(1, 6)))
    return (np.concatenate(images), np.concatenate(labels)), load_batch(folder / "test_batch")
