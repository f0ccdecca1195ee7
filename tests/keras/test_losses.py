import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import losses, objectives
from graphc.keras.utils.generic_utils import CustomObjectScope
from tests.keras import oracle


@pytest.mark.parametrize("name", oracle.names("losses"))
def test_values_and_gradients_are_those_of_keras(name: str) -> None:
    case = oracle.load("losses", name)
    function = case.facts["function"]
    y_true, y_pred = case.arrays["y_true"], case.arrays["y_pred"]
    target = K.placeholder(shape=(None,) * y_true.ndim)
    prediction = K.placeholder(shape=(None, *y_pred.shape[1:]))
    if function.startswith("K."):
        loss = getattr(K, function[2:])(target, prediction, from_logits=True)
    else:
        loss = getattr(losses, function)(target, prediction)
    cotangent = K.constant(case.arrays["cotangent"])
    run = K.function([target, prediction], [loss, *K.gradients(K.sum(loss * cotangent), [prediction])])
    output, gradient = run([y_true, y_pred])
    case.check(output, case.arrays["output"])
    case.check(gradient, case.arrays["grad_y_pred"])


def test_class_axis_may_stand_anywhere() -> None:
    target = np.eye(4, dtype="float32")[np.array([[0, 3, 1], [2, 2, 0]])]
    output = np.random.default_rng(0).uniform(0.1, 1, (2, 3, 4)).astype("float32")
    last = K.eval(K.categorical_crossentropy(K.constant(target), K.constant(output)))
    moved = [K.constant(a.transpose(0, 2, 1)) for a in (target, output)]
    np.testing.assert_allclose(K.eval(K.categorical_crossentropy(*moved, axis=1)), last, rtol=1e-6)
    sparse = K.constant(target.argmax(-1))
    expected = -np.log(np.take_along_axis(output / output.sum(-1, keepdims=True), target.argmax(-1)[..., None], -1))
    np.testing.assert_allclose(
        K.eval(K.sparse_categorical_crossentropy(sparse, moved[1], axis=1)), expected[..., 0], rtol=1e-5
    )
    for function in (K.categorical_crossentropy, K.sparse_categorical_crossentropy):
        with pytest.raises(ValueError, match="Unexpected channels axis 5"):
            function(moved[0], moved[1], axis=5)


def test_get_takes_names_configs_functions_and_none() -> None:
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get(None) is None
    assert losses.get(losses.serialize(losses.hinge)) is losses.hinge
    assert objectives.get("kld") is losses.kullback_leibler_divergence


def test_custom_losses_are_found_by_name() -> None:
    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def get_config(self) -> dict[str, float]:
            return {"factor": self.factor}

    config = losses.serialize(Scaled(3.0))
    with CustomObjectScope({"Scaled": Scaled}):
        assert losses.get(config).factor == 3.0
    with pytest.raises(ValueError, match="Unknown loss function: Scaled"):
        losses.get(config)


@pytest.mark.parametrize("identifier", ["no_such", 4])
def test_get_refuses_what_is_no_loss(identifier: object) -> None:
    with pytest.raises(ValueError, match="loss function"):
        losses.get(identifier)
