"""Callbacks: order of calls, what stops training, what changes the learning rate, what is written."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import callbacks
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential, load_model

X = np.linspace(-1, 1, 21).reshape(7, 3).astype("float32")
Y = np.linspace(0, 1, 14).reshape(7, 2).astype("float32")


def model() -> Any:
    built = Sequential([Dense(2, input_shape=(3,))])
    built.compile("sgd", "mse", metrics=["mae"])
    return built


class Fed:
    """Feeds a callback a list of values of the monitored metric instead of training."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = type("Optimizer", (), {"lr": K.variable(1.0)})()
        self.weights = 0

    def get_weights(self) -> int:
        self.weights += 1
        return self.weights

    def set_weights(self, weights: int) -> None:
        self.restored = weights

    def feed(self, callback: Any, values: list[float], name: str = "val_loss") -> int:
        """Return the number of epochs until the callback stopped training, or all."""
        callback.set_model(self)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, {name: value})
            if self.stop_training:
                return epoch + 1
        return len(values)


def test_order_of_calls() -> None:
    calls: list[str] = []

    class Spy(callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                calls.append(name)
            return super().__getattribute__(name)

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            assert set(logs) == {"batch", "size", "loss", "mean_absolute_error"}

    spy = Spy()
    model().fit(X, Y, batch_size=4, epochs=1, validation_data=(X, Y), callbacks=[spy], verbose=0)
    begun = calls.index("on_epoch_begin")
    assert calls[begun:] == [
        "on_epoch_begin", *["on_batch_begin", "on_batch_end"] * 2, "on_epoch_end", "on_train_end",
    ]  # fmt: skip
    assert spy.params["metrics"] == ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"]
    assert len(spy.validation_data) == 3


def test_early_stopping_waits_for_patience() -> None:
    values = [5.0, 4.0, 4.5, 4.2, 3.0, 3.1, 3.2, 3.3]
    assert Fed().feed(callbacks.EarlyStopping(patience=2), values) == 4
    assert Fed().feed(callbacks.EarlyStopping(patience=3), values) == 8
    assert Fed().feed(callbacks.EarlyStopping(min_delta=1.5, patience=2), values) == 3
    assert Fed().feed(callbacks.EarlyStopping(baseline=2.0, patience=1), values) == 1
    assert Fed().feed(callbacks.EarlyStopping("val_acc", patience=1), [0.1, 0.5, 0.4], "val_acc") == 3
    fed = Fed()
    assert fed.feed(callbacks.EarlyStopping(patience=2, restore_best_weights=True), values) == 4
    assert fed.restored == 2
    with pytest.warns(RuntimeWarning, match="`val_loss` which is not available"):
        assert Fed().feed(callbacks.EarlyStopping(), [1.0, 2.0], "loss") == 2


def test_reduce_on_plateau() -> None:
    fed = Fed()
    fed.feed(callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.2), [3.0] * 4)
    assert K.get_value(fed.optimizer.lr) == 0.5
    fed.feed(callbacks.ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.2), [3.0, 3.0])
    assert K.get_value(fed.optimizer.lr) == np.float32(0.2)
    with pytest.raises(ValueError, match="factor >= 1"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match="min_delta"):
        assert callbacks.ReduceLROnPlateau(epsilon=0.25).min_delta == 0.25


def test_learning_rate_schedule() -> None:
    built = model()
    schedule = callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
    history = built.fit(X, Y, epochs=3, callbacks=[schedule], verbose=0).history
    np.testing.assert_allclose(history["lr"], [0.5, 0.25, 0.5 / 3], rtol=1e-6)
    halved = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    built.fit(X, Y, epochs=1, callbacks=[halved], verbose=0)
    assert float(K.get_value(built.optimizer.lr)) == pytest.approx(0.25 / 3)
    with pytest.raises(ValueError, match="should be float"):
        built.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: "fast")], verbose=0)


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    built = model()
    history = built.fit(
        np.full((7, 3), np.inf), Y, batch_size=2, epochs=3, callbacks=[callbacks.TerminateOnNaN()], verbose=0
    )
    assert history.epoch == [0]
    assert "Batch 0: Invalid loss" in capsys.readouterr().out


