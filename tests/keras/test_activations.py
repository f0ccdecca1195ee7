import numpy as np
import pytest

from graphc.keras import activations
from graphc.keras import backend as K
from tests.keras import oracle

_KINKS = {"relu": (0.0,), "hard_sigmoid": (-2.5, 2.5), "elu": (0.0,), "selu": (0.0,), "softsign": (0.0,)}


@pytest.mark.parametrize("name", oracle.names("activations"))
def test_values_and_gradients_are_those_of_keras(name: str) -> None:
    case = oracle.load("activations", name)
    x = K.placeholder(shape=(None, *case.arrays["x"].shape[1:]))
    y = getattr(activations, case.facts["function"])(x, **case.facts["kwargs"])
    cotangent = K.constant(case.arrays["cotangent"])
    run = K.function([x], [y, *K.gradients(K.sum(y * cotangent), [x])])
    output, gradient = run([case.arrays["x"]])
    case.check(output, case.arrays["output"])
    kinks = [*_KINKS.get(case.facts["function"], ()), *case.facts["kwargs"].values()]
    case.check(gradient, case.arrays["grad_x"], ~np.isin(case.arrays["x"], np.asarray(kinks, "float32")))


def test_softmax_refuses_a_vector() -> None:
    with pytest.raises(ValueError, match="1D"):
        activations.softmax(K.placeholder(shape=(5,)))


def test_get_takes_names_functions_and_none() -> None:
    assert activations.get("relu") is activations.relu
    assert activations.get(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    assert activations.serialize(activations.get("hard_sigmoid")) == "hard_sigmoid"


@pytest.mark.parametrize("identifier", ["no_such", 6])
def test_get_refuses_what_is_no_activation(identifier: object) -> None:
    with pytest.raises(ValueError, match="activation function"):
        activations.get(identifier)
