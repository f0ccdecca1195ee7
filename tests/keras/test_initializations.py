"""Keras 1's initialisers."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import initializations
from graphc.keras.layers import Dense

SHAPE = (300, 200)


@pytest.mark.parametrize(
    ("name", "spread"),
    [
        ("uniform", 0.05 / 3**0.5),
        ("normal", 0.05),
        ("lecun_uniform", (1 / 300) ** 0.5),
        ("glorot_uniform", (2 / 500) ** 0.5),
        ("glorot_normal", (2 / 500) ** 0.5),
        ("he_uniform", (2 / 300) ** 0.5),
        ("he_normal", (2 / 300) ** 0.5),
        ("zero", 0.0),
        ("one", 0.0),
    ],
)
def test_a_name_means_numbers_of_this_spread(name: str, spread: float) -> None:
    variable = initializations.get(name)(SHAPE, name="w")
    assert K.is_variable(variable)
    assert variable.name == "w:0"
    value = K.get_value(variable)
    np.testing.assert_allclose(value.std(), spread, rtol=0.02)
    np.testing.assert_allclose(value.mean(), name == "one", atol=0.001)


def test_scales() -> None:
    left = K.get_value(initializations.orthogonal((4, 7)))
    np.testing.assert_allclose(left @ left.T, 1.21 * np.eye(4), atol=1e-5)
    np.testing.assert_array_equal(K.get_value(initializations.identity((3, 3), scale=2)), 2 * np.eye(3))
    assert np.abs(K.get_value(initializations.uniform(SHAPE, scale=3))).max() > 2.9


def test_fans_of_kernels_in_both_orders() -> None:
    assert initializations.get_fans((3, 5, 7, 11)) == (7 * 15, 11 * 15)
    assert initializations.get_fans((11, 7, 3, 5), dim_ordering="th") == (7 * 15, 11 * 15)
    with pytest.raises(ValueError, match="dim_ordering: last"):
        initializations.get_fans((2, 3), "last")


def test_what_is_no_initialiser_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid initialization: get_fans; there are glorot_normal"):
        initializations.get("get_fans")
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        initializations.identity((2, 3))
    assert initializations.get(max) is max


@pytest.mark.filterwarnings("ignore:Update your `Dense` call")
def test_layers_take_functions_of_a_shape_and_a_name() -> None:
    def twos(shape: Any, name: Any) -> Any:
        return K.variable(np.full(shape, 2.0), name=name)

    layer = Dense(3, init=twos, input_dim=4)
    layer.build((None, 4))
    np.testing.assert_array_equal(layer.get_weights()[0], np.full((4, 3), 2.0))
    assert layer.get_config()["kernel_initializer"] == "twos"
