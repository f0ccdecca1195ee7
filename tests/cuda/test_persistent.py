"""Recurrences as one kernel whose grid stays for all steps: the bits of the chain of launches, in fewer starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.codegen import emit_cuda, prelude
from graphc.runtime import CudaDevice, Executable
from tests.cuda.emulator import EmulatedModule, EmulationError, compile_text
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import EmulatedCompiler, StandIn, emulated_device

pytestmark = needs_compiler
STEPS, UNITS = 5, 70
MEETING = "gc_meet(meeting);"


def recurrence(chip: Any) -> Executable:
    """Return a recurrence of two launches a step, its loss and the gradients."""
    x = graphc.placeholder((STEPS, None, UNITS), name="x")
    rng = np.random.default_rng(1)
    w, u = (graphc.state(rng.standard_normal((UNITS, UNITS)).astype("float32") / 9, name) for name in "wu")

    def step(element: Any, carry: Any) -> Any:
        new = ops.tanh(element + ops.matmul(ops.tanh(ops.matmul(carry, w.node)), u.node))
        return [new], [new]

    [final], [stacked] = graphc.scan(step, [x], [x[0] * 0.5])
    loss = ops.sum(final * final) + ops.sum(stacked[2])
    with graphc.device(chip):
        return graphc.function([x], [loss, stacked, *graphc.gradients(loss, [w.node, u.node, x])])


def data(rows: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).standard_normal((STEPS, rows, UNITS)).astype("float32")


@pytest.mark.parametrize("order", [0, 1, 7])
def test_a_grid_that_stays_gives_the_bits_of_single_launches(order: int) -> None:
    together, apart = emulated_device(order, processors=4), emulated_device()
    standing, chain = recurrence(together), recurrence(apart)
    for call in range(3):
        for found, expected in zip(standing(data(3)), chain(data(3)), strict=True):
            np.testing.assert_array_equal(found, expected)
        if call == 0:
            saved = apart._cupy.launches - together._cupy.launches
            loops = len(emit_cuda(standing.plan).procedure.grids)
            assert loops >= 2
            assert saved >= loops * (STEPS - 1)


def test_a_step_that_does_not_fit_the_device_is_launched_by_itself() -> None:
    one = emulated_device(processors=1)
    before = one._cupy.launches
    recurrence(one)(data(3))
    assert one._cupy.launches - before > 4 * STEPS


class Careless(EmulatedCompiler):
    """Drops the first meeting that there is."""

    version = "careless"

    def compile(self, text: str) -> bytes:
        assert text.count(MEETING) >= 4
        return compile_text(text.replace(MEETING, "", 1))


def test_a_missing_meeting_shows_in_some_order() -> None:
    expected = recurrence(emulated_device())(data(3))

    def is_right(order: int) -> bool:
        chip = CudaDevice(StandIn(order, processors=4), compiler=Careless())
        return all(np.array_equal(a, b) for a, b in zip(recurrence(chip)(data(3)), expected, strict=True))

    assert not all(is_right(order) for order in range(4))


KERNEL = (
    'extern "C" __global__ void __launch_bounds__(32)\nmeet(unsigned* meeting, float* p)\n'
    "{ if (threadIdx.x == 0) p[blockIdx.x] = blockIdx.x; BEFORE gc_meet(meeting);"
    " if (threadIdx.x == 0) p[gridDim.x + blockIdx.x] = p[(blockIdx.x + 1) % gridDim.x]; }"
)


def launch(before: str, together: bool, order: int = 0) -> np.ndarray[Any, Any]:
    found, words = np.zeros(6, "float32"), np.zeros(2, "uint32")
    module = EmulatedModule(compile_text(f"{prelude()}\n{KERNEL.replace('BEFORE', before)}"))
    module.launch("meet", 3, 32, [words.ctypes.data, found.ctypes.data], order, together)
    return found


def test_blocks_meet() -> None:
    for order in range(3):
        np.testing.assert_array_equal(launch("", True, order), [0, 1, 2, 1, 2, 0])


@pytest.mark.parametrize(
    ("before", "together", "message"),
    [
        ("if (blockIdx.x == 1) return;", True, "some blocks never reach"),
        ("if (threadIdx.x == 7) return;", True, "some threads never reach"),
        ("", False, "need not run at the same time"),
    ],
)
def test_a_meeting_that_cannot_be_is_an_error(before: str, together: bool, message: str) -> None:
    with pytest.raises(EmulationError, match=message):
        launch(before, together)
