"""MNIST: 70,000 handwritten digits, 28 x 28 (Y. LeCun, C. Cortes, C. J. C. Burges)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.datasets.files import COPIES, Source, find_file
from graphc.keras.datasets.idx import read_pair

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The MNIST data set",
    f"{COPIES}mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)


def load_data(path: str | Path = "mnist.npz") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 28, 28), labels (n,).

    `path` is Keras's `mnist.npz`, its folder, or a folder of the four idx files as published (`.gz` or unpacked); a
    name that is not there is looked for in Keras's cache, then downloaded to it. Raises DataFileError (a
    FileNotFoundError) where there is none, GraphcError for a file of another format.
    """
    found = find_file(path, _SOURCE)
    if found.is_dir():
        return read_pair(found, "train"), read_pair(found, "t10k")
    with np.load(found) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
