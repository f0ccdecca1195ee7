"""Two sequences, one answer: encoders of their own, joined; and one encoder shared by both.

    python examples/two_encoders.py

The first model tells from two parallel recordings which kind of event they show; the second tells whether two
messages, as matrices of characters, have the same author.
"""

import sys

import numpy as np

from graphc.keras.layers import LSTM, Dense, Input, concatenate
from graphc.keras.models import Model

STEPS, FEATURES, CLASSES, LENGTH, CHARACTERS = 8, 10, 4, 20, 30


def joined(random):
    """Return the accuracy of a model of two LSTMs, one for each recording."""
    first, second = Input(shape=(STEPS, FEATURES)), Input(shape=(STEPS, FEATURES))
    both = concatenate([LSTM(24)(first), LSTM(24)(second)])
    hidden = Dense(16, activation="relu")(both)
    model = Model([first, second], Dense(CLASSES, activation="softmax")(hidden))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(*recordings(800, random), epochs=15, verbose=0)
    return model.evaluate(*recordings(200, random), verbose=0)[1]


def recordings(count, random):
    """Return ([x, x], y): the class is 2 a + b, where a stands out in the first recording and b in the second."""
    bits = random.integers(0, 2, (count, 2))
    x = random.normal(size=(2, count, STEPS, FEATURES)).astype("float32")
    for position in range(2):
        x[position, np.arange(count), :, bits[:, position]] += 1.0
    return [x[0], x[1]], np.eye(CLASSES, dtype="float32")[2 * bits[:, 0] + bits[:, 1]]


def shared(random):
    """Return the accuracy of a model whose only LSTM reads both messages."""
    first, second = Input(shape=(LENGTH, CHARACTERS)), Input(shape=(LENGTH, CHARACTERS))
    encoder = LSTM(32)
    both = concatenate([encoder(first), encoder(second)])
    same = Dense(1, activation="sigmoid")(Dense(16, activation="relu")(both))
    model = Model([first, second], same)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(*messages(1500, random), epochs=12, verbose=0)
    return model.evaluate(*messages(300, random), verbose=0)[1]


def messages(count, random):
    """Return ([x, x], y): one-hot characters, each author using half of them, and whether the authors are the same."""
    authors = random.integers(0, 2, (2, count, 1))
    characters = random.integers(0, CHARACTERS // 2, (2, count, LENGTH)) * 2 + authors
    x = np.eye(CHARACTERS, dtype="float32")[characters]
    return [x[0], x[1]], (authors[0] == authors[1]).astype("float32")


def main():
    """Train both models and report their accuracies."""
    np.random.seed(1)
    random = np.random.default_rng(1)
    accuracies = {"two encoders": joined(random), "shared encoder": shared(random)}
    for name, accuracy in accuracies.items():
        print(f"{name}: accuracy {accuracy:.3f}")
    if min(accuracies.values()) < 0.8:
        sys.exit("an accuracy is below 0.8")


if __name__ == "__main__":
    main()
