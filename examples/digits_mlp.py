"""Train a small network on the 8x8 digits that come with graphc; look inside it; draw it.

    python examples/digits_mlp.py [PICTURE.svg]

Nothing is downloaded. Ends with status 1 where the test accuracy is below 0.96.
"""

import sys

import numpy as np

import graphc
from graphc.keras import backend as K
from graphc.keras.datasets import digits
from graphc.keras.layers import Dense, Dropout
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical


def build_model():
    model = Sequential(name="digits_mlp")
    model.add(Dense(128, activation="relu", input_shape=(64,), name="hidden"))
    model.add(Dropout(0.2, name="dropout"))
    model.add(Dense(10, activation="softmax", name="classes"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    return model


def main(picture="digits_mlp.svg"):
    np.random.seed(1337)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train = x_train.reshape(-1, 64).astype("float32") / 16
    x_test = x_test.reshape(-1, 64).astype("float32") / 16

    model = build_model()
    model.summary()

    model.fit(
        x_train,
        to_categorical(y_train, 10),
        batch_size=32,
        epochs=30,
        validation_data=(x_test, to_categorical(y_test, 10)),
    )
    loss, accuracy = model.evaluate(x_test, to_categorical(y_test, 10), verbose=0)

    # A function from the model's input to its hidden layer's output; 0: as in testing, without dropout.
    hidden = K.function([model.input, K.learning_phase()], [model.get_layer("hidden").output])
    [features] = hidden([x_test, 0])
    print(f"hidden layer: {features.shape}, {np.mean(features > 0):.0%} of its units are active")

    graphc.plot(model, ops=True).save(picture)
    print(f"picture of the graph: {picture}")
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.96:
        sys.exit("the accuracy is below 0.96")


if __name__ == "__main__":
    main(*sys.argv[1:])
