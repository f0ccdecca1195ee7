"""Film reviews, good or bad: 10000-16-16-1 on multi-hot words of IMDB.

    python examples/imdb_mlp.py [DATA]

DATA is Keras's imdb.npz or its folder; without it, made-up reviews are learnt.
"""

import sys

import example_data
import numpy as np

from graphc.keras.datasets import imdb
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential

WORDS = 10000


def main(data=None):
    """Train for four epochs and report the accuracy on unseen reviews."""
    np.random.seed(1)
    (train, train_labels), (test, test_labels) = (
        example_data.texts(classes=2, words=WORDS) if data is None else imdb.load_data(data, num_words=WORDS)
    )
    model = Sequential()
    model.add(Dense(16, activation="relu", input_shape=(WORDS,)))
    model.add(Dense(16, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    batch_size = 512 if data else 32
    model.fit(example_data.multi_hot(train, WORDS), train_labels, epochs=4, batch_size=batch_size)
    loss, accuracy = model.evaluate(example_data.multi_hot(test, WORDS), test_labels, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.8:
        sys.exit("the accuracy is below 0.8")


if __name__ == "__main__":
    main(*sys.argv[1:])
