"""The idx format of MNIST: an array of any rank, big-endian."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.datasets.files import DataFileError
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_pair(directory: Path, part: str) -> tuple[Array, Array]:
    """Return (images, labels) of the part "train" or "t10k" of a folder.

    Files may be packed (.gz). Raises DataFileError where one is missing, GraphcError for another format.
    """
    return _read_named(directory, f"{part}-images-idx3-ubyte"), _read_named(directory, f"{part}-labels-idx1-ubyte")


def _read_named(directory: Path, name: str) -> Array:
    for path in (directory / f"{name}.gz", directory / name):
        if path.exists():
            return read(path)
    raise DataFileError(located(f"{directory} has neither {name}.gz nor {name}"))


def read(path: Path) -> Array:
    """Return the array of an idx file: two zero bytes, type, rank, sizes, values. Raises GraphcError for others."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(raw) < 4:
        raise GraphcError(located(f"{path} is not an idx file"))
    zeros, code, rank = struct.unpack_from(">HBB", raw)
    if zeros or code not in _TYPES or len(raw) < 4 + 4 * rank:
        raise GraphcError(located(f"{path} is not an idx file"))
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    values = np.frombuffer(raw, _TYPES[code], offset=4 + 4 * rank)
    if values.size != np.prod(shape):
        raise GraphcError(located(f"{path} says shape {shape}, but holds {values.size} values"))
    return values.reshape(shape).astype(values.dtype.newbyteorder("="))
