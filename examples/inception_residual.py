"""Networks that are no chains: an Inception module, a residual connection, and one network that sees two images.

    python examples/inception_residual.py [DATA]

The last one says whether two images show the same digit.

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys

import example_data
import numpy as np

from graphc.keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, add, concatenate
from graphc.keras.models import Model


def inception(image):
    """Four ways through the image, side by side: 1x1; 1x1 then 3x3; 1x1 then 5x5; the greatest of 3x3, then 1x1."""
    ways = [
        Conv2D(8, 1, padding="same", activation="relu")(image),
        Conv2D(8, 3, padding="same", activation="relu")(Conv2D(4, 1, padding="same", activation="relu")(image)),
        Conv2D(8, 5, padding="same", activation="relu")(Conv2D(4, 1, padding="same", activation="relu")(image)),
        Conv2D(8, 1, padding="same", activation="relu")(MaxPooling2D(3, strides=1, padding="same")(image)),
    ]
    return concatenate(ways, axis=-1)


def residual(x):
    """What a convolution changes is added to what came in."""
    return add([x, Conv2D(32, 3, padding="same", activation="relu")(x)])


def classifier(input_shape):
    image = Input(input_shape)
    x = MaxPooling2D(2)(residual(inception(image)))
    return Model(image, Dense(10, activation="softmax")(Flatten()(x)))


def vision(input_shape):
    """A network from an image to what it shows, to be called on several images."""
    image = Input(input_shape)
    x = Conv2D(16, 3, activation="relu")(image)
    x = MaxPooling2D(2)(x)
    return Model(image, Dense(32, activation="relu")(Flatten()(x)), name="vision")


def comparer(input_shape):
    """Both images go through one network with one set of weights."""
    first, second, see = Input(input_shape), Input(input_shape), vision(input_shape)
    both = concatenate([see(first), see(second)])
    return Model([first, second], Dense(1, activation="sigmoid")(Dense(32, activation="relu")(both)))


def pairs(x, y, count):
    """Return pairs of images, half of them of one digit, and whether they are."""
    first = np.random.randint(0, len(x), count)
    second = np.random.randint(0, len(x), count)
    for i in range(0, count, 2):
        second[i] = np.random.choice(np.flatnonzero(y == y[first[i]]))
    return [x[first], x[second]], (y[first] == y[second]).astype("float32")


def main(data=None):
    np.random.seed(4)
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    epochs = 1 if data else 8

    model = classifier(x_train.shape[1:])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs, verbose=0)
    _, digit = model.evaluate(x_test, y_test, verbose=0)
    print(f"Inception module and residual connection: test accuracy {digit:.4f}")

    model = comparer(x_train.shape[1:])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(*pairs(x_train, y_train, 30000 if data else 6000), epochs=epochs, batch_size=64, verbose=0)
    _, same = model.evaluate(*pairs(x_test, y_test, 1000), verbose=0)
    print(f"the same digit or not, by shared vision: test accuracy {same:.4f}")
    if digit < 0.93 or same < 0.8:
        sys.exit("an accuracy is too low")


if __name__ == "__main__":
    main(*sys.argv[1:])
