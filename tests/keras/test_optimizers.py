import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import constraints, optimizers
from tests.keras import oracle


def _quadratic(case: oracle.Case, params: list) -> object:
    return 0.5 * sum(
        K.sum(K.constant(case.arrays[f"quad_A_{i}"]) * K.square(p - K.constant(case.arrays[f"quad_c_{i}"])))
        for i, p in enumerate(params)
    )


def _mlp(case: oracle.Case, params: list) -> object:
    hidden = K.tanh(K.dot(K.constant(case.arrays["X"]), params[0]) + params[1])
    return K.mean(K.square(K.dot(hidden, params[2]) + params[3] - K.constant(case.arrays["Y"])))


@pytest.mark.parametrize("name", oracle.names("optimizers"))
def test_ten_steps_are_those_of_keras(name: str) -> None:
    case = oracle.load("optimizers", name)
    made = getattr(optimizers, case.facts["optimizer"]["class_name"])(**case.facts["ctor_kwargs"])
    assert made.get_config() == pytest.approx(case.facts["optimizer"]["config"])
    params = [K.variable(case.arrays[f"p_{i}_init"]) for i in range(case.facts["n_params"])]
    loss = {"quadratic": _quadratic, "mlp": _mlp}[case.facts["problem"]](case, params)
    train = K.function([], [loss], updates=made.get_updates(loss=loss, params=params))
    for step in range(case.facts["steps"]):
        case.check(train([])[0], case.arrays["losses"][step])
        for i, p in enumerate(params):
            case.check(K.get_value(p), case.arrays[f"p_{i}_steps"][step])
    saved = made.get_weights()
    assert len(saved) == len(case.facts["optimizer_weight_order"])
    for k, value in enumerate(saved):
        case.check(value, case.arrays[f"opt_weight_{k}"])


ALL = ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"]


def _problem() -> tuple[list, object]:
    params = [K.variable([[1.0, -2.0, 3.0]]), K.variable([0.5, 4.0])]
    return params, K.sum(K.square(params[0])) + K.sum(K.square(params[1]))


@pytest.mark.parametrize("name", ALL)
def test_state_and_config_make_an_equal_optimizer(name: str) -> None:
    first = optimizers.get(name)
    params, loss = _problem()
    train = K.function([], [loss], updates=first.get_updates(loss, params))
    train([])
    second = optimizers.get(optimizers.serialize(first))
    assert second.get_config() == first.get_config()
    copies = [K.variable(K.get_value(p)) for p in params]
    copied_loss = K.sum(K.square(copies[0])) + K.sum(K.square(copies[1]))
    resume = K.function([], [copied_loss], updates=second.get_updates(copied_loss, copies))
    second.set_weights(first.get_weights())
    K.set_value(second.iterations, K.get_value(first.iterations))
    if name == "nadam":
        K.set_value(second.m_schedule, K.get_value(first.m_schedule))
    train([])
    resume([])
    for p, copy in zip(params, copies):
        np.testing.assert_array_equal(K.get_value(p), K.get_value(copy))


@pytest.mark.parametrize("name", ALL)
def test_constraints_are_applied_to_the_new_value(name: str) -> None:
    p = K.variable([[3.0, -4.0], [1.0, 2.0], [5.0, 0.5]], constraint=constraints.UnitNorm())
    loss = K.sum(K.square(p))
    K.function([], [loss], updates=optimizers.get(name).get_updates(loss, [p]))([])
    np.testing.assert_allclose(np.linalg.norm(K.get_value(p), axis=0), [1, 1], rtol=1e-5)


def test_keras_1_order_of_arguments() -> None:
    params, loss = _problem()
    new, old = optimizers.SGD(lr=0.1), optimizers.SGD(lr=0.1)
    assert len(old.get_updates(params, {}, loss)) == len(new.get_updates(loss, params))
    assert len(old.get_updates(params, {}, loss=loss)) == len(new.updates)
    with pytest.raises(TypeError, match="params"):
        new.get_updates(loss)


def test_a_parameter_without_gradient_is_named() -> None:
    used, unused = K.variable([1.0, 2.0], name="used"), K.variable([3.0], name="unused")
    with pytest.raises(ValueError, match="unused:0"):
        optimizers.SGD().get_updates(K.sum(used), [used, unused])


def test_set_weights_refuses_other_states() -> None:
    made = optimizers.Adam()
    params, loss = _problem()
    made.get_updates(loss, params)
    state = made.get_weights()
    with pytest.raises(ValueError, match="Length"):
        made.set_weights(state[:-1])
    with pytest.raises(ValueError, match="shape"):
        made.set_weights([np.zeros(9) if w.shape == (2,) else w for w in state])
    for before, after in zip(state, made.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_clip_settings_are_part_of_the_config() -> None:
    made = optimizers.SGD(clipnorm=0.5, clipvalue=0.25)
    assert optimizers.get(optimizers.serialize(made)).get_config()["clipnorm"] == 0.5
    assert made.get_config()["clipvalue"] == 0.25
    assert "clipnorm" not in optimizers.SGD().get_config()


def test_unknown_arguments_and_names_are_refused() -> None:
    with pytest.raises(TypeError, match="learning"):
        optimizers.SGD(learning=0.5)
    with pytest.raises(ValueError, match="Unknown optimizer: no_such"):
        optimizers.get("no_such")
    with pytest.raises(ValueError, match="Could not interpret"):
        optimizers.get(5)
