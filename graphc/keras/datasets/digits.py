"""The 1,797 handwritten digits of 8 x 8 pixels that come with the package; `digits.txt` says whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return (x_train, y_train), (x_test, y_test), uint8: images (n, 8, 8) of values 0 to 16, labels (n,).

    The images are shuffled with `seed`, and the last `test_split` of them are the test data.
    """
    if not 0 <= test_split < 1:
        raise GraphcError(located(f"test_split must be in [0, 1), got {test_split}"))
    with np.load(Path(__file__).with_name("digits.npz")) as data:
        x, y = data["x"], data["y"]
    order = np.random.RandomState(seed).permutation(len(x))
    x, y = x[order], y[order]
    at = int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])
