"""Where data set files are looked for."""

from __future__ import annotations

from pathlib import Path

from graphc.errors import GraphcError
from graphc.keras.utils.location import located


class DataFileError(GraphcError, FileNotFoundError):
    """A data set's file is not there."""


def find_file(path: str | Path, what: str) -> Path:
    """Return `path`, or that name in `~/.keras/datasets`. Raises DataFileError: nothing is downloaded."""
    candidates = [Path(path).expanduser(), Path("~/.keras/datasets").expanduser() / Path(path).name]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    places = " and ".join(map(str, candidates))
    raise DataFileError(located(f"{what} is not there (looked at {places}). Give its path; nothing is downloaded."))
