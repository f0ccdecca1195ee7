"""multi_gpu_model: replicas on parts of the batch give what the model gives on the whole."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras.layers import Dense, Dropout, Input, add
from graphc.keras.models import Model, Sequential
from graphc.keras.utils import multi_gpu_model
from graphc.keras.utils.multi_gpu_utils import _get_available_devices, _normalize_device_name

GENERATOR = np.random.default_rng(23)
X = GENERATOR.normal(size=(11, 4)).astype("float32")
Z = GENERATOR.normal(size=(11, 3)).astype("float32")
Y = GENERATOR.normal(size=(11, 2)).astype("float32")


def classifier() -> Any:
    return Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(2, name="classes")])


@pytest.mark.parametrize("gpus", [None, 0, 1, [], [3]])
def test_too_few_are_asked_for(gpus: Any) -> None:
    with pytest.raises(ValueError, match=r"at least 2 replicas.*\['/cpu:0'\]"):
        multi_gpu_model(classifier(), gpus=gpus)


def test_names_of_devices() -> None:
    assert [_normalize_device_name(name) for name in _get_available_devices()] == ["/cpu:0"]
    assert _normalize_device_name("/job:localhost/replica:0/task:0/device:GPU:3") == "/gpu:3"
    assert _normalize_device_name("/gpu:12") == "/gpu:12"


@pytest.mark.parametrize("gpus", [2, 3, [1, 4, 6, 7]])
@pytest.mark.parametrize("rows", [1, 2, 11])
def test_predictions_are_those_of_the_whole_batch(gpus: Any, rows: int) -> None:
    model = classifier()
    parallel = multi_gpu_model(model, gpus)
    assert parallel.output_names == ["classes"]
    np.testing.assert_allclose(parallel.predict(X[:rows]), model.predict(X[:rows]), rtol=1e-6, atol=1e-6)


def test_training_it_trains_the_model() -> None:
    model, alone = classifier(), classifier()
    alone.set_weights(model.get_weights())
    parallel = multi_gpu_model(model, gpus=2)
    for each in (parallel, alone):
        each.compile("rmsprop", "mse")
    # The last batch of the eleven rows has one row: one part of it is empty.
    histories = [
        each.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0).history["loss"] for each in (parallel, alone)
    ]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for trained, expected in zip(model.get_weights(), alone.get_weights()):
        np.testing.assert_allclose(trained, expected, rtol=1e-4, atol=1e-6)


def test_several_inputs_and_outputs() -> None:
    a, b = Input((4,)), Input((3,))
    both = add([Dense(2)(a), Dense(2)(b)])
    model = Model([a, b], [Dense(2, name="one")(both), Dense(6, name="other")(both)])
    parallel = multi_gpu_model(model, gpus=3)
    assert parallel.output_names == ["one", "other"]
    for part, whole in zip(parallel.predict([X, Z]), model.predict([X, Z])):
        np.testing.assert_allclose(part, whole, rtol=1e-5, atol=1e-6)


def test_a_clone_has_weights_of_its_own() -> None:
    model = classifier()
    before = model.get_weights()
    parallel = multi_gpu_model(model, gpus=2, cpu_relocation=True)
    parallel.compile("sgd", "mse")
    parallel.train_on_batch(X, Y)
    for kept, weights in zip(model.get_weights(), before):
        np.testing.assert_array_equal(kept, weights)


def test_dropout_differs_between_replicas() -> None:
    ones = np.ones((2, 400), "float32")
    parallel = multi_gpu_model(Sequential([Dropout(0.5, input_shape=(400,))]), gpus=2)
    [dropped] = K.function([parallel.input, K.learning_phase()], [parallel.output])([ones, 1])
    assert not np.array_equal(dropped[0], dropped[1])
