"""The emulator sees what is wrong: faults planted in kernels that are right."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import ops
from graphc.codegen import emit_cuda, prelude
from graphc.compile import placeholder
from graphc.errors import CompileError
from graphc.graph import Graph
from graphc.passes import expand_composites
from graphc.schedule import lower_graph
from tests.cuda.emulator import EmulatedModule, EmulationError, compile_text
from tests.cuda.kernels import needs_compiler

pytestmark = needs_compiler
ROWS, COLUMNS = 300, 40
COLUMN_SUM = "column sum"
PRODUCT = "product"


def text_of(name: str) -> str:
    x = placeholder((ROWS, COLUMNS), "float32")
    result = ops.sum(x, axis=0) if name == COLUMN_SUM else ops.matmul(ops.transpose(x), x)
    return emit_cuda(lower_graph(expand_composites(Graph((x,), (result,))))).text


def is_right(text: str, name: str, order: int) -> bool:
    """Tell whether the program still gives what it means. Raises EmulationError as the emulator does."""
    x = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype("float32")
    expected = x.sum(axis=0) if name == COLUMN_SUM else x.T @ x
    found = np.full(expected.shape, np.nan, "float32")
    geometry = (2, 512) if name == COLUMN_SUM else (1, 256)
    EmulatedModule(compile_text(text)).launch("kernel_0", *geometry, [x.ctypes.data, found.ctypes.data], order)
    return np.allclose(found, expected, rtol=1e-3, atol=1e-3)


def occurrences(text: str, what: str, within: str) -> list[int]:
    start = text.index(within)
    places = []
    while (start := text.find(what, start + 1)) >= 0:
        places.append(start)
    return places


@pytest.mark.parametrize("name", [COLUMN_SUM, PRODUCT])
def test_the_programs_are_right_as_they_are(name: str) -> None:
    assert all(is_right(text_of(name), name, order) for order in range(4))


@pytest.mark.parametrize(("name", "barrier"), [(COLUMN_SUM, 1), (PRODUCT, 0), (PRODUCT, 1)])
def test_a_missing_barrier_shows_in_some_order(name: str, barrier: int) -> None:
    text, call = text_of(name), "__syncthreads();"
    place = occurrences(text, call, "gc_fold_column(" if name == COLUMN_SUM else '\nextern "C"')[barrier]
    broken = text[:place] + text[place + len(call) :]
    assert not all(is_right(broken, name, order) for order in range(6))


def test_a_barrier_that_some_threads_skip_is_an_error() -> None:
    text = text_of(PRODUCT).replace("      __syncthreads();", "      if (threadIdx.x < 64) __syncthreads();", 1)
    with pytest.raises(EmulationError, match=r"different barriers|never reach"):
        is_right(text, PRODUCT, 0)


def test_an_exchange_that_lanes_skip_is_an_error() -> None:
    kernel = (
        'extern "C" __global__ void __launch_bounds__(32)\nlost(float* p)\n'
        "{ if (threadIdx.x < 7) *p = gc_from_lane(*p, 1); }"
    )
    with pytest.raises(EmulationError, match="not all lanes"):
        EmulatedModule(compile_text(f"{prelude()}\n{kernel}")).launch("lost", 1, 32, [np.zeros(1, "f4").ctypes.data])


def test_shared_memory_that_was_not_written_is_poison() -> None:
    kernel = (
        'extern "C" __global__ void __launch_bounds__(32)\nrubbish(float* p)\n'
        "{ __shared__ float kept[32]; if (threadIdx.x < 7) kept[threadIdx.x] = 1; p[threadIdx.x] = kept[threadIdx.x]; }"
    )
    found = np.zeros(32, "float32")
    EmulatedModule(compile_text(f"{prelude()}\n{kernel}")).launch("rubbish", 1, 32, [found.ctypes.data])
    np.testing.assert_array_equal(found, [1] * 7 + [np.nan] * 25)


def test_text_that_is_not_c_is_refused() -> None:
    with pytest.raises(CompileError, match="multiple types"):
        compile_text("float float;")
