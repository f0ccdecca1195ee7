"""Models saved here are loaded by tf_keras, and the reverse: both must predict the same, and train on.

    python -m tests.keras.saving.exchange PYTHON

PYTHON is the interpreter of an environment with tf_keras and TensorFlow, which runs this file as a script:

    PYTHON exchange.py save|check FOLDER

Exit status 1 where a model cannot be loaded or predicts something else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CLOSE = 2e-5


def models(keras: Any) -> dict[str, tuple[Any, Any]]:
    """Return by name: a model with new weights, and inputs for it."""
    layers, chain = keras.layers, keras.models.Sequential
    random = np.random.default_rng(0)
    a, b = layers.Input((5,)), layers.Input((5,))
    shared = layers.Dense(4, activation="tanh")
    both = layers.concatenate([shared(a), shared(b)])
    outputs = [layers.Dense(2)(layers.add([both, layers.Dense(8)(both)])), layers.PReLU()(both)]

    def array(*shape: int) -> Any:
        return random.normal(size=shape).astype("float32")

    return {
        "dense": (
            chain([
                layers.Dense(8, activation="relu", input_shape=(5,)),
                layers.BatchNormalization(),
                layers.Dropout(0.3),
                layers.Dense(3, activation="softmax"),
            ]),
            array(4, 5),
        ),
        "convolutional": (
            chain([
                layers.Conv2D(4, 3, padding="same", activation="relu", input_shape=(9, 8, 2)),
                layers.MaxPooling2D(2),
                layers.SeparableConv2D(3, 2),
                layers.DepthwiseConv2D(2),
                layers.Flatten(),
                layers.Dense(3),
            ]),
            array(3, 9, 8, 2),
        ),
        "lstm": (
            chain([
                layers.LSTM(6, recurrent_activation="hard_sigmoid", return_sequences=True, input_shape=(7, 5)),
                layers.Bidirectional(layers.LSTM(4)),
            ]),
            array(3, 7, 5),
        ),
        "gru": (
            chain([
                layers.GRU(6, reset_after=False, return_sequences=True, input_shape=(7, 5)),
                layers.GRU(4, reset_after=True),
            ]),
            array(3, 7, 5),
        ),
        "masked": (
            chain([
                layers.Masking(input_shape=(7, 5)),
                layers.SimpleRNN(4, return_sequences=True),
                layers.TimeDistributed(layers.Dense(3)),
                layers.GlobalAveragePooling1D(),
            ]),
            array(3, 7, 5),
        ),
        "convolutional lstm": (
            chain([layers.ConvLSTM2D(3, 2, padding="same", input_shape=(4, 6, 5, 2)), layers.Flatten()]),
            array(2, 4, 6, 5, 2),
        ),
        "embedding": (
            chain([layers.Embedding(30, 6, mask_zero=True, input_length=8), layers.LSTM(5), layers.Dense(1)]),
            random.integers(0, 30, (3, 8)),
        ),
        "two inputs and outputs": (keras.models.Model([a, b], outputs), [array(3, 5), array(3, 5)]),
    }  # fmt: skip


def predictions(model: Any, x: Any) -> list[Any]:
    """Return the outputs for x as a list."""
    found = model.predict(x)
    return found if isinstance(found, list) else [found]


def train(model: Any, x: Any) -> None:
    """Take one step towards zero."""
    targets = [np.zeros_like(y) for y in predictions(model, x)]
    model.train_on_batch(x, targets if len(targets) > 1 else targets[0])


def save(keras: Any, folder: Path) -> None:
    """Write each model, trained a little, with its predictions."""
    for name, (model, x) in models(keras).items():
        model.compile("rmsprop", "mse")
        train(model, x)
        model.save(str(folder / f"{name}.h5"))
        np.savez(folder / f"{name}.npz", *predictions(model, x))


def check(keras: Any, folder: Path) -> bool:
    """Load each model, compare predictions, train on; print the differences, and tell whether all are small."""
    is_right = True
    for name, (_, x) in models(keras).items():
        model = keras.models.load_model(str(folder / f"{name}.h5"))
        with np.load(folder / f"{name}.npz") as expected:
            pairs = zip(predictions(model, x), expected.values())
            difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)
        train(model, x)
        print(f"  {name}: largest difference {difference:.1e}")
        is_right &= difference < CLOSE
    return is_right


def main(python: str) -> int:
    """Save here and check there, then save there and check here; return the exit status."""
    # This side only: the other has no graphc.
    from graphc import keras

    def other(command: str, folder: str) -> int:
        return subprocess.run([python, __file__, command, folder], check=False).returncode

    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        save(keras, Path(ours))
        print("saved by graphc, loaded by tf_keras:", flush=True)
        failed = other("check", ours)
        print("saved by tf_keras, loaded by graphc:", flush=True)
        failed |= other("save", theirs)
        return int(bool(failed) or not check(keras, Path(theirs)))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        sys.exit(main(sys.argv[1]))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tf_keras

    if sys.argv[1] == "save":
        save(tf_keras, Path(sys.argv[2]))
    elif not check(tf_keras, Path(sys.argv[2])):
        sys.exit(1)
