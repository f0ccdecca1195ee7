"""fit_generator, evaluate_generator, predict_generator: Sequences, generators, workers, old names, errors."""

import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.callbacks import Callback, LambdaCallback
from graphc.keras.engine.base_layer import Layer
from graphc.keras.layers import Dense, Dropout, Input
from graphc.keras.models import Model, Sequential
from graphc.keras.utils import Sequence

GENERATOR = np.random.default_rng(23)
X = GENERATOR.normal(size=(26, 5)).astype("float32")
Y = GENERATOR.normal(size=(26, 3)).astype("float32")
# The last batch is smaller.
SPANS = [(0, 8), (8, 16), (16, 24), (24, 26)]


class Batches(Sequence):
    """Batches of X and Y; keeps which were asked for."""

    def __init__(self, weights: Any = None) -> None:
        self.weights = weights
        self.asked: list[int] = []
        self.ended = 0

    def __len__(self) -> int:
        return len(SPANS)

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        rows = slice(*SPANS[index])
        return (X[rows], Y[rows]) if self.weights is None else (X[rows], Y[rows], self.weights[rows])

    def on_epoch_end(self) -> None:
        self.ended += 1


def forever(spans: Any = SPANS) -> Iterator[Any]:
    while True:
        for start, end in spans:
            yield X[start:end], Y[start:end]


def regression(**arguments: Any) -> Any:
    model = Sequential([Dense(4, activation="tanh", input_shape=(5,)), Dense(3)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **arguments})
    return model


def copies(count: int, **arguments: Any) -> list[Any]:
    models = [regression(**arguments) for _ in range(count)]
    for model in models[1:]:
        model.set_weights(models[0].get_weights())
    return models


def assert_same_weights(a: Any, b: Any) -> None:
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


@pytest.mark.parametrize("workers, use_multiprocessing", [(0, False), (1, False), (3, False), (2, True)])
def test_sequence_in_order_trains_as_arrays_do(workers: int, use_multiprocessing: bool) -> None:
    fed, generated = copies(2)
    # The averages differ from those of steps in one respect only: both weigh batches by their rows.
    expected = fed.fit(X, Y, batch_size=8, epochs=2, shuffle=False, validation_data=(X[:7], Y[:7]), verbose=0)
    history = generated.fit_generator(
        Batches(),
        epochs=2,
        shuffle=False,
        validation_data=(X[:7], Y[:7]),
        workers=workers,
        use_multiprocessing=use_multiprocessing,
        verbose=0,
    )
    assert_same_weights(fed, generated)
    assert history is generated.history
    assert set(history.history) == {"loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"}
    for name, values in expected.history.items():
        assert history.history[name] == pytest.approx(values, rel=1e-5)


def test_generator_counts_steps() -> None:
    stepped, generated = copies(2)
    for start, end in [*SPANS, SPANS[0]]:
        stepped.train_on_batch(X[start:end], Y[start:end])
    sizes: list[int] = []
    spy = LambdaCallback(on_batch_end=lambda batch, logs: sizes.append(logs["size"]))
    history = generated.fit_generator(forever(), 5, callbacks=[spy], initial_epoch=2, epochs=3, verbose=0)
    assert_same_weights(stepped, generated)
    assert history.epoch == [2]
    assert sizes == [8, 8, 8, 2, 8]
    assert history.params == {
        "epochs": 3, "steps": 5, "verbose": 0, "do_validation": False,
        "metrics": ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"],
    }  # fmt: skip


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_callbacks_prepare_the_data_before_the_first_batch_is_made(workers: int) -> None:
    class Data(Callback):
        spans: Any = None

        def on_train_begin(self, logs: Any = None) -> None:
            self.spans = SPANS

        def batches(self) -> Iterator[Any]:
            yield from forever(self.spans)

    data = Data()
    history = regression().fit_generator(
        data.batches(), 4, validation_data=data.batches(), validation_steps=3, workers=workers,
        callbacks=[data], verbose=0,
    )  # fmt: skip
    assert set(history.history) == {"loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"}


