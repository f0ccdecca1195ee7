"""Two layers of Keras 1 that still work: Highway, which learns how much to pass on, and MaxoutDense.

    python examples/highway_maxout.py [DATA]

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys

import example_data
import numpy as np

from graphc.keras.layers import Dense, Dropout, Flatten
from graphc.keras.legacy.layers import Highway, MaxoutDense
from graphc.keras.models import Sequential


def train(name, layers, data, epochs):
    """Train the layers and a classifier on top; return the accuracy on the test images."""
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    model = Sequential([Flatten(input_shape=x_train.shape[1:]), *layers, Dropout(0.2), Dense(10, activation="softmax")])
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs, verbose=0)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name}: {model.count_params()} weights, test accuracy {accuracy:.4f}")
    return accuracy


def main(data=None):
    np.random.seed(6)
    deep = [Dense(32, activation="relu"), *(Highway(activation="relu") for _ in range(6))]
    networks = {"six highway layers": deep, "maxout of four lines": [MaxoutDense(48, nb_feature=4)]}
    accuracies = [train(name, layers, data, 2 if data else 15) for name, layers in networks.items()]
    if min(accuracies) < 0.93:
        sys.exit("an accuracy is below 0.93")


if __name__ == "__main__":
    main(*sys.argv[1:])
