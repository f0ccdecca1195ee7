"""The two-layer MNIST network: 784-512-10, rmsprop, batches of 128, 5 epochs.

    python examples/mnist_mlp.py [DATA [EPOCHS]]

DATA is Keras's mnist.npz or a folder with the four .gz files as published; without it, smaller digits that come with
graphc are learnt.
"""

import sys

import example_data
import numpy as np

from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical


def main(data=None, epochs=5):
    np.random.seed(1337)
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    x_train, x_test = (x.reshape(len(x), -1) for x in (x_train, x_test))

    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=x_train.shape[1:]))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, to_categorical(y_train), epochs=int(epochs), batch_size=128)

    loss, accuracy = model.evaluate(x_test, to_categorical(y_test), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.9:
        sys.exit("the accuracy is below 0.9")


if __name__ == "__main__":
    main(*sys.argv[1:])
