"""Data of the examples: MNIST where a file of it is given, else the digits of the package; made-up texts and houses."""

import numpy as np

from graphc.keras.datasets import digits, mnist


def images(data=None):
    """Return ((x, y), (x, y)): handwritten digits, (n, rows, columns, 1) of pixels from 0 to 1, and their classes.

    `data` is Keras's mnist.npz or a folder with the four .gz files as published; None: the package's, of 8 by 8 pixels.
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data(data) if data else digits.load_data()
    largest = 255 if data else 16
    x_train, x_test = (x[..., np.newaxis].astype("float32") / largest for x in (x_train, x_test))
    return (x_train, y_train), (x_test, y_test)


def texts(classes, words, seed=0):
    """Return ((x, y), (x, y)): lists of ranks of words, and classes; a fifth of a text's words is typical of its class.

    `words` is one more than the highest rank; ranks below 3 mark starts and gaps, as in Keras's data sets.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, 1200)
    typical = random.integers(3, words, (classes, 30))
    rows = []
    for label in labels:
        words_of_row = random.integers(3, words, random.integers(20, 80))
        is_typical = random.random(len(words_of_row)) < 0.2
        words_of_row[is_typical] = random.choice(typical[label], is_typical.sum())
        rows.append([1, *words_of_row.tolist()])
    x = np.empty(len(rows), dtype=object)
    x[:] = rows
    return (x[:1000], labels[:1000]), (x[1000:], labels[1000:])


def multi_hot(texts, words):
    """Return a row for each text, 1 for each rank that it has."""
    rows = np.zeros((len(texts), words), "float32")
    for row, text in zip(rows, texts):
        row[text] = 1.0
    return rows


def houses(seed=0):
    """Return (x, y): 13 features of 120 houses, and prices that depend on them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(120, 13)).astype("float32")
    prices = 20 + 4 * np.tanh(x[:, 0]) + 3 * x[:, 1] + random.normal(0, 0.5, 120)
    return x, prices.astype("float32")
