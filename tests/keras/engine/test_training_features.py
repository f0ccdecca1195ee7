"""What scripts do around fit: losses of their own, tensors as data and targets, phases, parts of models, masks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import losses
from graphc.keras.engine.base_layer import Layer
from graphc.keras.layers import Activation, BatchNormalization, Dense, Dropout, Input, Lambda, Masking, concatenate
from graphc.keras.models import Model, Sequential

GENERATOR = np.random.default_rng(37)
X = GENERATOR.normal(size=(10, 4)).astype("float32")
Y = GENERATOR.normal(size=(10, 3)).astype("float32")


def linear(**arguments: Any) -> Any:
    model = Sequential([Dense(3, input_shape=(4,), name="line")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


def two_by_two() -> Any:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    return Model([a, b], [Dense(3, name="c")(a), Dropout(0.5, name="d")(b)])


class TestLosses:
    def test_function_of_tensors(self) -> None:
        def largest(y: Any, p: Any) -> Any:
            return K.max(K.abs(y - p))

        model = linear(loss=lambda y, p: K.square(y - p) * 3.0, metrics=[largest, losses.mean_absolute_error])
        assert model.metrics_names == ["loss", "largest", "mean_absolute_error"]
        difference = Y - model.predict(X)
        values = model.train_on_batch(X, Y)
        expected = [3 * np.mean(difference**2), np.abs(difference).max(), np.abs(difference).mean()]
        assert values == pytest.approx(expected, rel=1e-5)
        assert all(isinstance(v, np.float32) for v in values)

    def test_added_to_the_model_alone(self) -> None:
        a = Input((4,), name="a")
        hidden = Dense(3)(a)
        model = Model(a, hidden)
        model.add_loss(K.mean(K.square(hidden)))
        model.compile("sgd", loss=None, metrics=["mae"])
        assert model.metrics_names == ["loss"]
        expected = np.mean(model.predict(X) ** 2)
        assert model.evaluate(X, None, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert model.test_on_batch({"a": X}, None) == pytest.approx(expected, rel=1e-5)
        history = model.fit(X, None, epochs=9, batch_size=3, verbose=0).history["loss"]
        assert history[-1] < history[0]
        assert model.train_on_batch(X, None) < expected

    def test_added_by_layers_beside_the_models_loss(self) -> None:
        class Small(Layer):
            def call(self, x: Any) -> Any:
                self.add_loss(0.5 * K.sum(K.square(x)), inputs=x)
                return x

        model = Sequential([Small(input_shape=(4,)), Dense(3, kernel_regularizer="l2")])
        model.compile("sgd", "mse")
        kernel = model.get_weights()[0]
        expected = np.mean((model.predict(X) - Y) ** 2) + 0.5 * np.sum(X**2) + 0.01 * np.sum(kernel**2)
        assert model.test_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)

    def test_without_one_for_an_output(self) -> None:
        a = Input((4,))
        model = Model(a, [Dropout(0.5, name="free")(a), Dense(3, name="kept")(a)])
        for loss in ([None, "mse"], {"kept": "mse"}):
            with pytest.warns(UserWarning) if isinstance(loss, dict) else _nothing():
                model.compile("sgd", loss, metrics=["mae"])
            assert model.metrics_names == ["loss", "kept_loss", "kept_mean_absolute_error"]
            expected = np.mean((model.predict(X)[1] - Y) ** 2)
            for targets in (Y, [Y], {"kept": Y}):
                assert model.test_on_batch(X, targets)[0] == pytest.approx(expected, rel=1e-5)

    def test_masked_steps_do_not_count(self) -> None:
        x = GENERATOR.normal(size=(3, 5, 2)).astype("float32")
        x[0, 3:] = x[2, 1:] = 0.0
        y = GENERATOR.normal(size=(3, 5, 2)).astype("float32")
        model = Sequential([Masking(input_shape=(5, 2)), Lambda(lambda v: 2.0 * v, mask=lambda _, mask: mask)])
        weights = np.array([1.0, 0.0, 3.0], "float32")
        model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
        mask = (x != 0).any(-1)
        score = np.mean((2 * x - y) ** 2, -1) * mask / mask.mean()
        weighted = score.mean(1) * weights / np.mean(weights != 0)
        loss, plain, by_weight = model.test_on_batch(x, y, sample_weight=weights)
        assert loss == pytest.approx(weighted.mean(), rel=1e-5)
        absolute = np.abs(2 * x - y).mean(-1) * mask / mask.mean()
        assert plain == pytest.approx(absolute.mean(), rel=1e-5)
        assert by_weight == pytest.approx((absolute.mean(1) * weights).mean() / np.mean(weights != 0), rel=1e-5)


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *args: object) -> None: ...


class TestTensorsAsData:
    def test_of_one_input(self) -> None:
        model = linear()
        x, y = K.variable(X), K.variable(Y)
        expected = model.evaluate(X, Y, verbose=0)
        assert model.evaluate(x, y, steps=2, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert model.test_on_batch(x, y) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(model.predict(x, steps=2), np.concatenate([model.predict(X)] * 2), rtol=1e-6)
        before = model.get_weights()[0]
        history = model.fit(
            x, y, epochs=2, steps_per_epoch=3, validation_data=(x, y), validation_steps=1, verbose=0
        ).history
        assert set(history) == {"loss", "val_loss"}
        assert not np.array_equal(model.get_weights()[0], before)
        model.train_on_batch(x, y)

    def test_of_several_by_name(self) -> None:
        model = two_by_two()
        model.compile("sgd", "mse", loss_weights=[1.0, 0.25], metrics=["mae"])
        arrays = [X, X[:, ::-1].copy()], [Y, X]
        named = ({"b": K.variable(arrays[0][1]), "a": K.variable(X)}, {"c": K.variable(Y), "d": K.variable(X)})
        expected = model.evaluate(*arrays, verbose=0)
        assert model.evaluate(*named, steps=1, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert [p.shape for p in model.predict(named[0], steps=3)] == [(30, 3), (30, 4)]
        model.fit(*named, steps_per_epoch=2, verbose=0)

    def test_what_cannot_be_done_with_them(self) -> None:
        model = linear()
        x, y = K.variable(X), K.variable(Y)
        with pytest.raises(ValueError, match="`steps_per_epoch`"):
            model.fit(x, y)
        with pytest.raises(ValueError, match="`steps`"):
            model.evaluate(x, y)
        with pytest.raises(ValueError, match="`steps`"):
            model.predict(x)
        with pytest.raises(ValueError, match="`batch_size` must be None"):
            model.fit(x, y, batch_size=2, steps_per_epoch=1)
        with pytest.raises(ValueError, match="cannot use `validation_split`"):
            model.fit(x, y, validation_split=0.5, steps_per_epoch=1)
        with pytest.raises(ValueError, match="static batch size"):
            model.train_on_batch(K.placeholder((None, 4)), y)

    def test_in_the_place_of_an_input(self) -> None:
        a, b = Input(tensor=K.variable(X), name="a"), Input((4,), name="b")
        alone = Model(a, Dense(3)(a))
        alone.compile("sgd", "mse")
        expected = np.mean((alone.predict_on_batch(None) - Y) ** 2)
        for nothing in (None, {}, []):
            assert alone.test_on_batch(nothing, Y) == pytest.approx(expected, rel=1e-5)
        alone.fit(None, Y, epochs=2, batch_size=10, verbose=0)
        alone.fit({}, Y, steps_per_epoch=3, verbose=0)
        assert alone.predict(None, steps=3).shape == (30, 3)
        both = Model([a, b], [Activation("linear")(a), Activation("relu")(b)])
        for own, given in zip(both.predict({"b": X[::-1]}, batch_size=10), [X, X[::-1].clip(0)]):
            np.testing.assert_array_equal(own, given)

    def test_losses_alone_need_no_data_at_all(self) -> None:
        a = Input(tensor=K.variable(X))
        model = Model(a, Dense(3)(a))
        model.add_loss(K.mean(K.abs(model.outputs[0])))
        model.compile("sgd", None)
        losses_of_epochs = model.fit(None, None, epochs=3, steps_per_epoch=4, verbose=0).history["loss"]
        assert losses_of_epochs[2] < losses_of_epochs[0]
        assert model.train_on_batch(None, None) >= model.evaluate(None, None, steps=2, verbose=0)

    def test_as_targets(self) -> None:
        for targets in (K.variable(Y), [K.variable(Y)], {"line": K.variable(Y)}):
            model = linear(target_tensors=targets, weighted_metrics=["mae"])
            # Nothing is fed that could weigh it.
            assert model.metrics_names == ["loss", "mean_absolute_error"]
            difference = model.predict(X) - Y
            assert model.train_on_batch(X, None) == pytest.approx(
                [np.mean(difference**2), np.abs(difference).mean()], rel=1e-5
            )
            model.fit(X, None, epochs=1, steps_per_epoch=2, verbose=0)
            model.evaluate(X, None, steps=1, verbose=0)
        fed = linear(target_tensors=K.placeholder((None, 3)))
        fed.fit(X, Y, verbose=0)
        assert fed.test_on_batch(X, Y) > 0

    def test_as_some_of_the_targets(self) -> None:
        a = Input((4,))
        model = Model(a, [Dense(3, name="p")(a), Dense(3, name="q")(a)])
        for targets in ({"p": K.variable(Y)}, [K.variable(Y), None]):
            model.compile("sgd", "mse", target_tensors=targets)
            expected = [np.mean((p - Y) ** 2) for p in model.predict(X)]
            for given in (Y, [Y], {"q": Y}):
                assert model.test_on_batch(X, given)[1:] == pytest.approx(expected, rel=1e-5)

    def test_sparse_matrices(self) -> None:
        sparse = pytest.importorskip("scipy.sparse")
        a = Input((4,), sparse=True)
        model = Model(a, Dense(3)(a))
        model.compile("sgd", "mse")
        x = sparse.csr_matrix(np.where(X > 0, X, 0))
        assert model.evaluate(x, Y, verbose=0) == pytest.approx(model.evaluate(x.toarray(), Y, verbose=0))
        model.fit(x, sparse.csr_matrix(Y), batch_size=3, verbose=0)
        assert model.predict(x).shape == (10, 3)
        model.fit_generator(iter([(x, Y)]), 1, verbose=0)

    def test_hdf5_data_sets(self, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py")
        model = linear()
        with h5py.File(tmp_path / "data.h5", "w") as file:
            x, y = file.create_dataset("x", data=X), file.create_dataset("y", data=Y)
            assert model.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
            model.fit(x, y, batch_size=3, shuffle="batch", verbose=0)
            with pytest.raises(TypeError, match='shuffle="batch"'):
                model.fit(x, y, batch_size=3, verbose=0)


def test_metrics_appended_after_compiling() -> None:
    model = linear()
    model.metrics_names.append("largest")
    model.metrics_tensors.append(K.max(K.abs(model.outputs[0])))
    history = model.fit(X, Y, batch_size=10, validation_data=(X, Y), verbose=0).history
    assert set(history) == {"loss", "largest", "val_loss", "val_largest"}
    assert history["val_largest"][0] == pytest.approx(np.abs(model.predict(X)).max(), rel=1e-5)


class TestModelsOfModels:
    def test_output_of_a_layer(self) -> None:
        model = Sequential([Dense(5, activation="relu", input_shape=(4,)), Dense(3, name="end")])
        hidden = Model(model.input, model.layers[0].output).predict(X)
        kernel, bias = model.get_layer("end").get_weights()
        whole = Model(inputs=model.inputs, outputs=model.get_layer("end").output)
        np.testing.assert_allclose(hidden @ kernel + bias, whole.predict(X), rtol=1e-5, atol=1e-6)

    def test_training_one_trains_what_it_shares(self) -> None:
        shared = Sequential([Dense(3, input_shape=(4,)), BatchNormalization()])
        a, b = Input((4,)), Input((4,))
        pair = Model([a, b], concatenate([shared(a), shared(b)]))
        pair.compile("adam", "mse")
        before = shared.get_weights()
        pair.fit([X, X[::-1]], np.hstack([Y, Y]), epochs=2, verbose=0)
        assert all(not np.array_equal(v, w) for v, w in zip(before, shared.get_weights()))
        np.testing.assert_array_equal(pair.predict([X, X])[:, :3], shared.predict(X))

    def test_freezing_reaches_what_is_inside(self) -> None:
        inner = Sequential([Dense(3, input_shape=(4,))])
        outer = Sequential([inner, Dense(2)])
        assert len(outer.trainable_weights) == 4
        inner.layers[0].trainable = False
        assert len(outer.trainable_weights) == 2
        inner.layers[0].trainable = True
        inner.trainable = False
        assert len(outer.trainable_weights) == 2
        outer.compile("sgd", "mse")
        frozen, moving = inner.get_weights()[0], outer.layers[1].get_weights()[0]
        outer.train_on_batch(X, Y[:, :2])
        np.testing.assert_array_equal(inner.get_weights()[0], frozen)
        assert not np.array_equal(outer.layers[1].get_weights()[0], moving)
        outer.trainable = False
        assert outer.trainable_weights == [] and len(outer.non_trainable_weights) == 4

    def test_layer_of_one_chain_begins_another(self) -> None:
        first = Sequential([Dense(3, input_shape=(4,)), Activation("relu")])
        second = Sequential()
        second.add(first.layers[-1])
        second.add(Dense(2))
        assert second.predict(Y).shape == (10, 2)

    def test_subclass_with_several_inputs_and_outputs(self) -> None:
        class Split(Model):
            def __init__(self) -> None:
                super().__init__()
                self.left, self.right = Dense(3), Dense(2)

            def call(self, inputs: Any) -> Any:
                return [self.left(inputs[0]), self.right(inputs[1])]

        model = Split()
        model.compile("adam", "mse")
        history = model.fit([X, X], [Y, Y[:, :2]], epochs=2, validation_split=0.3, verbose=0).history
        assert {"output_1_loss", "val_output_2_loss"} <= set(history)
        assert [p.shape for p in model.predict([X, X])] == [(10, 3), (10, 2)]
        before_compiling = Split()
        before_compiling.predict([X, X])
        before_compiling.compile("sgd", "mse")
        assert len(before_compiling.train_on_batch([X, X], [Y, Y[:, :2]])) == 3


class TestSession:
    def test_fixed_learning_phase(self) -> None:
        ones = np.ones((2, 300), "float32")
        try:
            K.set_learning_phase(1)
            training = Sequential([Dropout(0.5, input_shape=(300,))])
            assert set(np.unique(training.predict(ones))) == {0.0, 2.0}
            K.set_learning_phase(0)
            testing = Sequential([Dropout(0.5, input_shape=(300,))])
            testing.compile("sgd", "mse")
            assert testing.train_on_batch(ones, ones) == 0
        finally:
            K.clear_session()
        assert not isinstance(K.learning_phase(), int)

    def test_names_start_again(self) -> None:
        K.clear_session()
        first = linear()
        Dense(2)
        K.clear_session()
        assert Dense(2).name == "dense_1"
        first.fit(X, Y, verbose=0)
