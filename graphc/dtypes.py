"""Data types: one table, one promotion lattice.

A dtype is its NumPy name (`"float32"`). Promotion of two arrays follows the table's order of kinds and sizes;
Python literals are weak: they take the dtype of the array they meet (`float` only lifts integers to `floatx`).
"""

from __future__ import annotations

from typing import Literal

import ml_dtypes
import numpy as np

from graphc.errors import DTypeError
from graphc.records import record

Kind = Literal["bool", "int", "uint", "float"]


@record
class DType:
    """One row of the table. `bits` is the storage size; `compute` names the dtype that arithmetic is done in."""

    name: str
    kind: Kind
    bits: int
    numpy: np.dtype[np.generic]
    compute: str


def _row(name: str, kind: Kind, bits: int, compute: str | None = None) -> DType:
    scalar = ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)
    return DType(name, kind, bits, np.dtype(scalar), compute or name)


TABLE: dict[str, DType] = {
    row.name: row
    for row in (
        _row("bool", "bool", 8),
        _row("uint8", "uint", 8),
        _row("uint16", "uint", 16),
        _row("uint32", "uint", 32),
        _row("uint64", "uint", 64),
        _row("int8", "int", 8),
        _row("int16", "int", 16),
        _row("int32", "int", 32),
        _row("int64", "int", 64),
        _row("bfloat16", "float", 16, "float32"),
        _row("float16", "float", 16, "float32"),
        _row("float32", "float", 32),
        _row("float64", "float", 64),
    )
}


def canonical(dtype: object) -> str:
    """Return the table's name of anything NumPy accepts as a dtype. Raises DTypeError for others."""
    if isinstance(dtype, str) and dtype in TABLE:
        return dtype
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    if name not in TABLE:
        raise DTypeError(f"dtype {dtype!r} is not supported; supported are {', '.join(TABLE)}")
    return str(name)


def numpy_dtype(dtype: str) -> np.dtype[np.generic]:
    """Return the NumPy dtype of a name of the table."""
    return TABLE[canonical(dtype)].numpy


def itemsize(dtype: str) -> int:
    """Return the storage size of one element in bytes."""
    return TABLE[dtype].bits // 8


def is_float(dtype: str) -> bool:
    """Tell whether the dtype is floating."""
    return TABLE[dtype].kind == "float"


def is_integer(dtype: str) -> bool:
    """Tell whether the dtype is an integer (bool is not)."""
    return TABLE[dtype].kind in ("int", "uint")


def promote(*names: str) -> str:
    """Return the dtype that arithmetic on these dtypes has.

    bool < integers < floats. Integers join as in NumPy, except that an unsigned 64-bit one joins a signed one as
    int64. An integer never widens a float (float32 with int64 is float32). float16 with bfloat16 is float32.
    """
    result = names[0]
    for name in names[1:]:
        result = _promote_two(result, name)
    return result


def _promote_two(a: str, b: str) -> str:
    if a == b:
        return a
    x, y = TABLE[a], TABLE[b]
    rank = {"bool": 0, "uint": 1, "int": 1, "float": 2}
    if rank[x.kind] != rank[y.kind]:
        return a if rank[x.kind] > rank[y.kind] else b
    if x.kind == y.kind:
        if x.bits == y.bits:
            return "float32"
        return a if x.bits > y.bits else b
    signed, unsigned = (x, y) if x.kind == "int" else (y, x)
    if signed.bits > unsigned.bits:
        return signed.name
    return f"int{min(64, unsigned.bits * 2)}"


def can_cast_safely(source: str, target: str) -> bool:
    """Tell whether every value of source is (nearly) a value of target: same kind, or towards float."""
    return promote(source, target) == target or (is_float(source) and is_float(target))
