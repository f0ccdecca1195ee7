"""numexpr: the expression compiled once, then evaluated in blocks by its virtual machine."""

from __future__ import annotations

import numexpr
import numpy as np
from entry import Entry, Timed
from problems import COEFFICIENTS, sample, vectors

# Constants are float32 variables: a literal would make the whole expression float64.
_Z = "(a * x + b)"
_TEXT = f"half * {_Z} * (one + tanh(r * ({_Z} + k * {_Z} * {_Z} * {_Z}))) / (one + exp(-c * x)) - log1p(exp(x))"


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    numexpr.set_num_threads(threads)
    constants = dict(zip("abc", COEFFICIENTS)) | {"half": 0.5, "one": 1.0, "r": 0.7978845608028654, "k": 0.044715}
    values = {name: np.float32(value) for name, value in constants.items()}
    operands = {name: {"x": x, **values} for name, x in vectors(quick).items()}
    check = sample(numexpr.evaluate(_TEXT, local_dict=operands["10^4"]))
    # It runs the expression of the last evaluate, without parsing.
    run = numexpr.re_evaluate
    return Entry(check, {name: Timed("run(local_dict=v)", {"run": run, "v": v}) for name, v in operands.items()})
