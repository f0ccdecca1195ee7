"""NumPy, expression by expression as one would write it."""

from __future__ import annotations

import numpy as np
from entry import Entry, Timed
from fresh import import_entry
from problems import COEFFICIENTS, Array, sample, vectors


def expression(x: Array) -> Array:
    """Return the elementwise expression; in float32, as NumPy keeps Python numbers weak."""
    a, b, c = COEFFICIENTS
    z = a * x + b
    gelu = 0.5 * z * (1 + np.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))
    result: Array = gelu / (1 + np.exp(-c * x)) - np.log1p(np.exp(x))
    return result


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("numpy")
    data = vectors(quick)
    names = {name: {"f": expression, "x": x} for name, x in data.items()}
    return Entry(sample(expression(data["10^4"])), {name: Timed("f(x)", values) for name, values in names.items()})