def test_shuffled_sequence_gives_each_batch_once_an_epoch() -> None:
    batches = Batches()
    regression().fit_generator(batches, epochs=6, workers=1, max_queue_size=1, verbose=0)
    orders = [tuple(batches.asked[i : i + 4]) for i in range(0, 24, 4)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(set(orders)) > 1
    without_workers = Batches()
    regression().fit_generator(without_workers, epochs=3, workers=0, verbose=0)
    assert without_workers.asked == [0, 1, 2, 3] * 3
    assert without_workers.ended == 2


def test_weights_of_samples_and_classes() -> None:
    weights = np.linspace(0.0, 2.0, 26).astype("float32")
    model = regression(weighted_metrics=["mae"], metrics=None)
    by_arrays = model.evaluate(X, Y, batch_size=8, sample_weight=weights, verbose=0)
    assert model.evaluate_generator(Batches(weights)) == pytest.approx(by_arrays, rel=1e-5)
    kinds = np.eye(3, dtype="float32")[np.arange(26) % 3]
    fed, generated = copies(2)
    classes = {0: 0.5, 1: 2.0, 2: 0.0}
    fed.train_on_batch(X, kinds, class_weight=classes)
    generated.fit_generator(iter([(X, kinds)]), 1, class_weight=classes, verbose=0)
    assert_same_weights(fed, generated)


@pytest.mark.parametrize("workers", [0, 2])
def test_validation_by_batches(workers: int) -> None:
    model = regression()
    history = model.fit_generator(Batches(), validation_data=Batches(), workers=workers, verbose=0).history
    assert history["val_loss"] == pytest.approx([model.evaluate(X, Y, verbose=0)[0]], rel=1e-5)
    drawn: list[int] = []

    def held_out() -> Iterator[Any]:
        for i in range(9):
            drawn.append(i)
            yield X[: i + 1], Y[: i + 1]

    losses = model.fit_generator(
        Batches(), epochs=2, validation_data=held_out(), validation_steps=3, workers=workers, verbose=0
    ).history["val_loss"]
    # The second epoch goes on where the first one stopped.
    rows = np.concatenate([np.arange(i + 1) for i in (3, 4, 5)])
    assert losses[1] == pytest.approx(model.evaluate(X[rows], Y[rows], verbose=0)[0], rel=1e-5)
    assert len(drawn) == 6 or workers


def test_several_inputs_and_outputs_by_name_and_by_list() -> None:
    a, b = Input((5,), name="a"), Input((3,), name="b")
    model = Model([a, b], [Dense(2, name="c")(a), Dense(1, name="d")(Dropout(0.5)(b))])
    model.compile("sgd", {"c": "mse", "d": "mae"}, loss_weights={"d": 0.5})
    named = ({"b": Y, "a": X}, {"d": X[:, :1], "c": Y[:, :2]})
    listed = ([X, Y], [Y[:, :2], X[:, :1]])
    assert model.evaluate_generator(iter([named, listed]), 2) == pytest.approx(
        model.evaluate(*listed, verbose=0), rel=1e-5
    )
    sizes: list[int] = []
    spy = LambdaCallback(on_batch_end=lambda batch, logs: sizes.append(logs["size"]))
    model.fit_generator(iter([named, listed]), 2, callbacks=[spy], verbose=0)
    assert sizes == [26, 26]
    c, d = model.predict_generator(iter([[X, Y], {"a": X[:4], "b": Y[:4]}]), 2)
    assert c.shape == (30, 2)
    np.testing.assert_array_equal(d[26:], model.predict([X[:4], Y[:4]])[1])


def test_prediction_takes_training_batches_too() -> None:
    model = regression()
    np.testing.assert_array_equal(model.predict_generator(Batches()), model.predict(X, batch_size=8))
    np.testing.assert_array_equal(model.predict_generator(Batches(np.ones(26)), steps=1), model.predict(X[:8]))
    np.testing.assert_array_equal(model.predict_generator(iter([X[:3], X[3:7]]), 2), model.predict(X[:7]))


def test_stateful_metrics_keep_their_last_value() -> None:
    class Rows(Layer):
        """Counts the rows it has seen."""

        def __init__(self) -> None:
            super().__init__(name="rows")
            self.stateful = True
            self.count = K.variable(0.0)

        def reset_states(self) -> None:
            K.set_value(self.count, 0.0)

        def __call__(self, y_true: Any, y_pred: Any) -> Any:
            rows = K.sum(K.ones_like(y_pred[:, :1]))
            self.add_update(K.update_add(self.count, rows), inputs=[y_true, y_pred])
            return self.count + rows

    model = regression(metrics=[Rows()])
    assert model.evaluate_generator(Batches())[1] == 26
    history = model.fit_generator(Batches(), epochs=2, validation_data=(X[:9], Y[:9]), shuffle=False, verbose=0).history
    assert history["rows"] == [26, 26]
    assert history["val_rows"] == [9, 9]


@pytest.mark.filterwarnings("ignore:Update your", "ignore:Keras 1 counted")
def test_names_of_keras_1() -> None:
    model = regression()
    with pytest.warns(UserWarning, match="counts batches"):
        history = model.fit_generator(
            forever(),
            samples_per_epoch=3,
            nb_epoch=2,
            validation_data=forever(),
            nb_val_samples=2,
            nb_worker=1,
            max_q_size=4,
            pickle_safe=False,
            verbose=0,
        )
    assert history.epoch == [0, 1] and history.params["steps"] == 3

    class Sized:
        batch_size = 8

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            return X[:8], Y[:8]

    with pytest.warns(UserWarning, match="`steps_per_epoch` for `samples_per_epoch`"):
        assert model.fit_generator(Sized(), samples_per_epoch=24, verbose=0).params["steps"] == 3
    with pytest.warns(UserWarning, match="`steps` for `val_samples`"):
        assert model.evaluate_generator(forever(), val_samples=2, max_q_size=3) == pytest.approx(
            model.evaluate(X[:16], Y[:16], verbose=0)
        )
    with pytest.warns(UserWarning):
        assert model.predict_generator(forever(), val_samples=1).shape == (8, 3)
    with pytest.raises(TypeError, match="can accept only 3 positional"):
        model.fit_generator(forever(), 1, 1, 0)


@pytest.mark.parametrize("workers, use_multiprocessing", [(0, False), (1, False), (2, True)])
def test_errors_of_the_generator_come_through(workers: int, use_multiprocessing: bool) -> None:
    def failing() -> Iterator[Any]:
        yield X, Y
        raise KeyError("no such picture")

    model = regression()
    options = {"workers": workers, "use_multiprocessing": use_multiprocessing}
    for run in (model.fit_generator, model.evaluate_generator, model.predict_generator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            with pytest.raises(KeyError, match="no such picture"):
                run(failing(), 5, **options)


def test_processes_copy_generators() -> None:
    with pytest.warns(UserWarning, match="each a copy of the generator") as caught:
        regression().evaluate_generator(forever(), 3, workers=2, use_multiprocessing=True)
    assert [w.filename for w in caught] == [__file__]


def test_workers_end_with_training() -> None:
    model = regression()
    model.fit_generator(forever(), 2, workers=3, verbose=0)
    deadline = time.monotonic() + 10
    names = ["ThreadPoolExecutor", "_feed"]
    while (alive := [t.name for t in threading.enumerate() if any(n in t.name for n in names)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert alive == []


def test_what_is_refused() -> None:
    model = regression()
    with pytest.raises(ValueError, match=r"`steps_per_epoch=None` is only valid for a `keras.utils.Sequence`"):
        model.fit_generator(forever())
    with pytest.raises(ValueError, match="`steps=None` is only valid"):
        model.evaluate_generator(forever())
    with pytest.raises(ValueError, match="`validation_steps=None` is only valid"):
        model.fit_generator(forever(), 1, validation_data=forever())
    with pytest.raises(ValueError, match="Output of generator should be a tuple"):
        model.fit_generator(iter([(X,)]), 1)
    with pytest.raises(ValueError, match="Output of generator should be a tuple"):
        model.evaluate_generator(iter([3]), 1)
    with pytest.raises(ValueError, match="validation_data` should be a tuple"):
        model.fit_generator(forever(), 1, validation_data=(X,))
    with pytest.raises(ValueError, match="empty batch"):
        model.evaluate_generator(iter([(X[:0], Y[:0])]), 1)
    with pytest.raises(GraphError, match="ended after 1 of the 3 batches") as caught:
        model.fit_generator(iter([(X, Y)]), 3, verbose=0)
    assert isinstance(caught.value, StopIteration)
    with pytest.raises(RuntimeError, match="You must compile"):
        Sequential([Dense(2, input_shape=(5,))]).fit_generator(forever(), 1)


def test_stopping_within_an_epoch_skips_validation() -> None:
    class Stop(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    model = regression()
    history = model.fit_generator(Batches(), epochs=3, validation_data=(X, Y), callbacks=[Stop()], verbose=0)
    assert history.epoch == [0]
    assert set(history.history) == {"loss", "mean_absolute_error"}


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    model = regression()
    model.fit_generator(Batches(), epochs=2)
    assert "Epoch 2/2" in (printed := capsys.readouterr().out)
    assert "4/4 [=====" in printed
    model.evaluate_generator(Batches(), verbose=1)
    assert "4/4 [=====" in capsys.readouterr().out
    model.predict_generator(Batches(), verbose=1)
    assert "4/4 [=====" in capsys.readouterr().out
