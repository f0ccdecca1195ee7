"""Boston housing: 506 towns' 13 figures and median house prices (D. Harrison, D. L. Rubinfeld 1978)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.datasets.files import COPIES, Source, find_file
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]
_SOURCE = Source(
    "The Boston housing data set",
    f"{COPIES}boston_housing.npz",
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(
    path: str | Path = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), float64: figures (n, 13), prices in 1000 dollars (n,).

    `path` is Keras's `boston_housing.npz` or its folder; a name that is not there is looked for in Keras's cache, then
    downloaded to it. The rows are shuffled with `seed` (which sets NumPy's global generator, as Keras does), and the
    last `test_split` of them are the test data. Raises DataFileError where there is no file.
    """
    if not 0 <= test_split < 1:
        raise GraphcError(located(f"test_split must be in [0, 1), got {test_split}"))
    with np.load(find_file(path, _SOURCE)) as data:
        x, y = data["x"], data["y"]
    np.random.seed(seed)
    order = np.arange(len(x))
    np.random.shuffle(order)
    x, y = x[order], y[order]
    at = int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])
