"""Tests of the runtime keep their object code to themselves and leave the number of threads as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graphc.runtime import set_threads, threads


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for the test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GRAPHC_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """The number of threads, restored."""
    before = threads()
    yield
    set_threads(before)
