"""The meaning of the scalar primitives, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.dtypes import TABLE, is_float, is_integer

Array = np.ndarray[Any, Any]

_PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)


def philox(word: int, counter: tuple[Array, ...], key: tuple[Array, ...]) -> Array:
    """Return one word of Philox 4x32-10 as uint32; `counter` has four words, `key` two (arrays that broadcast).

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
    """
    c0, c1, c2, c3 = (np.asarray(c).astype(np.uint64) for c in counter)
    k0, k1 = (np.asarray(k).astype(np.uint64) for k in key)
    first, second = (np.uint64(m) for m in _PHILOX_MULTIPLIERS)
    for _ in range(10):
        low, high = c0 * first, c2 * second
        c0, c1, c2, c3 = (
            (high >> np.uint64(32)) ^ c1 ^ k0,
            high & _MASK,
            (low >> np.uint64(32)) ^ c3 ^ k1,
            low & _MASK,
        )
        k0, k1 = (k0 + np.uint64(_PHILOX_WEYL[0])) & _MASK, (k1 + np.uint64(_PHILOX_WEYL[1])) & _MASK
    words = np.broadcast_arrays(c0, c1, c2, c3)
    return words[word].astype(np.uint32)


def cast(value: Array, dtype: str) -> Array:
    """Return the value in another dtype. Float to integer truncates and saturates, nan gives 0; to bool is `!= 0`."""
    row = TABLE[dtype]
    target = TABLE[row.compute].numpy
    if row.kind == "bool":
        return np.asarray(value != 0)
    if is_integer(dtype) and value.dtype.kind not in "iub":
        limits = np.iinfo(target.type)  # type: ignore[type-var]
        wide = np.nan_to_num(np.trunc(value.astype(np.float64)), nan=0.0, posinf=np.inf, neginf=-np.inf)
        # The largest int64 has no float64: compare in float64, but write the exact limits.
        result = np.where(wide >= float(limits.max), 0.0, np.where(wide <= float(limits.min), 0.0, wide)).astype(target)
        result = np.where(wide >= float(limits.max), target.type(limits.max), result)
        return np.asarray(np.where(wide <= float(limits.min), target.type(limits.min), result))
    return np.asarray(value.astype(target))


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(x.dtype))


def _each(scalar: Callable[[float], float]) -> Callable[[Array], Array]:
    def apply(x: Array) -> Array:
        flat = [scalar(float(value)) for value in np.ravel(x)]
        return np.array(flat, x.dtype).reshape(np.shape(x))

    return apply


def _erfinv(x: float) -> float:
    if not -1.0 <= x <= 1.0:
        return math.nan
    if abs(x) == 1.0:
        return math.copysign(math.inf, x)
    if abs(x) < 1e-8:
        return x * math.sqrt(math.pi) / 2
    from statistics import NormalDist  # 4 ms to import, and hardly ever needed

    return math.copysign(NormalDist().inv_cdf((1.0 - abs(x)) / 2) / -math.sqrt(2), x)


def _divide_whole(x: Array, y: Array) -> Array:
    if x.dtype.kind == "b":
        return np.asarray(x & y)
    return np.asarray(np.floor_divide(x, y))


def _power(x: Array, y: Array) -> Array:
    if is_float(x.dtype.name):
        return np.asarray(np.power(x, y))
    # A negative exponent of an integer counts as 0.
    return np.asarray(np.power(x, np.maximum(y, 0).astype(y.dtype)))


MEANING: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "floor_divide": _divide_whole, "remainder": np.remainder, "minimum": np.minimum, "maximum": np.maximum,
    "power": _power, "arctan2": np.arctan2, "negative": np.negative, "absolute": np.absolute, "sign": np.sign,
    "floor": np.floor, "ceil": np.ceil, "rint": np.rint, "exp": np.exp, "expm1": np.expm1, "log": np.log,
    "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "tanh": np.tanh, "sigmoid": _sigmoid,
    "erf": _each(math.erf), "erfinv": _each(_erfinv), "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "arcsin": np.arcsin, "arccos": np.arccos, "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "logical_not": np.logical_not, "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor, "left_shift": np.left_shift, "right_shift": np.right_shift, "where": np.where,
}  # fmt: skip
"""Every primitive but `cast` and `philox`, which need more than their arguments' values."""


def fold(combine: str, values: Array, dtype: str) -> Array:
    """Return the fold of `values` along axis 0, in order. An empty fold gives the combiner's identity (position: 0)."""
    row = TABLE[dtype]
    target = TABLE[row.compute].numpy
    match combine:
        case "sum" | "prod":
            return np.asarray((np.sum if combine == "sum" else np.prod)(values, axis=0, dtype=target))
        case "any" | "all":
            return np.asarray((np.any if combine == "any" else np.all)(values, axis=0))
        case "max" | "min":
            folded = np.max if combine == "max" else np.min
            return np.asarray(folded(values, axis=0, initial=_extreme(dtype, least=combine == "max")).astype(target))
        case _:
            if values.shape[0] == 0:
                return np.zeros(values.shape[1:], target)
            return np.asarray((np.argmax if combine == "argmax" else np.argmin)(values, axis=0).astype(target))


def _extreme(dtype: str, least: bool) -> Any:
    row = TABLE[dtype]
    if row.kind == "float":
        return -math.inf if least else math.inf
    if row.kind == "bool":
        return not least
    limits = np.iinfo(row.numpy.type)  # type: ignore[type-var]
    return limits.min if least else limits.max
