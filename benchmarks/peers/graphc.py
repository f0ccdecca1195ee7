"""graphc: by its Keras front end, and by the functions it compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import image_models
import image_networks
import numpy as np
from entry import Entry, Timed
from fresh import first_call_entry, first_result_entry, import_entry
from problems import (
    CHECKED_STEPS,
    COEFFICIENTS,
    EPSILON,
    LEARNING_RATE,
    NETWORKS,
    RHO,
    Network,
    augmented,
    image_batches,
    sample,
    vectors,
)
from recurrent_networks import RECURRENT

import graphc
from graphc import keras, ops
from graphc.keras import backend as K
from graphc.keras.layers import Conv2D, Dense, Flatten, InputLayer, MaxPooling2D
from peers import IMPORTED, recurrent_keras_like


def model_of(network: Network) -> Any:
    """Return the model with its weights, compiled."""
    activations = ["relu"] * (len(network.widths) - 2) + ["softmax" if network.is_classifier else None]
    model = keras.models.Sequential([InputLayer(image_models.ordered(network.input_shape))])
    for block in network.blocks:
        for channels in block:
            model.add(Conv2D(channels, 3, activation="relu"))
        model.add(MaxPooling2D(2))
    if network.blocks:
        model.add(Flatten())
    for units, activation in zip(network.widths[1:], activations):
        model.add(Dense(units, activation=activation))
    model.set_weights([part for pair in network.weights() for part in pair])
    loss = "categorical_crossentropy" if network.is_classifier else "mse"
    model.compile(keras.optimizers.RMSprop(lr=LEARNING_RATE, rho=RHO, epsilon=EPSILON), loss)
    return model


def _train(network: Network, figures: dict[str, str]) -> Entry:
    model, (x, y) = model_of(network), network.data()
    first = network.first_batch()
    losses = [float(model.train_on_batch(*first)) for _ in range(CHECKED_STEPS)]
    names = {"model": model, "x": x, "y": y, "first": first, "batch": network.batch, "epochs": network.epochs}
    units = {"step on arrays": 1, "step within an epoch": network.steps * network.epochs}
    return Entry(losses, {figure: Timed(text, names, units[figure]) for figure, text in figures.items()})


def _infer(network: Network, variant: str) -> Entry:
    model, x = model_of(network), network.first_row()
    function = K.function([model.input], [model.output])
    executable = function.executable()
    texts = {
        "native": "f(x)",
        "executable": "e(x)",
        "function": "k(inputs)",
        "predict": "model.predict(x)",
    }
    names = {"f": executable.native, "e": executable, "k": function, "model": model, "x": x, "inputs": [x]}
    return Entry(sample(function([x])[0]), {"call": Timed(texts[variant], names)})


def _elementwise(quick: bool) -> Entry:
    a, b, c = COEFFICIENTS
    x = graphc.placeholder((None,), name="x")
    z = a * x + b
    gelu = 0.5 * z * (1.0 + ops.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))
    f = graphc.function([x], gelu * ops.sigmoid(c * x) - ops.log1p(ops.exp(x))).native
    data = vectors(quick)
    return Entry(sample(f(data["10^4"])), {name: Timed("f(x)", {"f": f, "x": v}) for name, v in data.items()})


class _Augmented(keras.utils.Sequence):
    """The batches of `image_batches`, each changed anew when it is asked for."""

    def __init__(self, images: Any, classes: Any) -> None:
        self.images, self.classes = images, classes

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return augmented(self.images[index], index), self.classes[index]


def _train_on_batches(variant: str, quick: bool) -> Entry:
    model = keras.models.Sequential(
        [
            Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            Conv2D(64, 3, activation="relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    random = np.random.default_rng(19)
    model.set_weights([random.normal(0, 0.05, w.shape).astype(np.float32) for w in model.get_weights()])
    model.compile(keras.optimizers.RMSprop(lr=LEARNING_RATE, rho=RHO, epsilon=EPSILON), "categorical_crossentropy")
    sequence = _Augmented(*image_batches(quick))
    losses = [float(model.train_on_batch(*sequence[0])) for _ in range(CHECKED_STEPS)]
    x, y = (np.concatenate(arrays) for arrays in zip(*(sequence[i] for i in range(len(sequence)))))
    names = {"model": model, "sequence": sequence, "x": x, "y": y, "batch": len(x) // len(sequence)}
    texts = {
        "": "model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)",
        "sequence": "model.fit_generator(sequence, shuffle=False, verbose=0)",
    }
    return Entry(losses, {"step within an epoch": Timed(texts[variant], names, len(sequence))})


def _train_images(case: str, variant: str, quick: bool) -> Entry:
    graphc.set_conv_precision(variant or "exact")
    model = image_models.model_of(case, quick)
    optimizer = keras.optimizers.RMSprop(lr=image_networks.LEARNING_RATE, rho=RHO, epsilon=EPSILON)
    model.compile(optimizer, "categorical_crossentropy")
    x, y = image_networks.training_batch(image_models.steps_of(model), model.input_shape[1], quick)
    losses = [float(model.train_on_batch(x, y)) for _ in range(CHECKED_STEPS)]
    return Entry(losses, {"step on arrays": Timed("model.train_on_batch(x, y)", {"model": model, "x": x, "y": y})})


def _infer_images(case: str, variant: str, quick: bool) -> Entry:
    graphc.set_conv_precision(variant or "exact")
    model = image_models.model_of(case, quick)
    figures, check = {}, []
    for figure, batch in image_networks.batches(quick).items():
        images = image_networks.images_of(model.input_shape[1], batch)
        check += sample(model.predict_on_batch(images))
        figures[figure] = Timed("model.predict_on_batch(x)", {"model": model, "x": images})
    return Entry(check, figures)


def _layouts(variant: str, quick: bool) -> Entry:
    K.set_image_data_format(variant or "channels_last")
    network = NETWORKS["mnist_cnn_step"](quick)
    trained, first = model_of(network), [_turned(array) for array in network.first_batch()]
    check = [float(trained.train_on_batch(*first)) for _ in range(CHECKED_STEPS)]
    timed = {"MNIST CNN step": Timed("model.train_on_batch(*first)", {"model": trained, "first": first})}
    model = image_models.model_of("resnet50", quick)
    for figure, batch in image_networks.batches(quick).items():
        images = _turned(image_networks.images_of(model.input_shape[2], batch))
        check += sample(model.predict_on_batch(images))
        timed[f"ResNet50, {figure}"] = Timed("model.predict_on_batch(x)", {"model": model, "x": images})
    return Entry(check, timed)


def _turned(array: Any) -> Any:
    """Return images (channels last) in the order of axes that Keras is set to; other arrays as they are."""
    is_turned = array.ndim == 4 and K.image_data_format() == "channels_first"
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if is_turned else array


def _recurrent(case: str, variant: str, quick: bool) -> Entry:
    network = RECURRENT[case](quick)
    rmsprop = keras.optimizers.RMSprop(lr=LEARNING_RATE, rho=RHO, epsilon=EPSILON)
    optimizer = keras.optimizers.Adam(lr=LEARNING_RATE, epsilon=EPSILON) if network.optimizer == "adam" else rmsprop
    model = recurrent_keras_like.model_of(keras, network, optimizer)
    if case != "lstm_row":
        return recurrent_keras_like.train(model, network)
    native = K.function([model.input], [model.output]).executable().native
    fitting = network.inputs(1).astype(K.dtype(model.input))
    text = "f(fitting)" if variant == "native" else "model.predict_on_batch(x)"
    return recurrent_keras_like.infer(model, network, {"f": native, "fitting": fitting}, text)


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case.

    Variants: native and executable (compiled functions), function (K.function), fast (convolutions), channels_first
    (images).
    """
    if case == "import_time":
        return import_entry(IMPORTED.get(("graphc", variant), "graphc"))
    if case == "first_call":
        return first_call_entry("graphc", variant, threads)
    if case == "first_result":
        return first_result_entry("graphc.keras", quick)
    if case == "elementwise":
        return _elementwise(quick)
    if case == "sequence_fit":
        return _train_on_batches(variant, quick)
    if case == "layouts":
        return _layouts(variant, quick)
    if case in RECURRENT:
        return _recurrent(case, variant, quick)
    if case in image_networks.TRAINED:
        return _train_images(case, variant, quick)
    if case in image_networks.APPLICATIONS:
        return _infer_images(case, variant, quick)
    network = NETWORKS[case](quick)
    fit = "model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)"
    if case == "mlp_step":
        return _train(network, {"step on arrays": "model.train_on_batch(*first)", "step within an epoch": fit})
    if network.blocks:
        graphc.set_conv_precision(variant or "exact")
        return _train(network, {"step on arrays": "model.train_on_batch(*first)"})
    if case == "housing_fit":
        return _train(network, {"step within an epoch": fit})
    return _infer(network, variant)


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the first prediction, or the first training step, of a model that is built."""
    network = NETWORKS["first_call"](False)
    model, (x, y) = model_of(network), network.data()
    return (lambda: model.predict_on_batch(x)) if kind == "predict" else (lambda: model.train_on_batch(x, y))
