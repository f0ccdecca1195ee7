"""Training runs of released Keras 2.2.4 on the emulated GPU; a recurrence and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.keras import layers, models
from graphc.loopir import Loop
from graphc.runtime import CudaDevice, current_device, set_device
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import EmulatedCompiler, StandIn, emulated_device
from tests.cuda.stand_in_cublas import StandInCublasLt
from tests.cuda.stand_in_cudnn import StandInCudnn
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


def test_a_network_whose_sums_are_done_by_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for flag in ("GRAPHC_CUBLAS", "GRAPHC_CUDNN"):
        monkeypatch.setenv(flag, "always")
    stand_in = StandIn(order=5)
    products, convolutions = StandInCublasLt(stand_in), StandInCudnn(stand_in)
    libraries = {"cublas": lambda: products, "cudnn": lambda: convolutions}
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((13, 7, 8, 2)).astype("float32"), rng.integers(0, 4, 13)
    found = []
    for device in (CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=libraries), "cpu"):
        with graphc.device(device):
            model = models.Sequential(
                [
                    layers.Conv2D(5, (3, 2), strides=(2, 1), activation="relu", input_shape=(7, 8, 2)),
                    layers.Conv2D(3, 2, padding="same", activation="tanh"),
                    layers.Flatten(),
                    layers.Dense(6, activation="sigmoid"),
                    layers.Dense(4, activation="softmax"),
                ]
            )
            start = np.random.default_rng(7)
            model.set_weights([0.3 * start.standard_normal(w.shape).astype("float32") for w in model.get_weights()])
            model.compile("adam", "sparse_categorical_crossentropy")
            history = model.fit(x, y, batch_size=5, epochs=3, shuffle=False, verbose=0)
            found.append((history.history["loss"], model.predict(x), model.get_weights()))
    (losses, predictions, weights), (same_losses, same_predictions, same_weights) = found
    np.testing.assert_allclose(losses, same_losses, rtol=1e-4)
    np.testing.assert_allclose(predictions, same_predictions, rtol=1e-3, atol=1e-4)
    for w, same in zip(weights, same_weights, strict=True):
        np.testing.assert_allclose(w, same, rtol=1e-3, atol=2e-4)
    assert {kind for kind, *_ in convolutions.done} == {"forward", "weights"}
    assert len(products.products) > 5
