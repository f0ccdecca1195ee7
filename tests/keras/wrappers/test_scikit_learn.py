"""KerasClassifier and KerasRegressor: alone, and within scikit-learn's searches, validations and pipelines."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

GENERATOR = np.random.default_rng(31)
X = GENERATOR.normal(size=(90, 4)).astype("float32")
KINDS = np.array(["ash", "birch", "cedar"])
Y = KINDS[np.argmax(X[:, :3], axis=1)]
SIZES = X @ np.array([1.0, -2.0, 0.5, 0.0], "float32")


@pytest.fixture(autouse=True)
def seeded() -> None:
    np.random.seed(1)


def classifier(width: int = 8, loss: str = "categorical_crossentropy", metrics: Any = ("accuracy",)) -> Any:
    model = Sequential([Dense(width, activation="tanh", input_shape=(4,)), Dense(3, activation="softmax")])
    model.compile("adam", loss, metrics=list(metrics))
    model.optimizer.lr.set_value(0.02)
    return model


def binary() -> Any:
    model = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "binary_crossentropy", metrics=["acc"])
    return model


def regressor(width: int = 6) -> Any:
    model = Sequential([Dense(width, activation="tanh", input_shape=(4,)), Dense(1)])
    model.compile("adam", "mse")
    return model


class Builder:
    """Builds by being called."""

    def __call__(self, width: int = 5) -> Any:
        return classifier(width)

    def build(self, width: int = 7) -> Any:
        return classifier(width)


class OwnClassifier(KerasClassifier):
    """Builds by itself."""

    def __call__(self, width: int = 6) -> Any:
        return classifier(width)


@pytest.mark.parametrize(
    "make, width",
    [
        (lambda: KerasClassifier(classifier, epochs=30, verbose=0), 8),
        (lambda: KerasClassifier(classifier, loss="sparse_categorical_crossentropy", epochs=30, verbose=0), 8),
        (lambda: KerasClassifier(Builder(), epochs=30, verbose=0), 5),
        (lambda: KerasClassifier(Builder().build, epochs=30, verbose=0), 7),
        (lambda: OwnClassifier(epochs=30, verbose=0, width=9), 9),
    ],
)
def test_classifier_learns_named_classes(make: Any, width: int) -> None:
    estimator = make()
    history = estimator.fit(X, Y, batch_size=16)
    assert history.epoch == list(range(30))
    assert estimator.model.layers[0].units == width
    assert estimator.classes_.tolist() == KINDS.tolist() and estimator.n_classes_ == 3
    predicted = estimator.predict(X)
    assert predicted.shape == (90,) and set(predicted) <= set(KINDS)
    assert estimator.score(X, Y) == pytest.approx(np.mean(predicted == Y))
    assert estimator.score(X, Y) > 0.8
    probabilities = estimator.predict_proba(X, batch_size=7)
    np.testing.assert_array_equal(KINDS[probabilities.argmax(1)], predicted)


def test_columns_of_classes_and_sample_weights() -> None:
    columns = np.eye(3)[np.searchsorted(KINDS, Y)]
    weighted, plain = (KerasClassifier(classifier, verbose=0) for _ in range(2))
    weighted.fit(X, columns, sample_weight=np.full(90, 3.0))
    plain.fit(X, columns)
    assert weighted.classes_.tolist() == [0, 1, 2]
    assert weighted.model.history.history["loss"][0] > 1.5 * plain.model.history.history["loss"][0]
    assert 0 <= plain.score(X, columns) <= 1


def test_single_output_has_two_probabilities() -> None:
    estimator = KerasClassifier(binary, epochs=5, verbose=0)
    truth = np.where(X[:, 0] > 0, "yes", "no")
    estimator.fit(X, truth)
    probabilities = estimator.predict_proba(X)
    assert probabilities.shape == (90, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-6)
    assert estimator.predict(X).shape == (90, 1)
    assert estimator.score(X, truth) == pytest.approx(np.mean(estimator.predict(X)[:, 0] == truth))


def test_regressor() -> None:
    estimator = KerasRegressor(regressor, epochs=3, batch_size=8, verbose=0)
    estimator.fit(X, SIZES)
    assert estimator.predict(X).shape == (90,)
    expected = -np.mean((estimator.predict(X) - SIZES) ** 2)
    assert estimator.score(X, SIZES) == pytest.approx(expected, rel=1e-4)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="depth is not a legal parameter"):
        KerasClassifier(classifier, depth=3)
    with pytest.raises(ValueError, match="colour is not a legal parameter"):
        KerasRegressor(regressor).set_params(colour=1)
    with pytest.raises(ValueError, match="Invalid shape for y"):
        KerasClassifier(classifier).fit(X, np.zeros((90, 2, 2)))
    without = KerasClassifier(classifier, metrics=(), verbose=0)
    without.fit(X, Y)
    with pytest.raises(ValueError, match="not configured to compute accuracy"):
        without.score(X, Y)


def test_parameters() -> None:
    estimator = KerasClassifier(classifier, epochs=2)
    assert estimator.get_params() == {"build_fn": classifier, "epochs": 2}
    assert estimator.set_params(width=4, epochs=3) is estimator
    assert estimator.get_params(deep=False) == {"build_fn": classifier, "epochs": 3, "width": 4}
    old = KerasClassifier(classifier, nb_epoch=2, verbose=0)
    with pytest.warns(UserWarning, match="nb_epoch"):
        assert old.fit(X, Y).epoch == [0, 1]


class TestWithin:
    """Within scikit-learn; whatever it warns of is an error."""

    @pytest.fixture(autouse=True)
    def needs_sklearn(self) -> Iterator[None]:
        pytest.importorskip("sklearn")
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            warnings.simplefilter("error", DeprecationWarning)
            yield

    def test_cross_validation(self) -> None:
        from sklearn.model_selection import cross_val_predict, cross_val_score

        estimator = KerasClassifier(classifier, epochs=25, batch_size=8, verbose=0)
        scores = cross_val_score(estimator, X, Y, cv=3)
        assert scores.shape == (3,) and scores.mean() > 0.6
        assert not hasattr(estimator, "model")
        assert cross_val_predict(estimator, X, Y, cv=3, method="predict_proba").shape == (90, 3)
        by_name = cross_val_score(KerasRegressor(regressor, verbose=0), X, SIZES, cv=2, scoring="r2")
        assert np.isfinite(by_name).all()

    def test_grid_search(self) -> None:
        from sklearn.model_selection import GridSearchCV

        search = GridSearchCV(
            KerasClassifier(classifier, verbose=0), {"width": [2, 16], "epochs": [1, 30]}, cv=2, scoring="accuracy"
        )
        search.fit(X, Y, batch_size=8)
        assert search.best_params_ == {"width": 16, "epochs": 30} or search.best_params_["epochs"] == 30
        assert search.best_estimator_.model.layers[0].units == search.best_params_["width"]
        assert (search.predict(X) == Y).mean() > 0.7
        assert len(search.cv_results_["params"]) == 4

    def test_pipeline_clone_and_tags(self) -> None:
        from sklearn.base import clone, is_classifier, is_regressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        pipeline = make_pipeline(StandardScaler(), KerasRegressor(regressor, epochs=2, verbose=0))
        pipeline.fit(X, SIZES)
        assert pipeline.predict(X).shape == (90,)
        original = KerasClassifier(classifier, width=3, metrics=["acc", "mse"])
        copy = clone(original)
        assert copy is not original and copy.get_params() == original.get_params()
        assert is_classifier(original) and not is_regressor(original)
        assert is_regressor(pipeline) and not is_classifier(pipeline)
