"""The digest of graphc's own source: what a program becomes depends on the text of the compiler."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from graphc.runtime import cache

_PACKAGE = Path(__file__).resolve().parents[1]
_LOADED = time.time_ns()
# These describe graphs or look at programs; what they describe is in a program's key.
_BESIDE = frozenset({"keras", "viz", "observe", "cli", "__pycache__"})


@functools.cache
def source_digest() -> str | None:
    """Return the digest of the compiler's source files; None where they are not files, or not those that run here."""
    return digest_files(_PACKAGE, _LOADED)


def digest_files(package: Path, loaded: int | None = None) -> str | None:
    """Return the digest of a package's source files, of those rooms that make programs; None where there are none.

    Nor where one was changed after `loaded` (nanoseconds since 1970): this process may run what it was before.

    It is remembered in the cache under the files' sizes and times of change, because reading them takes 20 ms.
    """
    try:
        files = sorted(_files(package, _BESIDE))
        if not files or (loaded is not None and any(s.st_ctime_ns > loaded for _, s in files)):
            return None
        facts = [f"{name} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns} {s.st_ino}" for name, s in files]
        key = cache.entry_key("sources", str(package), *facts)
        known = cache.load_entry(key)
        if known is None:
            known = _digest(package, [name for name, _ in files]).encode()
            cache.store_entry(key, known)
    except OSError:
        return None
    return known.decode()


def _digest(package: Path, names: list[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        content = (package / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Path, left_out: frozenset[str], prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield the Python files below a folder, by their path in it, with what the file system tells of them."""
    for found in os.scandir(folder):
        if found.is_dir():
            if found.name not in left_out:
                yield from _files(folder / found.name, frozenset({"__pycache__"}), f"{prefix}{found.name}/")
        elif found.name.endswith(".py"):
            yield prefix + found.name, found.stat()
