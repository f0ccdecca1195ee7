"""Native epochs give the bits of the step-by-step path, and come back in time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc.keras.callbacks import Callback, LambdaCallback
from graphc.keras.engine import native_epoch
from graphc.keras.engine.native_epoch import NativeEpoch
from graphc.keras.layers import BatchNormalization, Dense, Dropout, Input
from graphc.keras.models import Model, Sequential

GENERATOR = np.random.default_rng(17)
X = GENERATOR.normal(size=(101, 6)).astype("float32")
Y = GENERATOR.integers(0, 4, 101)


class EachBatch(Callback):
    """Needs every batch, so that training runs step by step."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self.last = batch


def trained(callbacks: list[Any], build: Any, x: Any, y: Any, **arguments: Any) -> tuple[Any, Any]:
    np.random.seed(2)
    model = build()
    history = model.fit(x, y, epochs=3, batch_size=8, verbose=0, callbacks=callbacks, **arguments).history
    return model.get_weights(), history


def noisy() -> Any:
    model = Sequential(
        [
            Dense(16, activation="relu", input_shape=(6,)),
            BatchNormalization(),
            Dropout(0.3),
            Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def several() -> Any:
    a, b = Input((6,)), Input((3,))
    model = Model([a, b], [Dense(2)(a), Dense(1)(b)])
    model.compile("rmsprop", "mse", loss_weights=[1.0, 0.3], metrics=["mae"])
    return model


CASES = {
    "dropout, batch statistics, integers": (noisy, X, Y, {}),
    "float64 data, weights": (noisy, X.astype("float64"), Y, {"sample_weight": np.linspace(0, 1, 101)}),
    "several inputs and outputs": (several, [X, X[:, :3]], [X[:, 1:3], X[:, :1]], {"shuffle": False}),
    "validation": (noisy, X, Y, {"validation_split": 0.2, "shuffle": "batch"}),
}


@pytest.mark.parametrize("case", CASES)
def test_same_bits_as_step_by_step(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, x, y, arguments = CASES[case]
    stretches: list[int] = []
    run = NativeEpoch.stretches

    def counted(self: Any, order: Any, batch_size: int) -> Iterator[int]:
        stretches.append(len(order))
        return run(self, order, batch_size)

    monkeypatch.setattr(NativeEpoch, "stretches", counted)
    native = trained([], build, x, y, **arguments)
    trained_rows = [rows for rows in stretches if rows > 21]
    assert len(trained_rows) == 3
    stepped = trained([EachBatch()], build, x, y, **arguments)
    assert [rows for rows in stretches if rows > 21] == trained_rows
    assert list(native[1].values()) == list(stepped[1].values())
    for a, b in zip(native[0], stepped[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_short_stretches_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained([], noisy, X, Y)
    monkeypatch.setattr(native_epoch, "SECONDS_BETWEEN_RETURNS", 0.0)
    seen: list[int] = []
    pieces = trained([Recorder(seen)], noisy, X, Y)
    assert seen[:13] == [min(8 * (i + 1), 101) for i in range(13)]
    assert whole[1] == pieces[1]
    for a, b in zip(whole[0], pieces[0], strict=True):
        np.testing.assert_array_equal(a, b)


class Recorder(Callback):
    """Takes whole stretches, and keeps how far they came."""

    takes_stretches = True

    def __init__(self, seen: list[int]) -> None:
        super().__init__()
        self.seen = seen

    def on_stretch_end(self, seen: int, totals: Any) -> None:
        self.seen.append(seen)


def test_interrupt_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupter(Recorder):
        takes_stretches = True

        def on_stretch_end(self, seen: int, totals: Any) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(native_epoch, "SECONDS_BETWEEN_RETURNS", 0.0)
    model = noisy()
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[Interrupter([])])
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


def test_evaluation_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = noisy()
    native = model.evaluate(X, Y, batch_size=7, verbose=0)
    monkeypatch.setattr(NativeEpoch, "of", classmethod(lambda *_: None))
    assert model.evaluate(X, Y, batch_size=7, verbose=0) == native


def test_callbacks_of_epochs_alone_leave_it_native() -> None:
    epochs: list[int] = []
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    model = noisy()
    assert NativeEpoch.of(_train_function(model), [X, Y[:, None], np.ones(101), 1.0], 2, []) is not None
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert epochs == [0, 1]


def test_what_has_to_run_step_by_step() -> None:
    model = noisy()
    function = _train_function(model)
    arrays = [X, Y[:, None], np.ones(101), 1.0]
    assert NativeEpoch.of(function, arrays, 2, ["stateful"]) is None
    assert NativeEpoch.of(function, [list(X), *arrays[1:]], 2, []) is None


def _train_function(model: Any) -> Any:
    model._make_train_function()
    return model.train_function
