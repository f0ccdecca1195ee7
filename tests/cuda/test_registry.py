"""Every op of the registry on the emulated GPU, against its NumPy meaning."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import device, dtypes
from graphc.compile import function
from graphc.graph import Op, evaluate
from tests.cuda.emulator import is_available
from tests.cuda.stand_in import emulated_device
from tests.ops.test_registry import CASES, TOLERANCE, build, close, each, is_float, sample

pytestmark = pytest.mark.skipif(not is_available(), reason="no g++ to emulate CUDA C with")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@each(CASES)
def test_emulated_function_means_the_same(case: tuple[Op, int], dtype: str) -> None:
    op, number = case
    arrays, attrs = sample(op, number)
    cast = [a.astype(dtypes.numpy_dtype(dtype)) if is_float(a) else a for a in arrays]
    graph = build(op, cast, attrs)
    [expected], _ = evaluate(graph, cast)
    with device(emulated_device()):
        compiled = function(graph.inputs, graph.outputs[0])
    got = compiled(*cast)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    close(got, expected, TOLERANCE[dtype])
    assert np.array_equal(compiled(*cast), got, equal_nan=is_float(got))
