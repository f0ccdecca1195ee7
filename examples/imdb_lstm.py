"""Film reviews, good or bad: an LSTM over the last 80 words of IMDB.

    python examples/imdb_lstm.py [DATA [EPOCHS]]

DATA is Keras's imdb.npz or its folder; without it, made-up reviews are learnt. 2 epochs on it give 0.82 and more.
"""

import sys

import example_data
import numpy as np

from graphc.keras.datasets import imdb
from graphc.keras.layers import LSTM, Dense, Embedding
from graphc.keras.models import Sequential
from graphc.keras.preprocessing.sequence import pad_sequences

LENGTH = 80


def main(data=None, epochs=None):
    """Train and report the accuracy on unseen reviews."""
    np.random.seed(1)
    words, units = (20000, 128) if data else (500, 16)
    (train, train_labels), (test, test_labels) = (
        imdb.load_data(data, num_words=words) if data else example_data.texts(classes=2, words=words)
    )
    train, test = (pad_sequences(texts, maxlen=LENGTH) for texts in (train, test))
    model = Sequential()
    model.add(Embedding(words, units))
    model.add(LSTM(units, dropout=0.2, recurrent_dropout=0.2))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(train, train_labels, batch_size=32, epochs=int(epochs or (2 if data else 6)))
    loss, accuracy = model.evaluate(test, test_labels, batch_size=32 if data else 200, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.8:
        sys.exit("the accuracy is below 0.8")


if __name__ == "__main__":
    main(*sys.argv[1:])
