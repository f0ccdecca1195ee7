"""Optional packages that are not installed: the error is an ImportError that says what to install."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import MissingPackageError
from graphc.keras.callbacks import RemoteMonitor, TensorBoard
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils.io_utils import HDF5Matrix


def fitted_with(callback: Any) -> None:
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0, callbacks=[callback])


CASES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("h5py", lambda folder: HDF5Matrix(str(folder / "x.h5"), "x"), "HDF5 files need h5py: pip install h5py"),
    ("requests", lambda folder: fitted_with(RemoteMonitor()), "RemoteMonitor needs the package requests: `pip install"),
    (
        "tensorboardX",
        lambda folder: fitted_with(TensorBoard(str(folder))),
        r"TensorBoard needs the package tensorboardX: `pip install graphc\[tensorboard\]`",
    ),
    (
        "PIL",
        lambda folder: graphc.plot(graphc.placeholder((3,)) * 2.0).save(folder / "x.png"),
        "drawing PNG needs the package Pillow .or write .svg, which needs nothing",
    ),
]


@pytest.mark.parametrize(("package", "use", "message"), CASES)
def test_what_to_install_is_told(
    package: str, use: Callable[[Path], Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=message) as caught:
        use(tmp_path)
    assert isinstance(caught.value, ImportError)
