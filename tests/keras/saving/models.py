"""Models that the tests of saving share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.layers import BatchNormalization, Concatenate, Dense, Dropout, Input
from graphc.keras.models import Model, Sequential
from graphc.keras.utils.generic_utils import to_list


def chain(name: str | None = None) -> Any:
    """Return a compiled Sequential, 7 -> 5 -> 3, with state in a BatchNormalization."""
    model = Sequential(name=name)
    model.add(Dense(5, input_shape=(7,), activation="tanh", kernel_regularizer="l2", name="first"))
    model.add(BatchNormalization(name="norm"))
    # A layer without weights; with a rate above 0, two copies would train differently.
    model.add(Dropout(0.0, name="drop"))
    model.add(Dense(3, activation="softmax", name="second"))
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    return model


def branches() -> Any:
    """Return a compiled Model of two inputs, two outputs, a shared layer and a model inside."""
    left, right = Input((4,), name="left"), Input((4,), name="right")
    shared = Dense(6, activation="relu", name="shared")
    inner = Sequential([Dense(2, input_shape=(6,), name="inner_dense")], name="inner")
    joined = Concatenate(name="joined")([inner(shared(left)), inner(shared(right))])
    outputs = [Dense(3, name="a")(joined), Dense(1, name="b")(joined)]
    model = Model([left, right], outputs)
    model.compile("rmsprop", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"]}, loss_weights={"a": 0.5, "b": 2.0})
    return model


def batch(model: Any, rows: int = 8, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Return inputs and targets of a model's shapes."""
    r = np.random.default_rng(seed)
    inputs = [r.normal(size=(rows, *K.int_shape(x)[1:])).astype("float32") for x in model.inputs]
    targets = [r.uniform(size=(rows, *K.int_shape(x)[1:])).astype("float32") for x in model.outputs]
    return inputs, targets


def same_predictions(model: Any, other: Any) -> None:
    """Assert that two models predict the same, bit for bit."""
    inputs, _ = batch(model)
    for mine, theirs in zip(to_list(model.predict(inputs)), to_list(other.predict(inputs)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def same_weights(model: Any, other: Any) -> None:
    """Assert that two models have equal weights."""
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def h5(path: Path, mode: str = "r") -> Any:
    """Return an open h5py file."""
    import h5py

    return h5py.File(path, mode)
