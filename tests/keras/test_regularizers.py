import pytest

from graphc.keras import backend as K
from graphc.keras import regularizers
from tests.keras import oracle


@pytest.mark.parametrize("name", oracle.names("regularizers"))
def test_values_and_gradients_are_those_of_keras(name: str) -> None:
    case = oracle.load("regularizers", name)
    w = K.variable(case.arrays["w"])
    penalty = regularizers.deserialize({key: case.facts[key] for key in ("class_name", "config")})(w)
    output, gradient = K.function([], [penalty, *K.gradients(penalty, [w])])([])
    case.check(output, case.arrays["output"])
    case.check(gradient, case.arrays["grad_w"])


def test_no_penalty_is_a_number() -> None:
    assert regularizers.L1L2()(K.variable([1.0, 2.0])) == 0.0


def test_get_takes_names_configs_and_none() -> None:
    assert regularizers.get("l1").get_config() == {"l1": pytest.approx(0.01), "l2": 0.0}
    assert regularizers.get(None) is None
    copy = regularizers.get(regularizers.serialize(regularizers.l1_l2(0.25, 0.5)))
    assert copy.get_config() == {"l1": 0.25, "l2": 0.5}
    old = {"name": "L1L2Regularizer", "l1": 0.25, "l2": 0.0}
    assert regularizers.deserialize(old).get_config() == {"l1": 0.25, "l2": 0.0}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("l1l2", "l1_l2"),
        ("activity_l1", "l1"),
        ("activity_l2", "l2"),
        ("activity_l1l2", "l1_l2"),
        ("WeightRegularizer", "L1L2"),
        ("ActivityRegularizer", "L1L2"),
    ],
)
def test_keras_1_names_warn(old: str, new: str) -> None:
    with pytest.warns(UserWarning, match=f"`{new}`"):
        regularizer = getattr(regularizers, old)()
    assert regularizer.get_config() == getattr(regularizers, new)().get_config()


@pytest.mark.parametrize("identifier", ["no_such", 5])
def test_get_refuses_what_is_no_regularizer(identifier: object) -> None:
    with pytest.raises(ValueError, match="regularizer"):
        regularizers.get(identifier)
