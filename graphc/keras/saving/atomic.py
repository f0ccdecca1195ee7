"""Atomic writing: a path holds the old file or the new one, whole, whenever the process or the machine stops."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of an empty temporary file beside `path`; put it in the place of `path` when the block is done.

    Its bytes reach the disk before it is renamed, and the renaming before this returns. Where the block raises, the
    temporary file is removed and `path` stays as it was. A symbolic link stays one, and its target is replaced; the
    permissions of a file replaced are kept. Raises OSError where the folder cannot be written.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    # Only POSIX can open a folder, and only Windows needs a file opened for writing to flush it.
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
