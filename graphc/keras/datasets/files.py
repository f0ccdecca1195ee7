"""Where data set files are looked for: at the given path, in the cache, on the network."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.utils.files import DownloadError, cache_folder, get_file, validate_file
from graphc.keras.utils.location import located
from graphc.records import record

Array = np.ndarray[Any, Any]
# Where Keras's own copies of the data sets lie.
COPIES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


class DataFileError(GraphcError, FileNotFoundError):
    """A data set's file is not there."""


class ChecksumError(GraphcError, ValueError):
    """A file that could run code when it is read is not the file that it should be."""


@record
class Source:
    """A file on the network: what it holds, its address, its md5 or sha256, and how it is treated.

    `is_pickled`: it is read only with the right hash. `is_archive`: its name in the cache is that of the folder in it.
    """

    what: str
    origin: str
    file_hash: str
    is_pickled: bool = False
    is_archive: bool = False


def find_file(path: str | Path, source: Source, folder: str = "datasets") -> Path:
    """Return `path` if it is there, else that name in Keras's cache, where it is downloaded to if it is not there.

    A folder that holds the file under the name it has on the network stands for the file. What is downloaded must have
    the source's hash. A file that is there is taken as it is, except that a pickled one in the cache with another hash
    is downloaded again. `folder` is that of the cache. Raises DataFileError where the file is not there and cannot be
    downloaded.
    """
    given, cached = Path(path).expanduser(), cache_folder() / folder / path
    within = given / source.origin.rsplit("/", 1)[-1]
    if within.is_file() and not source.is_archive:
        return within
    if given.exists():
        return given
    if cached.exists() and not (source.is_pickled and not validate_file(cached, source.file_hash)):
        return cached
    try:
        return Path(
            get_file(path, source.origin, untar=source.is_archive, file_hash=source.file_hash, cache_subdir=folder)
        )
    except DownloadError as error:
        places = " and ".join(dict.fromkeys(map(str, (given, cached))))
        reason = error.__cause__ or error
        raise DataFileError(
            located(
                f"{source.what} is not there (looked at {places}) and could not be downloaded ({reason}). "
                f"Without a network, get {source.origin} elsewhere and give load_data its path, or put it at {cached}"
            )
        ) from error


def read_pickled(path: str | Path, source: Source) -> dict[str, Array]:
    """Return the arrays of an npz file that holds pickled objects, which run as code when they are read.

    Raises ChecksumError, before anything is unpickled, where the file's sha256 is not the source's.
    """
    found = find_file(path, source)
    raw = found.read_bytes()
    if hashlib.sha256(raw).hexdigest() != source.file_hash:
        raise ChecksumError(
            located(
                f"{found} is not the known file of {source.what} (sha256 {source.file_hash}): a file of pickled "
                "objects could run any code, so it is not read"
            )
        )
    with np.load(io.BytesIO(raw), allow_pickle=True) as archive:
        return {name: archive[name] for name in archive.files}


def read_word_index(path: str | Path, source: Source) -> dict[str, int]:
    """Return the mapping of words to their ranks that a JSON file holds."""
    index: dict[str, int] = json.loads(find_file(path, source).read_text())
    return index
