"""Film reviews, good or bad: 10000-16-16-1 on multi-hot words of IMDB.

    python examples/imdb_mlp.py [FOLDER OR FILE of imdb.npz]

Without a path the file is looked for in Keras's cache, then downloaded.
"""

import sys

import numpy as np

from graphc.keras.datasets import imdb
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential

WORDS = 10000


def multi_hot(reviews):
    """Return a row for each review, 1 for each word that it has."""
    rows = np.zeros((len(reviews), WORDS), "float32")
    for row, review in zip(rows, reviews):
        row[review] = 1.0
    return rows


def main() -> None:
    """Train for four epochs and report the accuracy on unseen reviews."""
    path = sys.argv[1] if len(sys.argv) > 1 else "imdb.npz"
    np.random.seed(1)
    (train, train_labels), (test, test_labels) = imdb.load_data(path, num_words=WORDS)
    model = Sequential()
    model.add(Dense(16, activation="relu", input_shape=(WORDS,)))
    model.add(Dense(16, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(multi_hot(train), train_labels.astype("float32"), epochs=4, batch_size=512)
    loss, accuracy = model.evaluate(multi_hot(test), test_labels.astype("float32"), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
