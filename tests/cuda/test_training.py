"""Training runs of released Keras 2.2.4 on the emulated GPU; a recurrence and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.loopir import Loop
from graphc.runtime import current_device, set_device
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import emulated_device
from tests.keras.test_training_oracle import test_training_api as run_training_api
from tests.keras.test_training_oracle import test_training_run as run_training

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def emulated() -> Iterator[None]:
    """Every program of the test is compiled for the emulated GPU."""
    before = current_device()
    set_device(emulated_device(order=5))
    yield
    set_device(before)


def _cases(test: Any) -> list[Any]:
    [mark] = [m for m in test.pytestmark if m.name == "parametrize"]
    return list(mark.args[1])


@pytest.mark.parametrize("name", _cases(run_training))
def test_training_run(name: str) -> None:
    run_training(name)


@pytest.mark.parametrize("name", _cases(run_training_api))
def test_training_api(name: str) -> None:
    run_training_api(name)


def test_a_recurrence_and_its_gradient() -> None:
    steps, rows, units = 7, 3, 5
    x = graphc.placeholder((steps, None, units), name="x")
    w = graphc.state(np.random.default_rng(1).standard_normal((units, units)).astype("float32") / 3, "w")

    def step(element: Any, carry: Any) -> Any:
        new = ops.tanh(element + ops.matmul(carry, w.node))
        return [new], [new]

    initial = x[0] * 0.0
    [final], [stacked] = graphc.scan(step, [x], [initial])
    loss = ops.sum(final * final) + ops.sum(stacked[2])
    results = [loss, stacked, *graphc.gradients(loss, [w.node, x])]
    there = graphc.function([x], results)
    assert any(isinstance(s, Loop) for s in there.plan.steps)
    with graphc.device("cpu"):
        here = graphc.function([x], results)
    value = np.random.default_rng(2).standard_normal((steps, rows, units)).astype("float32")
    for _ in range(3):
        for found, expected in zip(there(value), here(value), strict=True):
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
