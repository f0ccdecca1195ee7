"""MNIST: 70,000 handwritten digits, 28 x 28 (Y. LeCun, C. Cortes, C. J. C. Burges), from files the user has."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.datasets.files import DataFileError, find_file
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def load_data(path: str | Path = "mnist.npz") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 28, 28), labels (n,).

    `path` is Keras's `mnist.npz`, or a directory of the four idx files as published (`.gz` or unpacked). Raises
    DataFileError (a FileNotFoundError) where there is none, GraphcError for a file of another format.
    """
    found = find_file(path, "The MNIST data set")
    if found.is_dir():
        return _read_pair(found, "train"), _read_pair(found, "t10k")
    with np.load(found) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def _read_pair(directory: Path, part: str) -> tuple[Array, Array]:
    return _read_idx(directory, f"{part}-images-idx3-ubyte"), _read_idx(directory, f"{part}-labels-idx1-ubyte")


def _read_idx(directory: Path, name: str) -> Array:
    """Read an idx file: two zero bytes, type, rank, big-endian sizes, values."""
    for path in (directory / f"{name}.gz", directory / name):
        if path.exists():
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            break
    else:
        raise DataFileError(located(f"{directory} has neither {name}.gz nor {name}"))
    zeros, code, rank = struct.unpack_from(">HBB", raw)
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    if zeros or code not in _IDX_TYPES:
        raise GraphcError(located(f"{path} is not an idx file"))
    values = np.frombuffer(raw, _IDX_TYPES[code], offset=4 + 4 * rank)
    if values.size != np.prod(shape):
        raise GraphcError(located(f"{path} says shape {shape}, but holds {values.size} values"))
    return values.reshape(shape).astype(values.dtype.newbyteorder("="))
