"""The topic of a newswire, one of 46: 10000-64-64-46 on multi-hot words of Reuters.

    python examples/reuters_mlp.py [DATA]

DATA is Keras's reuters.npz or its folder; without it, made-up newswires are learnt.
"""

import sys

import example_data
import numpy as np

from graphc.keras.datasets import reuters
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils import to_categorical

WORDS, TOPICS = 10000, 46


def main(data=None):
    """Train for nine epochs with a tenth of the newswires aside, and report the accuracy on unseen ones."""
    np.random.seed(1)
    (train, train_labels), (test, test_labels) = (
        example_data.texts(TOPICS, WORDS) if data is None else reuters.load_data(data, num_words=WORDS)
    )
    x, y = example_data.multi_hot(train, WORDS), to_categorical(train_labels, TOPICS)
    model = Sequential()
    model.add(Dense(64, activation="relu", input_shape=(WORDS,)))
    model.add(Dense(64, activation="relu"))
    model.add(Dense(TOPICS, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=9, batch_size=512 if data else 16, validation_split=0.1)
    loss, accuracy = model.evaluate(example_data.multi_hot(test, WORDS), to_categorical(test_labels, TOPICS), verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if accuracy < 0.6:
        sys.exit("the accuracy is below 0.6")


if __name__ == "__main__":
    main(*sys.argv[1:])
