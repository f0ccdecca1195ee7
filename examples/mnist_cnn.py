"""Handwritten digits by convolution: 32-64 filters, pooling, dropout, 128-10, Adadelta, on MNIST.

python examples/mnist_cnn.py [FOLDER OR FILE of mnist] [EPOCHS]
"""

import sys

import numpy as np

from graphc.keras.datasets import mnist
from graphc.keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical


def build_model() -> Sequential:
    """Return the network, compiled."""
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
    return model


def main() -> None:
    """Train and report the accuracy on the test images."""
    path = sys.argv[1] if len(sys.argv) > 1 else "mnist.npz"
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = mnist.load_data(path)
    x_train, x_test = (x.reshape(-1, 28, 28, 1).astype("float32") / 255 for x in (x_train, x_test))
    y_train, y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)
    model = build_model()
    model.fit(x_train, y_train, batch_size=128, epochs=epochs, validation_data=(x_test, y_test))
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
