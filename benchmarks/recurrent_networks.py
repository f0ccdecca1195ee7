"""The recurrent networks of the cases: data and weights, the same for every peer. Standard library and NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEARNING_RATE, EPSILON = 0.001, 1e-7
RHO = 0.9  # of RMSprop
BETAS = (0.9, 0.999)  # of Adam
CHECKED_STEPS = 5


@dataclass(frozen=True)
class RecurrentNetwork:
    """LSTM layers of `units` (sigmoid gates), then a dense layer on the last state.

    With `words`, the inputs are numbers of words, embedded in `features` dimensions; otherwise they are `features`
    numbers a step. With one class the dense layer ends in a sigmoid and the loss is binary crossentropy, with more
    in a softmax and categorical crossentropy. `optimizer` is "rmsprop" or "adam".
    """

    units: tuple[int, ...]
    length: int
    features: int
    classes: int
    batch: int
    optimizer: str
    words: int = 0

    def layer_weights(self) -> list[tuple[Array, Array, Array]]:
        """Return (kernel, recurrent kernel, bias) of each layer, columns by gates: input, forget, cell, output."""
        random = np.random.default_rng(7)
        made = []
        for inputs, units in zip((self.features, *self.units), self.units):
            kernels = (random.uniform(-1, 1, (n, 4 * units)) / np.sqrt(n) for n in (inputs, units))
            bias = np.repeat([0, 1, 0, 0], units)
            kernel, recurrent = (k.astype(np.float32) for k in kernels)
            made.append((kernel, recurrent, bias.astype(np.float32)))
        return made

    def dense_weights(self) -> tuple[Array, Array]:
        """Return (kernel, bias) of the last layer."""
        random = np.random.default_rng(8)
        kernel = random.uniform(-1, 1, (self.units[-1], self.classes)) / np.sqrt(self.units[-1])
        return kernel.astype(np.float32), np.zeros(self.classes, np.float32)

    def embedding(self) -> Array:
        """Return the vectors of the words."""
        return np.random.default_rng(9).uniform(-0.05, 0.05, (self.words, self.features)).astype(np.float32)

    def inputs(self, rows: int) -> Array:
        """Return inputs of so many rows: word numbers [rows, length], or numbers [rows, length, features]."""
        random = np.random.default_rng(11)
        if self.words:
            return random.integers(0, self.words, (rows, self.length), np.int32)
        return random.standard_normal((rows, self.length, self.features), np.float32)

    def first_batch(self) -> tuple[Array, Array]:
        """Return the inputs of a step, and its targets: [rows, classes], one-hot where there are several."""
        random = np.random.default_rng(12)
        if self.classes == 1:
            return self.inputs(self.batch), random.integers(0, 2, (self.batch, 1)).astype(np.float32)
        return self.inputs(self.batch), np.eye(self.classes, dtype=np.float32)[
            random.integers(0, self.classes, self.batch)
        ]


def lstm_stack(quick: bool) -> RecurrentNetwork:
    """Return the classifier of three layers on short sequences."""
    return RecurrentNetwork((32, 32, 32), 3 if quick else 8, 16, 10, 8 if quick else 64, "rmsprop")


def lstm_words(quick: bool) -> RecurrentNetwork:
    """Return the network of one layer on sequences of words, as for film reviews."""
    words, units = (50, 16) if quick else (20000, 128)
    return RecurrentNetwork((units,), 5 if quick else 80, units, 1, 4 if quick else 32, "adam", words)


RECURRENT = {"lstm_stack": lstm_stack, "lstm_words": lstm_words, "lstm_row": lstm_words}
