"""On-disk cache of object code, keyed by content, and of what else starting a program takes.

An entry is a file `<key>.o` in one private directory: a magic line, the SHA-256 of the content, the content. Entries
are written to a temporary file and renamed, so that readers in other processes see a whole entry or none; whatever
does not verify is treated as absent and written again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
import warnings
from pathlib import Path

from graphc import config

_MAGIC = b"graphc object 1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEADER_BYTES = len(_MAGIC) + _DIGEST_BYTES
_LIMIT_BYTES = 256 << 20
_STORES_BETWEEN_PRUNES = 32
_STALE_SECONDS = 3600.0

_stores = 0


def entry_key(*facts: str) -> str:
    """Return the key of object code that is determined by these facts (text, compiler, processor, version)."""
    digest = hashlib.sha256()
    for fact in facts:
        encoded = fact.encode()
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def directory() -> Path | None:
    """Return the cache's directory, made if need be; None where the cache is off or no private directory can be had.

    GRAPHC_CACHE names it (`0` turns the cache off); by default it is `graphc` in the user's cache folder. It must
    belong to the user and nobody else may write to it, since what it holds is run.
    """
    flag = config.get("GRAPHC_CACHE")
    if flag == "0":
        return None
    path = Path(flag) if flag else _user_cache() / "graphc"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.stat(path)
    except (OSError, RuntimeError) as error:
        warnings.warn(f"object code is not cached: {error}", RuntimeWarning, stacklevel=2)
        return None
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        warnings.warn(
            f"object code is not cached: {path} must belong to you and be writable by you alone (mode 700)",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return path


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base) if os.path.isabs(base) else Path.home() / ".cache"


def load_entry(key: str) -> bytes | None:
    """Return the code stored under a key; None where there is none, or it is not what was stored."""
    folder = directory()
    if folder is None:
        return None
    path = folder / f"{key}.o"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    code = content[_HEADER_BYTES:]
    if content[:_HEADER_BYTES] != _MAGIC + hashlib.sha256(code).digest():
        return None
    # The prune drops what was used longest ago; another process may just have done so.
    with contextlib.suppress(OSError):
        os.utime(path)
    return code


def store_entry(key: str, code: bytes) -> None:
    """Store code under a key. A full disk or a vanished directory loses the entry, never the program."""
    global _stores
    folder = directory()
    if folder is None:
        return
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f"{key[:16]}.", suffix=".tmp", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            # No waiting for the disk (8 ms): an entry that a crash tears does not verify.
            file.write(_MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(temporary, folder / f"{key}.o")
        if _stores % _STORES_BETWEEN_PRUNES == 0:
            prune(folder, _LIMIT_BYTES)
        _stores += 1
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def prune(folder: Path, limit_bytes: int) -> None:
    """Remove the entries used longest ago until the rest take at most three quarters of the limit.

    Nothing is removed below the limit. Temporary files that a killed process left are removed after an hour.
    """
    entries: list[tuple[float, int, str]] = []
    for found in os.scandir(folder):
        try:
            status = found.stat(follow_symlinks=False)
        except OSError:
            continue
        if found.name.endswith(".o"):
            entries.append((status.st_mtime, status.st_size, found.path))
        elif found.name.endswith(".tmp") and time.time() - status.st_mtime > _STALE_SECONDS:
            Path(found.path).unlink(missing_ok=True)
    total = sum(size for _, size, _ in entries)
    if total <= limit_bytes:
        return
    for _, size, path in sorted(entries):
        if total <= limit_bytes * 3 // 4:
            return
        Path(path).unlink(missing_ok=True)
        total -= size
