"""Keras 1 spellings: each warns with the new one, and means the same."""

from typing import Any

import pytest

from graphc.keras import layers
from graphc.keras.layers import Dense, Input
from graphc.keras.models import Model

SPELLINGS = [
    ("Dense", {"output_dim": 3}, {"units": 3}),
    ("Dense", {"units": 3, "init": "normal"}, {"units": 3, "kernel_initializer": "normal"}),
    ("Dense", {"units": 3, "W_regularizer": "l1"}, {"units": 3, "kernel_regularizer": "l1"}),
    ("Dense", {"units": 3, "b_regularizer": "l2"}, {"units": 3, "bias_regularizer": "l2"}),
    ("Dense", {"units": 3, "W_constraint": "maxnorm"}, {"units": 3, "kernel_constraint": "max_norm"}),
    ("Dense", {"units": 3, "b_constraint": "nonneg"}, {"units": 3, "bias_constraint": "non_neg"}),
    ("Dense", {"units": 3, "bias": False}, {"units": 3, "use_bias": False}),
    ("Dropout", {"p": 0.25}, {"rate": 0.25}),
    ("SpatialDropout1D", {"p": 0.25}, {"rate": 0.25}),
    ("SpatialDropout2D", {"p": 0.25, "dim_ordering": "th"}, {"rate": 0.25, "data_format": "channels_first"}),
    ("SpatialDropout3D", {"rate": 0.25, "dim_ordering": "tf"}, {"rate": 0.25, "data_format": "channels_last"}),
    ("GaussianNoise", {"sigma": 0.25}, {"stddev": 0.25}),
    ("GaussianDropout", {"p": 0.25}, {"rate": 0.25}),
    ("PReLU", {"init": "ones"}, {"alpha_initializer": "ones"}),
    ("BatchNormalization", {"mode": 0}, {}),
    ("BatchNormalization", {"beta_init": "ones"}, {"beta_initializer": "ones"}),
    ("BatchNormalization", {"gamma_init": "zeros"}, {"gamma_initializer": "zeros"}),
    ("Embedding", {"input_dim": 5, "output_dim": 3, "init": "ones"},
     {"input_dim": 5, "output_dim": 3, "embeddings_initializer": "ones"}),
    ("Embedding", {"input_dim": 5, "output_dim": 3, "dropout": 0.5}, {"input_dim": 5, "output_dim": 3}),
    ("InputLayer", {"input_shape": (3,), "input_dtype": "int32"}, {"input_shape": (3,), "dtype": "int32"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "old", "new"), SPELLINGS)
def test_old_spelling_warns_and_means_the_same(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    layer_class = getattr(layers, kind)
    with pytest.warns(UserWarning) as caught:
        before = layer_class(**old, name="x")
    after = layer_class(**new, name="x")
    assert before.get_config() == after.get_config()
    assert getattr(before, "data_format", None) == getattr(after, "data_format", None)
    renamed = [name for name in new if name not in old]
    assert all(name in str(caught[0].message) for name in renamed)


def test_model_ends() -> None:
    a = Input((3,))
    b = Dense(2)(a)
    with pytest.warns(UserWarning, match="`inputs` for `input`, `outputs` for `output`"):
        model = Model(input=a, output=b)
    assert model.inputs == [a]


def test_warning_shows_the_new_call() -> None:
    with pytest.warns(UserWarning, match=r'`Dense\(activation="relu", units=3\)`'):
        Dense(activation="relu", output_dim=3)


def test_both_spellings() -> None:
    with pytest.raises(TypeError, match="`output_dim` is the Keras 1 name of `units`, and both were given"):
        Dense(units=3, output_dim=3)


def test_positional_arguments_that_changed_their_meaning() -> None:
    with pytest.raises(TypeError, match=r"`Dense` can accept only 1 positional arguments \('units',\)"):
        Dense(3, "uniform")
    with pytest.raises(TypeError, match="keyword arguments only"):
        layers.BatchNormalization(3)
    with pytest.raises(TypeError, match="`mode` may be 0, 1 or 2, not 3"):
        layers.BatchNormalization(mode=3)


def test_add_weight_in_the_old_order() -> None:
    layer = layers.Layer(name="x")
    weight = layer.add_weight((2, 3), "kernel", initializer="ones")
    assert weight.name == "kernel:0"
    assert layer.get_weights()[0].shape == (2, 3)
