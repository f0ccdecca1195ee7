"""compile, fit, evaluate, predict: data of every kind, weights, freezing, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import DTypeError, ExecutionError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.callbacks import LambdaCallback
from graphc.keras.engine.base_layer import Layer
from graphc.keras.layers import Dense, Dropout, Input
from graphc.keras.models import Model, Sequential

HERE = Path(__file__).name
GENERATOR = np.random.default_rng(11)
X = GENERATOR.normal(size=(23, 5)).astype("float32")
Y = np.eye(3, dtype="float32")[GENERATOR.integers(0, 3, 23)]


def classifier(**arguments: Any) -> Any:
    model = Sequential([Dense(4, activation="tanh", input_shape=(5,), name="hidden"), Dense(3, activation="softmax")])
    model.compile(**{"optimizer": "sgd", "loss": "categorical_crossentropy", "metrics": ["accuracy"], **arguments})
    return model


def two_outputs() -> Any:
    a = Input((5,), name="a")
    return Model(a, [Dense(3, activation="softmax", name="kind")(a), Dense(1, name="size")(a)])


def crossentropy(model: Any, x: Any = X, y: Any = Y) -> Any:
    return -(y * np.log(model.predict(x))).sum(-1)


def test_evaluate_is_the_mean_over_samples() -> None:
    model = classifier()
    loss, accuracy = model.evaluate(X, Y, batch_size=7, verbose=0)
    assert loss == pytest.approx(crossentropy(model).mean(), rel=1e-5)
    assert accuracy == pytest.approx((model.predict_classes(X) == Y.argmax(-1)).mean())
    assert model.metrics_names == ["loss", "acc"]
    assert classifier(metrics=None).evaluate(X, Y, verbose=0) > 0


def test_weights_follow_the_formula() -> None:
    model = classifier()
    weights = np.where(np.arange(23) % 4 == 0, 0.0, np.arange(23) / 7.0).astype("float32")
    expected = (crossentropy(model) * weights).mean() / (weights != 0).mean()
    assert model.test_on_batch(X, Y, sample_weight=weights)[0] == pytest.approx(expected, rel=1e-5)
    classes = {0: 0.5, 1: 2.0, 2: 3.0}
    by_class = np.array([classes[c] for c in Y.argmax(-1)])
    before = crossentropy(model)
    assert model.train_on_batch(X, Y, class_weight=classes)[0] == pytest.approx((before * by_class).mean(), rel=1e-5)


def test_validation_split_takes_the_last_samples() -> None:
    model = classifier(optimizer="adam")
    history = model.fit(X, Y, epochs=2, batch_size=6, validation_split=0.25, verbose=0).history
    assert list(history) == ["val_loss", "val_acc", "loss", "acc"]
    assert history["val_loss"][-1] == pytest.approx(crossentropy(model, X[17:], Y[17:]).mean(), rel=1e-5)
    given = model.fit(X, Y, validation_data=(X[:4], Y[:4], np.full(4, 2.0)), verbose=0).history
    assert given["val_loss"][0] == pytest.approx(2 * crossentropy(model, X[:4], Y[:4]).mean(), rel=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_prediction_of_one_batch_and_of_several(rows: int) -> None:
    model = classifier()
    x = np.repeat(X, 2, axis=0)[: 2 * rows : 2]
    expected = model.predict_on_batch(x)
    for given in (x, x.astype("float64"), np.asfortranarray(x), [x], {"hidden_input": x}):
        predicted = model.predict(given, batch_size=8)
        np.testing.assert_allclose(predicted, expected, rtol=1e-6)
        assert type(predicted) is np.ndarray
    assert model.predict(x, batch_size=rows, verbose=1).shape == (rows, 3)
    # A result is the caller's own.
    kept = model.predict(x)
    copy = kept.copy()
    model.predict(x + 1)
    np.testing.assert_array_equal(kept, copy)
    with pytest.raises(ValueError, match=r"expected hidden_input to have shape \(None, 5\)"):
        model.predict(x[:, :4])


def test_epochs_are_counted_from_initial_epoch() -> None:
    history = classifier().fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]
    assert all(type(value) is float for values in history.history.values() for value in values)
    with pytest.warns(UserWarning, match="`epochs`"):
        assert classifier().fit(X, Y, nb_epoch=2, verbose=0).epoch == [0, 1]


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_every_sample_is_seen_once(shuffle: Any) -> None:
    # The gradient of the mean squared error of a single weight times 1 counts the samples of each value.
    model = Sequential([Dense(1, use_bias=False, input_shape=(1,), kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    seen: list[float] = []
    steps = LambdaCallback(on_batch_end=lambda _, logs: seen.append(float(logs["loss"]) * logs["size"]))
    K.set_value(model.optimizer.lr, 0.0)
    y = np.sqrt(np.arange(23.0))
    np.random.seed(5)
    model.fit(np.ones(23), y, batch_size=5, shuffle=shuffle, callbacks=[steps], verbose=0)
    assert sum(seen) == pytest.approx(23 * 22 / 2, rel=1e-5)
    in_order = [sum(range(start, min(start + 5, 23))) for start in range(0, 23, 5)]
    if shuffle is True:
        assert seen != pytest.approx(in_order, rel=1e-5)
    elif shuffle == "batch":
        assert sorted(seen[:-1]) == pytest.approx(in_order[:-1], rel=1e-5)
        assert seen[-1] == pytest.approx(in_order[-1], rel=1e-5)
    else:
        assert seen == pytest.approx(in_order, rel=1e-5)


def test_steps_per_epoch_uses_all_data_each_step() -> None:
    sizes: list[int] = []
    model = classifier()
    model.fit(
        X,
        Y,
        steps_per_epoch=3,
        callbacks=[LambdaCallback(on_batch_end=lambda _, logs: sizes.append(logs["size"]))],
        verbose=0,
    )
    assert sizes == [1, 1, 1]
    assert model.evaluate(X, Y, steps=2, verbose=0)[0] == pytest.approx(crossentropy(model).mean(), rel=1e-5)
    assert model.predict(X, steps=2).shape == (46, 3)


def test_trainable_counts_at_compile_time() -> None:
    model = classifier()
    model.get_layer("hidden").trainable = False
    model.compile("sgd", "categorical_crossentropy")
    frozen, _, moving, _ = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], frozen)
    assert not np.array_equal(model.get_weights()[2], moving)
    model.get_layer("hidden").trainable = True
    with pytest.warns(UserWarning, match="Discrepancy"):
        model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_layer("hidden").get_weights()[0], frozen)


def test_several_outputs() -> None:
    model = two_outputs()
    sizes = X.sum(1, keepdims=True)
    model.compile(
        "adam",
        loss={"kind": "categorical_crossentropy", "size": "mse"},
        metrics={"kind": "accuracy", "size": ["mae"]},
        loss_weights={"size": 0.25},
        weighted_metrics=["mse"],
    )
    assert model.metrics_names == [
        "loss", "kind_loss", "size_loss", "kind_acc", "kind_weighted_mean_squared_error", "size_mean_absolute_error",
        "size_weighted_mean_squared_error",
    ]  # fmt: skip
    values = model.evaluate({"a": X}, {"size": sizes, "kind": Y}, verbose=0)
    assert values[0] == pytest.approx(values[1] + 0.25 * values[2], rel=1e-5)
    assert values[2] == pytest.approx(values[6], rel=1e-5)
    lists = model.evaluate(X, [Y, sizes], sample_weight=[np.full(23, 2.0), np.ones(23)], verbose=0)
    assert lists[1] == pytest.approx(2 * values[1], rel=1e-5)


def test_output_without_loss_needs_no_target() -> None:
    a = Input((5,))
    kind = Dense(3, activation="softmax", name="kind")(a)
    model = Model(a, [kind, Dropout(0.5, name="rest")(kind)])
    with pytest.warns(UserWarning, match='"rest" has no entry'):
        model.compile("sgd", {"kind": "categorical_crossentropy"})
    assert model.metrics_names == ["loss", "kind_loss"]
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


def test_accuracy_suits_loss_and_shape() -> None:
    labels = Y.argmax(-1)
    sparse = classifier(loss="sparse_categorical_crossentropy")
    assert sparse.evaluate(X, labels, verbose=0)[1] == pytest.approx((sparse.predict_classes(X) == labels).mean())
    binary = Sequential([Dense(1, activation="sigmoid", input_shape=(5,))])
    binary.compile("sgd", "binary_crossentropy", metrics=["acc", "ce"])
    positive = (labels > 0).astype(float)
    accuracy = (binary.predict_classes(X)[:, 0] == positive).mean()
    loss, found, entropy = binary.evaluate(X, positive, verbose=0)
    assert found == pytest.approx(accuracy)
    assert entropy == pytest.approx(loss, rel=1e-5)


class Positives(Layer):
    """A metric with a state: how many predictions were above one half since the reset."""

    def __init__(self) -> None:
        super().__init__(name="positives")
        self.stateful = True
        self.count = K.variable(0.0)

    def reset_states(self) -> None:
        K.set_value(self.count, 0.0)

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        found = K.sum(K.cast(K.greater(y_pred, 0.5), "float32"))
        self.add_update(K.update_add(self.count, found))
        return self.count + found


def test_stateful_metric_keeps_its_last_value() -> None:
    model = classifier(metrics=[Positives()])
    assert model.stateful_metric_names == ["positives"]
    expected = (model.predict(X) > 0.5).sum()
    for _ in range(2):
        assert model.evaluate(X, Y, batch_size=6, verbose=0)[1] == expected
    K.set_value(model.optimizer.lr, 0.0)
    assert model.fit(X, Y, batch_size=6, epochs=2, verbose=0).history["positives"] == [expected, expected]


def test_seeded_dropout_runs_again_alike() -> None:
    def losses() -> Any:
        np.random.seed(3)
        model = Sequential([Dense(40, input_shape=(5,)), Dropout(0.5), Dense(3, activation="softmax")])
        model.compile("adam", "categorical_crossentropy")
        return model.fit(X, Y, epochs=3, batch_size=5, verbose=0).history["loss"]

    assert losses() == losses()


def test_temporal_weights() -> None:
    model = Sequential([Dense(2, input_shape=(4, 5))])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, y = GENERATOR.normal(size=(7, 4, 5)), GENERATOR.normal(size=(7, 4, 2))
    weights = np.tile([0.0, 1.0, 2.0, 3.0], (7, 1))
    expected = (((model.predict(x) - y) ** 2).mean(-1) * weights).mean() / 0.75
    assert model.test_on_batch(x, y, sample_weight=weights) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ShapeError, match="should have rank 2"):
        model.test_on_batch(x, y, sample_weight=np.ones(7))


BAD_DATA = [
    (X[:, :4], Y, ShapeError, r"expected hidden_input to have shape \(None, 5\) but got array with shape \(23, 4\)"),
    (X[:, None], Y, ShapeError, r"expected hidden_input to have 2 dimensions, but got array with shape \(23, 1, 5\)"),
    (X, Y[:, :2], ShapeError, r"expected dense_\d+ to have shape \(None, 3\) but got array with shape \(23, 2\)"),
    (X[:9], Y, ShapeError, "same number of samples as target arrays. Found 9 input samples and 23 target"),
    ([X, X], Y, ShapeError, r"Expected to see 1 array\(s\).*but got 2"),
    ({"other": X}, Y, GraphError, "No data provided for .*hidden_input"),
    (X, Y.argmax(-1), ShapeError, r"expected dense_\d+ to have shape \(None, 3\) but got array with shape \(23, 1\)"),
    (object(), Y, TypeError, "data should be an array"),
    (X, None, GraphError, r"has losses for the outputs \['dense_\d+'\], but no targets were given"),
    (
        np.full(X.shape, "a"),
        Y,
        DTypeError,
        r"hidden_input:0, of shape \(23, 5\), holds <U\d+; expected numbers of dtype float32",
    ),
    (X, Y + 1j, DTypeError, r"target:0, of shape \(23, 3\), holds complex64; expected numbers of dtype float32"),
]


@pytest.mark.parametrize(("x", "y", "kind", "message"), BAD_DATA)
def test_data_that_do_not_fit(x: Any, y: Any, kind: type[Exception], message: str) -> None:
    model = classifier()
    before = model.get_weights()
    for method in (model.fit, model.train_on_batch, model.evaluate):
        with pytest.raises(kind, match=f"{message}.*{HERE}"):
            method(x, y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_text_is_no_data() -> None:
    message = rf"hidden_input:0, of shape \(1, 5\), holds <U1; expected numbers of dtype float32.*{HERE}"
    with pytest.raises(DTypeError, match=message):
        classifier().predict(np.array([["a"] * 5]))


@pytest.mark.parametrize("size", [0, -2, 2.5, "all"])
def test_batch_sizes_that_are_none(size: Any) -> None:
    model = classifier()
    before = model.get_weights()
    for call in (model.fit, model.evaluate, lambda x, y, **keywords: model.predict(x, **keywords)):
        with pytest.raises(GraphError, match=rf"`batch_size` should be a positive integer; got {size!r}.*{HERE}"):
            call(X, Y, batch_size=size, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_do_not_fit() -> None:
    model = classifier()
    with pytest.raises(ShapeError, match=r"sample_weight array with shape \(9,\)"):
        model.fit(X, Y, sample_weight=np.ones(9))
    with pytest.raises(GraphError, match=r"must contain all classes in the data; it lacks \["):
        model.fit(X, Y, class_weight={0: 1.0})
    with pytest.raises(GraphError, match="however it contains 1 items"):
        model.fit(X, Y, validation_data=(X,))


def test_uncompiled_model() -> None:
    model = Sequential([Dense(3, input_shape=(5,), name="d")], name="raw")
    for method in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ExecutionError, match=f"must compile the model raw.*{HERE}"):
            method(X, Y)
    assert model.predict(X).shape == (23, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": {"kind": "mse", "size": "mse", "no": "mse"}}, r"Unknown entry in loss dictionary: \['no'\]"),
        ({"loss": ["mse"]}, "one entry per model output. The model has 2 outputs"),
        ({"loss": "mse", "loss_weights": {"nobody": 1.0}}, "Unknown entry in loss_weights"),
        ({"loss": "mse", "loss_weights": 3}, "Could not interpret loss_weights"),
        ({"loss": "mse", "metrics": "acc"}, "should be a list or a dictionary"),
        ({"loss": "mse", "sample_weight_mode": {"kind": None}}, "'size'.*missing from sample_weight_mode"),
        ({"loss": None}, "no loss to optimize"),
        ({"loss": "msle_of_nothing"}, "msle_of_nothing"),
        ({"loss": "mse", "optimizer": "nobody"}, "nobody"),
    ],
)
def test_compile_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((GraphError, ValueError), match=message):
        two_outputs().compile(**{"optimizer": "sgd", **arguments})


def test_class_mode_of_keras_1() -> None:
    with pytest.warns(UserWarning, match="no `class_mode` any more"):
        model = classifier(class_mode="categorical")
    assert model.metrics_names == ["loss", "acc"]


def test_trained_on_target_tensors() -> None:
    a = Input((5,))
    model = Model(a, Dense(3, activation="softmax")(a))
    target = K.placeholder((None, 3))
    model.compile("sgd", "categorical_crossentropy", target_tensors=target)
    assert model.test_on_batch(X, Y) == pytest.approx(crossentropy(model).mean(), rel=1e-5)


def test_progress_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    history = model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y)).history
    printed = capsys.readouterr().out
    assert "Train on 23 samples, validate on 23 samples" in printed
    assert "Epoch 2/2" in printed
    last = printed.splitlines()[-1]
    assert last.startswith("23/23 [==============================] - ")
    assert f"loss: {history['loss'][1]:.4f} - acc: {history['acc'][1]:.4f} - val_loss: " in last
    assert f"val_loss: {history['val_loss'][1]:.4f}" in last
    model.fit(X, Y, verbose=2)
    assert capsys.readouterr().out.count("\n") == 2
