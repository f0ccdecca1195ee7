"""Fixtures of the applications' tests: names that start from 1, an own cache without a network, cheap weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import initializers


@pytest.fixture(autouse=True)
def fresh_session() -> Iterator[None]:
    data_format = K.image_data_format()
    K.clear_session()
    yield
    K.set_image_data_format(data_format)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of Keras's pretrained files, empty; nothing is on the network."""

    def refuse(origin: str, **_: Any) -> Any:
        raise URLError(f"no network for {origin}")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def zero_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start kernels from zeros: hundreds of millions of random numbers say nothing about shapes."""

    def zeros(self: Any, shape: Any, dtype: str | None = None) -> Any:
        return np.broadcast_to(np.float32(0), tuple(shape))

    monkeypatch.setattr(initializers.VarianceScaling, "__call__", zeros)
