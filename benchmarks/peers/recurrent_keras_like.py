"""Recurrent networks by the Kerases: ours and our day's, whose names for these layers agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entry import Entry, Timed
from problems import sample
from recurrent_networks import CHECKED_STEPS, RecurrentNetwork


def model_of(keras: Any, network: RecurrentNetwork, optimizer: Any, **compiling: Any) -> Any:
    """Return the model with its weights, compiled with the optimizer."""
    layers = keras.layers
    last = len(network.units) - 1
    parts = [
        layers.LSTM(units, recurrent_activation="sigmoid", return_sequences=i < last)
        for i, units in enumerate(network.units)
    ]
    parts.append(layers.Dense(network.classes, activation="sigmoid" if network.classes == 1 else "softmax"))
    weights: list[Any] = [*network.layer_weights(), network.dense_weights()]
    if network.words:
        parts.insert(0, layers.Embedding(network.words, network.features))
        weights.insert(0, [network.embedding()])
    model = keras.models.Sequential(parts)
    model.build((None, *network.inputs(1).shape[1:]))
    for layer, given in zip(parts, weights):
        layer.set_weights(list(given))
    loss = "binary_crossentropy" if network.classes == 1 else "categorical_crossentropy"
    model.compile(optimizer, loss, **compiling)
    return model


def train(model: Any, network: RecurrentNetwork) -> Entry:
    """Return the entry of a training case."""
    x, y = network.first_batch()
    losses = [float(model.train_on_batch(x, y)) for _ in range(CHECKED_STEPS)]
    names = {"model": model, "x": x, "y": y}
    return Entry(losses, {"step on arrays": Timed("float(model.train_on_batch(x, y))", names)})


def infer(model: Any, network: RecurrentNetwork, calls: Mapping[str, Any], text: str) -> Entry:
    """Return the entry of a case of one row; `text` calls with `x`, `model` and the names of `calls`."""
    x = network.inputs(1)
    return Entry(sample(model.predict_on_batch(x)), {"call": Timed(text, {"model": model, "x": x, **calls})})
