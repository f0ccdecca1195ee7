"""Files from the network: a cache in the user's Keras folder, checksums, archives."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from graphc.errors import GraphcError
from graphc.keras.settings_file import keras_folder
from graphc.keras.utils.location import located
from graphc.keras.utils.progbar import Progbar

_TIMEOUT_SECONDS = 60
_CHUNK_BYTES = 1 << 16


class DownloadError(GraphcError, OSError):
    """A file could not be fetched, or what came is not the file that was asked for."""


class ArchiveError(GraphcError, ValueError):
    """An archive cannot be unpacked safely."""


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """Return the folder of cached files: `cache_dir`, else the environment's KERAS_HOME, else `~/.keras`.

    It is made when it is not there. Where it cannot be written, `.keras` in the folder of temporary files takes its
    place.
    """
    folder = Path(cache_dir).expanduser() if cache_dir else keras_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir(), ".keras")
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir(), ".keras")


def get_file(
    fname: str | Path,
    origin: str,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | Path = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Iterable[str] | None = "auto",
    cache_dir: str | Path | None = None,
) -> str:
    """Return the path of a file, downloaded from `origin` unless it is in the cache already.

    The file is `cache_folder(cache_dir)/cache_subdir/fname` (absolute parts replace what is before them). With
    `file_hash` (sha256 or md5, told apart by length, or `hash_algorithm`) a cached file of another hash is fetched
    again, and what is fetched must have it. `extract`: an archive is unpacked beside the file. `untar`: the file is
    `fname.tar.gz`, and the path of the unpacked `fname` is returned. `md5_hash` is the old spelling of `file_hash`.
    Raises DownloadError; what was in the cache is then left as it was.
    """
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = cache_folder(cache_dir) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (f"{fname}.tar.gz" if untar else fname)
    is_there = file.exists()
    if is_there and file_hash is not None and not validate_file(file, file_hash, hash_algorithm):
        print(f"{file} does not have the hash {file_hash}: it is incomplete or outdated, and is downloaded again.")
        is_there = False
    if not is_there:
        _download(origin, file, file_hash, hash_algorithm)
    if untar:
        unpacked = folder / fname
        if not unpacked.exists():
            _extract_archive(file, folder, "tar")
        return str(unpacked)
    if extract:
        _extract_archive(file, folder, archive_format)
    return str(file)


def validate_file(fpath: str | Path, file_hash: str, algorithm: str = "auto", chunk_size: int = _CHUNK_BYTES) -> bool:
    """Tell whether a file has this hash; `algorithm` is "sha256", "md5" or "auto" (sha256 for 64 digits)."""
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    return _hash_file(fpath, algorithm, chunk_size) == str(file_hash).lower()


def _hash_file(fpath: str | Path, algorithm: str = "sha256", chunk_size: int = _CHUNK_BYTES) -> str:
    """Return the hexadecimal hash of a file; "auto" means sha256."""
    digest = hashlib.sha256() if algorithm in ("sha256", "auto") else hashlib.md5()
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def _download(origin: str, file: Path, file_hash: str | None, algorithm: str) -> None:
    if not file.parent.is_dir():
        raise DownloadError(located(f"There is no folder {file.parent} to download {origin} into"))
    print("Downloading data from", origin)
    # Written beside its place and moved there whole: neither a crash nor a second process leaves half a file.
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        _fetch(origin, part)
        if file_hash is not None and not validate_file(part, file_hash, algorithm):
            raise DownloadError(located(f"What came from {origin} does not have the hash {file_hash}"))
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _fetch(origin: str, part: Path) -> None:
    # These load the TLS library: only who downloads pays for it.
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        with urlopen(origin, timeout=_TIMEOUT_SECONDS) as response, open(part, "xb") as out:
            length = response.headers.get("Content-Length")
            total = int(length) if length else None
            bar, received = Progbar(total), 0
            while chunk := response.read(_CHUNK_BYTES):
                out.write(chunk)
                received += len(chunk)
                bar.update(received)
    except (OSError, HTTPException, ValueError) as error:
        raise DownloadError(located(f"URL fetch failure on {origin}: {error}")) from error
    if total is not None and received != total:
        raise DownloadError(located(f"URL fetch failure on {origin}: {received} of {total} bytes came"))


def _extract_archive(
    file_path: str | Path, path: str | Path = ".", archive_format: str | Iterable[str] | None = "auto"
) -> bool:
    """Unpack an archive into the folder `path`; tell whether it was one of the formats.

    Formats: "tar" (compressed too), "zip", a list of these, "auto" for both, None for none. Members that would be
    written outside the folder are refused. Nothing appears in the folder before all is unpacked.
    """
    if archive_format is None:
        return False
    wanted = ["tar", "zip"] if archive_format == "auto" else archive_format
    for kind in [wanted] if isinstance(wanted, str) else wanted:
        if kind == "tar" and tarfile.is_tarfile(file_path):
            with tarfile.open(file_path) as archive:
                _unpack(archive, Path(path), str(file_path))
            return True
        if kind == "zip" and zipfile.is_zipfile(file_path):
            with zipfile.ZipFile(file_path) as archive_of_zip:
                _unpack(archive_of_zip, Path(path), str(file_path))
            return True
    return False


def _unpack(archive: tarfile.TarFile | zipfile.ZipFile, folder: Path, name: str) -> None:
    if isinstance(archive, tarfile.TarFile):
        if not hasattr(tarfile, "data_filter"):
            raise ArchiveError(located("Unpacking a tar archive safely needs Python 3.11.4 or newer"))
        archive.extraction_filter = tarfile.data_filter
    with tempfile.TemporaryDirectory(dir=folder) as held:
        try:
            archive.extractall(held)
        except (tarfile.TarError, zipfile.BadZipFile) as error:
            raise ArchiveError(located(f"{name} cannot be unpacked: {error}")) from error
        for entry in Path(held).iterdir():
            place = folder / entry.name
            if entry.is_dir() and place.is_dir():
                shutil.copytree(entry, place, dirs_exist_ok=True)
            else:
                os.replace(entry, place)
