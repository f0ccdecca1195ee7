"""Products by cuBLASLt: which launches may go there, how matrices are described to it, and what is left to us."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import DeviceError, ExecutionError
from graphc.graph import Node
from graphc.runtime import CudaDevice
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import NO_LIBRARIES, EmulatedCompiler, StandIn
from tests.cuda.stand_in_cublas import StandInCublasLt

pytestmark = needs_compiler
ROWS, DEPTH, COLUMNS = 21, 34, 13
_PLAIN, _BIAS = 1, 4

# name -> (what it computes of x (rows, 34), w (34, 13), b (13) and y (rows, 13); the epilogue; launches of our own)
PROGRAMS: dict[str, tuple[Callable[[Node, Node, Node, Node], Node], int, int]] = {
    "plain": (lambda x, w, b, y: ops.matmul(x, w), _PLAIN, 0),
    "bias": (lambda x, w, b, y: ops.matmul(x, w) + b, _BIAS, 0),
    "bias and more": (lambda x, w, b, y: ops.tanh(ops.matmul(x, w) + b) * y, _PLAIN, 1),
    "a number": (lambda x, w, b, y: ops.matmul(x, w) * 2.0, _PLAIN, 1),
    "right transposed": (lambda x, w, b, y: ops.matmul(y, ops.transpose(w)), _PLAIN, 0),
    "left transposed": (lambda x, w, b, y: ops.matmul(ops.transpose(x), y) + b, _BIAS, 0),
    "both transposed": (lambda x, w, b, y: ops.matmul(ops.transpose(w), ops.transpose(x)), _PLAIN, 0),
    "part of a matrix": (lambda x, w, b, y: ops.matmul(x[:, 3:20], w[5:22]), _PLAIN, 0),
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may go to the library goes there."""
    monkeypatch.setenv("GRAPHC_CUBLAS", "always")


def chip() -> tuple[CudaDevice, StandIn, StandInCublasLt]:
    stand_in = StandIn(order=3)
    library = StandInCublasLt(stand_in)
    return (
        CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=NO_LIBRARIES | {"cublas": lambda: library}),
        stand_in,
        library,
    )


def arrays() -> list[Any]:
    rng = np.random.default_rng(4)
    return [
        rng.standard_normal(s).astype("float32") for s in ((ROWS, DEPTH), (DEPTH, COLUMNS), (COLUMNS,), (ROWS, COLUMNS))
    ]


def inputs() -> list[Node]:
    shapes = ((None, DEPTH), (DEPTH, COLUMNS), (COLUMNS,), (None, COLUMNS))
    return [graphc.placeholder(shape, name=name) for shape, name in zip(shapes, "xwby")]


@pytest.mark.parametrize("name", PROGRAMS)
def test_products_mean_the_same(name: str) -> None:
    program, epilogue, own = PROGRAMS[name]
    given, values = inputs(), arrays()
    result = program(*given)
    with graphc.device("cpu"):
        expected = graphc.function(given, result)(*values)
    device, stand_in, library = chip()
    with graphc.device(device):
        compiled = graphc.function(given, result)
    found = compiled(*values)
    assert [p[2] for p in library.products] == [epilogue]
    assert stand_in.launches == own
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(*values), found)
    assert len(library.products) == 2, "the third call replays"


def test_a_launch_that_works_in_place_has_its_sums_elsewhere() -> None:
    device, _, library = chip()
    x, _, _, y = inputs()
    start = np.random.default_rng(5).standard_normal((DEPTH, COLUMNS)).astype("float32")
    w = graphc.state(start, "w")
    with graphc.device(device):
        step = graphc.function([x, y], [], [(w, w.node - ops.matmul(ops.transpose(x), y))])
    values = arrays()
    step(values[0], values[3])
    np.testing.assert_allclose(w.get_value(), start - values[0].T @ values[3], rtol=1e-5, atol=1e-5)
    assert [p[2] for p in library.products] == [_PLAIN]


def test_lines_that_overlap_are_ours() -> None:
    device, _, library = chip()
    x, filters = graphc.placeholder((1, 12, 3), name="x"), graphc.placeholder((4, 3, 5), name="filters")
    windows = ops.convolution(x, filters)
    with graphc.device(device):
        compiled = graphc.function([x, filters], windows)
    rng = np.random.default_rng(6)
    values = [rng.standard_normal(s).astype("float32") for s in ((1, 12, 3), (4, 3, 5))]
    expected = sum(values[0][:, i : i + 9] @ values[1][i] for i in range(4))
    np.testing.assert_allclose(compiled(*values), expected, rtol=1e-5, atol=1e-5)
    assert library.products == []


def test_without_lines_nothing_goes_there() -> None:
    device, _, library = chip()
    given = inputs()
    with graphc.device(device):
        compiled = graphc.function(given[:2], ops.matmul(*given[:2]))
    assert compiled(np.zeros((0, DEPTH), "float32"), arrays()[1]).shape == (0, COLUMNS)
    assert library.products == []


def test_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CUBLAS", "0")
    device, stand_in, library = chip()
    given = inputs()
    with graphc.device(device):
        graphc.function(given[:2], ops.matmul(*given[:2]))(*arrays()[:2])
    assert (library.products, stand_in.launches) == ([], 1)


def test_without_the_library_the_error_comes_before_anything_runs() -> None:
    counter = graphc.state(np.zeros((), "float32"), "counter")
    given = inputs()
    with graphc.device(CudaDevice(StandIn(), compiler=EmulatedCompiler(), libraries=NO_LIBRARIES)):
        compiled = graphc.function(given[:2], ops.matmul(*given[:2]), [(counter, counter.node + 1.0)])
    with pytest.raises(DeviceError, match="the library is not installed"):
        compiled(*arrays()[:2])
    assert counter.get_value() == 0


def test_a_product_without_an_algorithm_is_an_error_where_it_must_be_the_librarys() -> None:
    device, _, library = chip()
    library.algorithms = 0
    given = inputs()
    with graphc.device(device):
        compiled = graphc.function(given[:2], ops.matmul(*given[:2]))
    with pytest.raises(ExecutionError, match="cuBLASLt has no algorithm"):
        compiled(*arrays()[:2])


def test_without_memory_to_work_in_products_work_all_the_same() -> None:
    stand_in = StandIn(memory=1 << 20)
    library = StandInCublasLt(stand_in)
    libraries = NO_LIBRARIES | {"cublas": lambda: library}
    given, (x, w, *_) = inputs(), arrays()
    with graphc.device(CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=libraries)):
        compiled = graphc.function(given[:2], ops.matmul(*given[:2]))
    np.testing.assert_allclose(compiled(x, w), x @ w, rtol=1e-5, atol=1e-5)
    assert len(library.products) == 1
