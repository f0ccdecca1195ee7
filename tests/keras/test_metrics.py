import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import metrics
from tests.keras import oracle


@pytest.mark.parametrize("name", oracle.names("metrics"))
def test_values_are_those_of_keras(name: str) -> None:
    case = oracle.load("metrics", name)
    y_true, y_pred = case.arrays["y_true"], case.arrays["y_pred"]
    target = K.placeholder(shape=(None,) * y_true.ndim)
    prediction = K.placeholder(shape=(None, *y_pred.shape[1:]))
    value = getattr(metrics, case.facts["function"])(target, prediction, **case.facts["kwargs"])
    case.check(K.function([target, prediction], [value])([y_true, y_pred])[0], case.arrays["output"])


def test_sparse_accuracy_of_sequences() -> None:
    scores = np.zeros((2, 3, 4), "float32")
    scores[..., 1] = 1
    classes = np.array([[1, 0, 1], [1, 1, 2]])
    for target in (classes, classes[..., None]):
        value = K.eval(metrics.sparse_categorical_accuracy(K.constant(target), K.constant(scores)))
        np.testing.assert_array_equal(value, classes == 1)


def test_metrics_of_keras_1() -> None:
    y_true = K.constant([[1, 0, 1, 1, 0, 0, 1]])
    y_pred = K.constant([[0.9, 0.2, 0.8, 0.1, 0.7, 0.4, 0.6]])
    precision, recall = 3 / 4, 3 / 4
    assert K.eval(metrics.precision(y_true, y_pred)) == pytest.approx(precision, abs=1e-5)
    assert K.eval(metrics.recall(y_true, y_pred)) == pytest.approx(recall, abs=1e-5)
    assert K.eval(metrics.fmeasure(y_true, y_pred)) == pytest.approx(0.75, abs=1e-5)
    assert K.eval(metrics.fbeta_score(y_true * 0.0, y_pred, beta=2)) == 0
    expected = np.corrcoef([1, 0, 1, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0, 1])[0, 1]
    assert K.eval(metrics.matthews_correlation(y_true, y_pred)) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="beta"):
        metrics.fbeta_score(y_true, y_pred, beta=-1)


def test_get_takes_names_and_functions() -> None:
    assert metrics.get("mae") is metrics.mean_absolute_error
    assert metrics.get(metrics.binary_accuracy) is metrics.binary_accuracy
    assert metrics.serialize(metrics.get("cosine")) == "cosine_proximity"


@pytest.mark.parametrize("identifier", ["no_such", 5, None])
def test_get_refuses_what_is_no_metric(identifier: object) -> None:
    with pytest.raises(ValueError, match="metric function"):
        metrics.get(identifier)
