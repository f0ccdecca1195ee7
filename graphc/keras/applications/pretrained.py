"""Weights trained by others: which file, from where, and where it is looked for."""

from __future__ import annotations

from pathlib import Path

from graphc.keras.utils.location import located
from graphc.records import record

_CACHE_SUBDIR = "models"


@record
class PretrainedFile:
    """A file on the network: its name in Keras's cache, its address, and its md5 where that is known."""

    name: str
    origin: str
    file_hash: str | None = None


@record
class PretrainedWeights:
    """The weights of a whole network, and of one without its top."""

    whole: PretrainedFile
    no_top: PretrainedFile


def kernels_by_tensorflow(folder: str, name: str, whole_hash: str, no_top_hash: str) -> PretrainedWeights:
    """Return the weights in a folder on the network whose files are named in Keras's older way."""
    whole, no_top = (f"{name}_weights_tf_dim_ordering_tf_kernels{end}.h5" for end in ("", "_notop"))
    return PretrainedWeights(
        PretrainedFile(whole, folder + whole, whole_hash), PretrainedFile(no_top, folder + no_top, no_top_hash)
    )


def find_pretrained(what: str, file: PretrainedFile) -> Path:
    """Return the file in Keras's cache, `models/` of it, where it is downloaded to if it is not there.

    A file with another hash is downloaded again. Raises DataFileError, which says where to put the file, where it can
    not be downloaded.
    """
    # What reads archives and tells hashes is not loaded for a network without these weights.
    from graphc.keras.datasets.files import DataFileError
    from graphc.keras.utils.files import DownloadError, cache_folder, get_file

    try:
        return Path(get_file(file.name, file.origin, file_hash=file.file_hash, cache_subdir=_CACHE_SUBDIR))
    except DownloadError as error:
        place, reason = cache_folder() / _CACHE_SUBDIR / file.name, error.__cause__ or error
        raise DataFileError(
            located(
                f"{what} are not at {place} and could not be downloaded ({reason}). "
                f"Without a network, get {file.origin} elsewhere and put it there"
            )
        ) from error
