"""Stacked LSTMs that classify sequences: with a fresh state for each sequence, and stateful over long ones.

    python examples/stacked_lstm.py

The stateful model sees a long sequence in parts of 8 steps; only the first part tells the class, so that it has to
remember it from batch to batch.
"""

import sys

import numpy as np

from graphc.keras.layers import LSTM, Dense
from graphc.keras.models import Sequential

STEPS, FEATURES, CLASSES, BATCH, PARTS = 8, 16, 4, 32, 3


def made_up(count, random):
    """Return (x, y): sequences of noise, a feature of the class's own standing out, and classes one-hot."""
    classes = random.integers(0, CLASSES, count)
    x = random.normal(size=(count, STEPS, FEATURES)).astype("float32")
    x[np.arange(count), :, classes] += 1.0
    return x, np.eye(CLASSES, dtype="float32")[classes]


def stacked(random):
    """Return the accuracy of three layers, each on the outputs of the one before."""
    model = Sequential()
    model.add(LSTM(32, return_sequences=True, input_shape=(STEPS, FEATURES)))
    model.add(LSTM(32, return_sequences=True))
    model.add(LSTM(32))
    model.add(Dense(CLASSES, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    model.fit(*made_up(640, random), batch_size=64, epochs=10, verbose=0)
    return model.evaluate(*made_up(128, random), verbose=0)[1]


def stateful(random):
    """Return the accuracy on the last part of long sequences."""
    model = Sequential()
    model.add(LSTM(32, return_sequences=True, stateful=True, batch_input_shape=(BATCH, STEPS, FEATURES)))
    model.add(LSTM(32, stateful=True))
    model.add(Dense(CLASSES, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    for _ in range(60):
        run(model, model.train_on_batch, random)
    return np.mean([run(model, model.test_on_batch, random)[1] for _ in range(4)])


def run(model, on_batch, random):
    """Feed the parts of a batch of long sequences one after the other; return what the last part gives."""
    model.reset_states()
    x, y = made_up(BATCH, random)
    for _ in range(PARTS):
        results = on_batch(x, y)
        x = random.normal(size=x.shape).astype("float32")
    return results


def main():
    """Train both models and report their accuracies."""
    np.random.seed(1)
    random = np.random.default_rng(1)
    accuracies = {"stacked": stacked(random), "stateful": stateful(random)}
    for name, accuracy in accuracies.items():
        print(f"{name}: accuracy {accuracy:.3f}")
    if min(accuracies.values()) < 0.7:
        sys.exit("an accuracy is below 0.7")


if __name__ == "__main__":
    main()
