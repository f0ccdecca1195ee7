"""Use what a network has learnt for another question: frozen layers, then frozen layers whose outputs are kept.

    python examples/transfer_learning.py [DATA]

A network learns the digits 0 to 4. Its filters stay as they are, and a new top learns 5 to 9, from few samples.

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys

import example_data
import numpy as np

from graphc.keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from graphc.keras.models import Sequential


def split(x, y):
    """Return ((x, y) of the digits below 5, (x, y - 5) of the others)."""
    low = y < 5
    return (x[low], y[low]), (x[~low], y[~low] - 5)


def compiled(model):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def new_top(**arguments):
    return [Dense(32, activation="relu", **arguments), Dropout(0.3), Dense(5), Activation("softmax")]


def main(data=None):
    np.random.seed(5)
    train, test = example_data.images(data)
    (x_low, y_low), (x_high, y_high) = split(*train)
    (x_low_test, y_low_test), (x_test, y_test) = split(*test)
    x_few, y_few = x_high[:400], y_high[:400]

    features = [
        Conv2D(16, 3, activation="relu", input_shape=x_low.shape[1:]),
        Conv2D(16, 3, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
    ]
    model = compiled(Sequential(features + new_top()))
    model.fit(x_low, y_low, epochs=1 if data else 10, verbose=0)
    _, first = model.evaluate(x_low_test, y_low_test, verbose=0)
    print(f"0 to 4: test accuracy {first:.4f}")

    # Frozen layers: `trainable` counts at compile time.
    for layer in features:
        layer.trainable = False
    before = [w.copy() for layer in features for w in layer.get_weights()]
    frozen = compiled(Sequential(features + new_top()))
    frozen.fit(x_few, y_few, epochs=20, verbose=0)
    _, second = frozen.evaluate(x_test, y_test, verbose=0)
    print(f"5 to 9, frozen layers below: test accuracy {second:.4f}")

    # What frozen layers give is always the same: compute it once, and train the top on that.
    below = Sequential(features)
    kept, kept_test = below.predict(x_few), below.predict(x_test)
    top = compiled(Sequential(new_top(input_shape=kept.shape[1:])))
    top.fit(kept, y_few, epochs=20, verbose=0)
    _, third = top.evaluate(kept_test, y_test, verbose=0)
    print(f"5 to 9, their outputs kept: test accuracy {third:.4f}")

    after = [w for layer in features for w in layer.get_weights()]
    if not all(np.array_equal(*pair) for pair in zip(before, after)):
        sys.exit("frozen weights have changed")
    if first < 0.95 or min(second, third) < 0.8:
        sys.exit("an accuracy is too low")


if __name__ == "__main__":
    main(*sys.argv[1:])
