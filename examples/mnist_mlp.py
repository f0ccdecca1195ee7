"""The two-layer MNIST network: 784-512-10, rmsprop, batches of 128, 5 epochs.

    python examples/mnist_mlp.py DATA [EPOCHS]

DATA is Keras's mnist.npz or a folder with the four .gz files as published.
"""

import sys

import numpy as np

from graphc.keras.datasets import mnist
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical


def main(data, epochs=5):
    np.random.seed(1337)
    (x_train, y_train), (x_test, y_test) = mnist.load_data(data)
    x_train = x_train.reshape(60000, 784).astype("float32") / 255
    x_test = x_test.reshape(10000, 784).astype("float32") / 255

    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=(784,)))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, to_categorical(y_train), epochs=int(epochs), batch_size=128)

    loss, accuracy = model.evaluate(x_test, to_categorical(y_test), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
