"""Handwritten digits by convolution: 32-64 filters, pooling, dropout, 128-10, Adadelta, on MNIST.

    python examples/mnist_cnn.py [DATA [EPOCHS]]

DATA is Keras's mnist.npz or a folder with the four .gz files as published; without it, smaller digits that come with
graphc are learnt.
"""

import sys

import example_data
import numpy as np

from graphc.keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical


def build_model(input_shape=(28, 28, 1)):
    """Return the network, compiled."""
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=input_shape))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
    return model


def main(data=None, epochs=12):
    """Train and report the accuracy on the test images."""
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    y_train, y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)
    model = build_model(x_train.shape[1:])
    model.fit(x_train, y_train, batch_size=128, epochs=int(epochs), validation_data=(x_test, y_test))
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.9:
        sys.exit("the accuracy is below 0.9")


if __name__ == "__main__":
    main(*sys.argv[1:])