def test_csv_log(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    built = model()
    history = built.fit(X, Y, epochs=2, callbacks=[callbacks.CSVLogger(str(path), separator=";")], verbose=0).history
    built.fit(X, Y, epochs=1, callbacks=[callbacks.CSVLogger(str(path), separator=";", append=True)], verbose=0)
    rows = list(csv.DictReader(path.open(), delimiter=";"))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert [float(row["loss"]) for row in rows[:2]] == history["loss"]


def test_csv_log_of_training_that_stops(tmp_path: Path) -> None:
    def batches() -> Iterator[Any]:
        for step in itertools.count():
            yield (X if step < 3 else np.full_like(X, np.nan)), Y

    path = tmp_path / "log.csv"
    watch = [callbacks.TerminateOnNaN(), callbacks.CSVLogger(str(path))]
    model().fit_generator(batches(), 2, epochs=5, validation_data=(X, Y), callbacks=watch, workers=0, verbose=0)
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 2
    # Training stopped at the last step of the second epoch, so there was a validation.
    assert rows[1]["loss"] == "nan" and rows[1]["val_loss"] == "nan"
    built = model()
    watch = [callbacks.TerminateOnNaN(), callbacks.CSVLogger(str(path))]
    for values in (X, np.full_like(X, np.inf)):
        built.fit(values, Y, batch_size=7, validation_data=(X, Y), callbacks=watch, verbose=0)
        watch[1].append = True
    rows = list(csv.DictReader(path.open()))
    assert float(rows[0]["val_loss"]) > 0
    assert rows[1]["val_loss"] == "NA"


@pytest.mark.parametrize("by_batches", [False, True])
def test_validation_data_reach_callbacks(by_batches: bool) -> None:
    built, seen = model(), callbacks.Callback()
    if by_batches:
        built.fit_generator(iter([(X, Y)]), 1, validation_data=(X[:3], Y[:3]), callbacks=[seen], verbose=0)
    else:
        built.fit(X, Y, validation_data=(X[:3], Y[:3]), callbacks=[seen], verbose=0)
    x, y, weights = seen.validation_data
    np.testing.assert_array_equal(x, X[:3])
    np.testing.assert_array_equal(y, Y[:3])
    np.testing.assert_array_equal(weights, np.ones(3))


def test_checkpoints_keep_the_best(tmp_path: Path) -> None:
    saved: list[str] = []

    class Saving(Fed):
        def save(self, path: str, overwrite: bool) -> None:
            saved.append(Path(path).name)

        save_weights = save

    pattern = str(tmp_path / "{epoch:02d}-{val_loss:.1f}")
    Saving().feed(callbacks.ModelCheckpoint(pattern, save_best_only=True), [3.0, 4.0, 2.0, 2.5])
    assert saved == ["01-3.0", "03-2.0"]
    saved.clear()
    Saving().feed(callbacks.ModelCheckpoint(pattern, period=2, save_weights_only=True), [3.0, 4.0, 2.0, 2.5])
    assert saved == ["02-4.0", "04-2.5"]
    with pytest.warns(RuntimeWarning, match="only with val_loss available"):
        Saving().feed(callbacks.ModelCheckpoint(str(tmp_path / "x"), save_best_only=True), [1.0], "loss")
    with pytest.warns(RuntimeWarning, match="mode best is unknown"):
        assert callbacks.ModelCheckpoint("x", monitor="val_acc", mode="best").monitor_op is np.greater


def test_checkpoints_can_be_loaded(tmp_path: Path) -> None:
    built = model()
    watch = [
        callbacks.ModelCheckpoint(str(tmp_path / "{epoch:02d}-{loss:.2f}.h5"), period=2),
        callbacks.ModelCheckpoint(str(tmp_path / "weights.h5"), save_weights_only=True),
    ]
    history = built.fit(X, Y, epochs=5, callbacks=watch, verbose=0).history["loss"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"02-{history[1]:.2f}.h5", f"04-{history[3]:.2f}.h5", "weights.h5",
    ]  # fmt: skip
    loaded = load_model(str(next(tmp_path.glob("04*"))))
    assert loaded.evaluate(X, Y, verbose=0)[0] == pytest.approx(history[4], rel=1e-5)
    other = model()
    other.load_weights(str(tmp_path / "weights.h5"))
    np.testing.assert_array_equal(other.predict(X), built.predict(X))


def test_only_batch_callbacks_need_batches() -> None:
    def needs(callback: Any) -> bool:
        return not callbacks.CallbackList([callback]).ignore_batches()

    class Bar(callbacks.ProgbarLogger):
        pass

    assert not needs(callbacks.ProgbarLogger())
    assert needs(Bar())
    assert not needs(callbacks.EarlyStopping())
    assert needs(callbacks.TerminateOnNaN())
    assert not needs(callbacks.LambdaCallback(on_epoch_end=print))
    assert needs(callbacks.LambdaCallback(on_batch_begin=print))


def test_unknown_count_mode() -> None:
    with pytest.raises(ValueError, match="Unknown `count_mode`: miles"):
        callbacks.ProgbarLogger("miles")
