"""Arguments as callers give them, one at a time."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from graphc.errors import DTypeError
from graphc.loopir import Argument
from graphc.runtime.arguments import convert_array


def _converted(value: Any, dtype: str) -> np.ndarray[Any, Any]:
    return convert_array(value, Argument("b", "b", (3,), dtype), "b")


def test_what_fits_is_not_copied() -> None:
    array = np.arange(3, dtype=np.float32)
    assert _converted(array, "float32") is array


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.float64([1, 2, 3]), "float32"),
        (np.float32([1, 2, 3]), "float64"),
        (np.int64([1, 2, 3]), "float32"),
        (np.array([True, False, True]), "int32"),
        (np.int8([1, 2, 3]), "int64"),
        (np.float32([1, 2, 3]), "bfloat16"),
        (np.float32([1, 2, 3]).astype(ml_dtypes.bfloat16), "float32"),
        ([1, 2, 3], "uint8"),
        ([1, 2, 3], "float32"),
        ([0, 1, 1], "bool"),
        ((1.5, 2.5, 3.5), "float16"),
    ],
)
def test_casts_that_keep_the_values(value: Any, dtype: str) -> None:
    converted = _converted(value, dtype)
    assert converted.dtype.name == dtype
    assert converted.astype(np.float64).tolist() == np.asarray(value).astype(np.float64).tolist()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.float32([1, 2, 3]), "int32"),
        ([1.0, 2.0, 3.0], "int64"),
        (np.int64([1, 2, 3]), "uint8"),
        (np.int64([1, 2, 3]), "bool"),
        ([1, 2, 300], "uint8"),
        ([0, 1, 2], "bool"),
        (np.array([1, None, 3]), "float32"),
        (np.array(["2020-01-01"], "datetime64[D]"), "int64"),
        ("text", "float32"),
    ],
)
def test_other_casts_are_refused(value: Any, dtype: str) -> None:
    with pytest.raises(DTypeError, match=rf"^b .*{dtype}"):
        _converted(value, dtype)


def test_every_descriptor_of_a_dtype_is_known() -> None:
    given = np.array([1, 2, 3], np.longlong)
    converted = _converted(given, "int64")
    assert converted.dtype is np.dtype(np.int64)
    assert np.shares_memory(converted, given)
