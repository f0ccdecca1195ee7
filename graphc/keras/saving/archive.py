"""`.keras` files of Keras 3 and tf_keras: a zip of config.json, metadata.json and model.weights.h5."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from graphc.keras.saving.errors import MissingFileError, ModelFileError, UnsafeFileError
from graphc.keras.saving.hdf5_read import parse_hdf5
from graphc.keras.saving.limits import MAX_TEXT, parse_json
from graphc.keras.saving.tree import Group

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_MEMBERS = 10_000
_MAX_RATIO, _FREE_BYTES = 200, 1 << 20


@dataclass
class Archive:
    """What a `.keras` file holds."""

    config: Any
    metadata: Any
    weights: Group | None


def is_archive(path: str | Path) -> bool:
    """Whether the file at a path starts as a zip does. Raises MissingFileError, and ModelFileError for no file."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {path}") from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from error


def read_archive(path: str | Path) -> Archive:
    """Return what the `.keras` file at a path holds.

    Raises UnsafeFileError for members outside of the archive, that unpack to far more than they take, or that claim
    another size than they have; ModelFileError for anything else that cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(archive, str(path))
            names = archive.namelist()
            config = parse_json(_text(archive, _CONFIG, str(path)), f"{path}: {_CONFIG}")
            metadata = parse_json(_text(archive, _METADATA, str(path)), f"{path}: {_METADATA}")
            weights = parse_hdf5(_member(archive, _WEIGHTS), f"{path}: {_WEIGHTS}") if _WEIGHTS in names else None
    except ModelFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, NotImplementedError) as error:
        raise ModelFileError(f"{path} is a damaged .keras file: {error}") from error
    return Archive(config, metadata, weights)


def check_members(archive: zipfile.ZipFile, source: str) -> None:
    """Raise UnsafeFileError where a member's path, size or packing is none that Keras writes."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise UnsafeFileError(f"{source} has {len(members)} members")
    if len({member.filename for member in members}) != len(members):
        raise UnsafeFileError(f"{source} has two members of one name")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise UnsafeFileError(f"{source} has a member outside of the archive: {member.filename!r}")
        if member.external_attr >> 28 == 0xA:
            raise UnsafeFileError(f"{source} has a symbolic link: {member.filename!r}")
        if member.flag_bits & 1:
            raise ModelFileError(f"{source}: {member.filename!r} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(f"{source}: {member.filename!r} is packed in a way that Keras does not use")
        if member.file_size > _FREE_BYTES + _MAX_RATIO * member.compress_size:
            raise UnsafeFileError(
                f"{source}: {member.filename!r} unpacks from {member.compress_size} to {member.file_size} bytes"
            )


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member's bytes, as many as it declares. Raises UnsafeFileError where more come out."""
    size = archive.getinfo(name).file_size
    with archive.open(name) as file:
        data = file.read(size)
        if file.read(1):
            raise UnsafeFileError(f"member {name!r} is longer than it declares")
    return data


def _text(archive: zipfile.ZipFile, name: str, source: str) -> str:
    if name not in archive.namelist():
        raise ModelFileError(f"{source} has no {name}: it is no .keras file")
    if archive.getinfo(name).file_size > MAX_TEXT:
        raise UnsafeFileError(f"{source}: {name} is too long")
    return _member(archive, name).decode("utf-8")
