"""The topic of a newswire, one of 46: 10000-64-64-46 on multi-hot words of Reuters.

    python examples/reuters_mlp.py [FOLDER OR FILE of reuters.npz]

Without a path the file is looked for in Keras's cache, then downloaded.
"""

import sys

import numpy as np

from graphc.keras.datasets import reuters
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical

WORDS, TOPICS = 10000, 46


def multi_hot(newswires):
    """Return a row for each newswire, 1 for each word that it has."""
    rows = np.zeros((len(newswires), WORDS), "float32")
    for row, newswire in zip(rows, newswires):
        row[newswire] = 1.0
    return rows


def main() -> None:
    """Train for nine epochs with 1,000 newswires aside, and report the accuracy on unseen ones."""
    path = sys.argv[1] if len(sys.argv) > 1 else "reuters.npz"
    np.random.seed(1)
    (train, train_labels), (test, test_labels) = reuters.load_data(path, num_words=WORDS)
    x, y = multi_hot(train), to_categorical(train_labels, TOPICS)
    model = Sequential()
    model.add(Dense(64, activation="relu", input_shape=(WORDS,)))
    model.add(Dense(64, activation="relu"))
    model.add(Dense(TOPICS, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[1000:], y[1000:], epochs=9, batch_size=512, validation_data=(x[:1000], y[:1000]))
    loss, accuracy = model.evaluate(multi_hot(test), to_categorical(test_labels, TOPICS), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
