"""What the Keras of our day and the last Keras 2 share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from entry import Entry, Timed
from problems import CHECKED_STEPS, EPSILON, LEARNING_RATE, NETWORKS, RHO, Network
from recurrent_networks import RECURRENT, RecurrentNetwork

from peers import recurrent_keras_like


def model_of(keras: Any, network: Network) -> Any:
    """Return the model with its weights, compiled."""
    activations = ["relu"] * (len(network.widths) - 2) + ["softmax" if network.is_classifier else None]
    layers = []
    for block in network.blocks:
        layers += [keras.layers.Conv2D(channels, 3, activation="relu") for channels in block]
        layers.append(keras.layers.MaxPooling2D(2))
    if network.blocks:
        layers.append(keras.layers.Flatten())
    layers += [keras.layers.Dense(n, activation=a) for n, a in zip(network.widths[1:], activations)]
    model = keras.Sequential([keras.layers.Input(network.input_shape), *layers])
    model.set_weights([part for pair in network.weights() for part in pair])
    # These add epsilon below the root.
    optimizer = keras.optimizers.RMSprop(learning_rate=LEARNING_RATE, rho=RHO, epsilon=EPSILON**2)
    loss = "categorical_crossentropy" if network.is_classifier else "mean_squared_error"
    model.compile(optimizer, loss, jit_compile=True)
    return model


def train_recurrent(keras: Any, network: RecurrentNetwork) -> Entry:
    """Return the entry of training a recurrent network."""
    adam = keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
    # This one adds epsilon below the root.
    rmsprop = keras.optimizers.RMSprop(learning_rate=LEARNING_RATE, rho=RHO, epsilon=EPSILON**2)
    chosen = adam if network.optimizer == "adam" else rmsprop
    # XLA under TensorFlow compiles these layers anew at each call.
    is_compiled = keras.__name__ == "keras"
    model = recurrent_keras_like.model_of(keras, network, chosen, jit_compile=is_compiled)
    return recurrent_keras_like.train(model, network)


def train(keras: Any, case: str, quick: bool) -> Entry:
    """Return the entry of a training case."""
    if case in RECURRENT:
        return train_recurrent(keras, RECURRENT[case](quick))
    network = NETWORKS[case](quick)
    model, (x, y) = model_of(keras, network), network.data()
    first = network.first_batch()
    losses = [float(model.train_on_batch(*first)) for _ in range(CHECKED_STEPS)]
    names = {"model": model, "x": x, "y": y, "first": first, "batch": network.batch, "epochs": network.epochs}
    text = "model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)"
    fit = Timed(text, names, network.steps * network.epochs)
    if case == "housing_fit":
        return Entry(losses, {"step within an epoch": fit})
    step = Timed("float(model.train_on_batch(*first))", names)
    if network.blocks:
        return Entry(losses, {"step on arrays": step})
    return Entry(losses, {"step on arrays": step, "step within an epoch": fit})


def first_call(keras: Any, kind: str) -> Callable[[], object]:
    """Return the first prediction, or the first training step, of a model that is built."""
    network = NETWORKS["first_call"](False)
    model, (x, y) = model_of(keras, network), network.data()
    return (lambda: model.predict_on_batch(x)) if kind == "predict" else (lambda: model.train_on_batch(x, y))
