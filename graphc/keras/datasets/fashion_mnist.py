"""Fashion-MNIST: 70,000 pictures of clothes, 28 x 28, in 10 classes (Zalando Research, MIT licence)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.datasets.files import COPIES, Source, find_file
from graphc.keras.datasets.idx import read, read_pair

Array = np.ndarray[Any, Any]
_HASHES = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load_data(path: str | Path = "fashion-mnist") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 28, 28), labels (n,).

    `path` is a directory of the four idx files as published (`.gz` or unpacked); files of a name that is not there are
    looked for in Keras's cache, then downloaded to it. Raises DataFileError (a FileNotFoundError) where there are
    none, GraphcError for files of another format.
    """
    given = Path(path).expanduser()
    if given.is_dir():
        return read_pair(given, "train"), read_pair(given, "t10k")
    x_train, y_train, x_test, y_test = (_read_cached(name, f"datasets/{Path(path).name}") for name in _HASHES)
    return (x_train, y_train), (x_test, y_test)


def _read_cached(name: str, folder: str) -> Array:
    return read(find_file(name, Source("The Fashion-MNIST data set", COPIES + name, _HASHES[name]), folder))
