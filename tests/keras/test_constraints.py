import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import constraints
from tests.keras import oracle


@pytest.mark.parametrize("name", oracle.names("constraints"))
def test_values_are_those_of_keras(name: str) -> None:
    case = oracle.load("constraints", name)
    constraint = constraints.deserialize({key: case.facts[key] for key in ("class_name", "config")})
    case.check(K.eval(constraint(K.variable(case.arrays["w"]))), case.arrays["output"])


@pytest.mark.parametrize(
    "constraint",
    [
        constraints.MaxNorm(3, 1),
        constraints.NonNeg(),
        constraints.UnitNorm([0, 1]),
        constraints.MinMaxNorm(0.1, 2, 0.5),
    ],
)
def test_config_makes_an_equal_constraint(constraint: constraints.Constraint) -> None:
    copy = constraints.get(constraints.serialize(constraint))
    assert type(copy) is type(constraint)
    assert copy.get_config() == constraint.get_config()


def test_get_takes_names_functions_and_none() -> None:
    assert isinstance(constraints.get("unit_norm"), constraints.UnitNorm)
    assert constraints.get(np.abs) is np.abs
    assert constraints.get(None) is None
    assert constraints.get("maxnorm").max_value == 2


def test_keras_1_name_of_the_limit_warns() -> None:
    with pytest.warns(UserWarning, match="max_value"):
        assert constraints.maxnorm(m=5).max_value == 5


@pytest.mark.parametrize("identifier", ["no_such", 5])
def test_get_refuses_what_is_no_constraint(identifier: object) -> None:
    with pytest.raises(ValueError, match="constraint"):
        constraints.get(identifier)
