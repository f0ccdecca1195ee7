"""erf and its inverse in NumPy, for the reference meaning of ops (double precision)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_erf = np.frompyfunc(math.erf, 1, 1)

# Rational approximations of the normal quantile: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988).
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def erf(x: Array) -> Array:
    """Return the error function, in x's dtype."""
    return np.asarray(_erf(x), np.float64).astype(x.dtype)


def erfinv(y: Array) -> Array:
    """Return the inverse of erf, in y's dtype; infinite at -1 and 1, nan outside."""
    wide = np.asarray(y, np.float64)
    half = wide / 2.0
    central = half * _ratio(_CENTRE, 0.180625 - half * half)
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = np.sqrt(-np.log((1.0 - np.abs(wide)) / 2.0))
        outer = np.where(radius <= 5.0, _ratio(_MIDDLE, radius - 1.6), _ratio(_TAIL, radius - 5.0))
        outer = np.where(np.isposinf(radius), np.inf, outer)
    quantile = np.where(np.abs(half) <= 0.425, central, np.copysign(outer, wide))
    return (quantile / math.sqrt(2.0)).astype(y.dtype)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    numerator, denominator = coefficients
    return np.asarray(np.polyval(numerator, x) / np.polyval(denominator, x))
