"""Several inputs and outputs: how often a headline will be shared, from its words and facts about it.

    python examples/headlines.py

An auxiliary output on the LSTM alone keeps the words learning; the losses of the two outputs are weighted.
"""

import sys

import numpy as np

from graphc.keras.layers import LSTM, Dense, Embedding, Input, concatenate
from graphc.keras.models import Model

WORDS, LENGTH, FACTS = 200, 20, 5


def made_up(count, random):
    """Return (words, facts, label): shared are headlines with many words below 20, and with a first fact above 0."""
    words = random.integers(1, WORDS, (count, LENGTH))
    catchy = random.random(count) < 0.5
    words[catchy, :6] = random.integers(1, 20, (catchy.sum(), 6))
    facts = random.normal(size=(count, FACTS)).astype("float32")
    return words, facts, (catchy & (facts[:, 0] > -0.5)).astype("float32")[:, None]


def main():
    """Train the model and report the accuracy of its main output."""
    np.random.seed(1)
    random = np.random.default_rng(1)
    main_input = Input(shape=(LENGTH,), dtype="int32", name="main_input")
    x = Embedding(WORDS, 32, input_length=LENGTH)(main_input)
    lstm_out = LSTM(24)(x)
    auxiliary_output = Dense(1, activation="sigmoid", name="aux_output")(lstm_out)
    auxiliary_input = Input(shape=(FACTS,), name="aux_input")
    x = concatenate([lstm_out, auxiliary_input])
    for _ in range(3):
        x = Dense(32, activation="relu")(x)
    main_output = Dense(1, activation="sigmoid", name="main_output")(x)
    model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])
    model.compile(
        optimizer="rmsprop",
        loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
        loss_weights={"main_output": 1.0, "aux_output": 0.2},
        metrics=["accuracy"],
    )
    words, facts, labels = made_up(1500, random)
    history = model.fit(
        {"main_input": words, "aux_input": facts},
        {"main_output": labels, "aux_output": labels},
        epochs=12,
        batch_size=32,
        verbose=0,
    ).history
    words, facts, labels = made_up(300, random)
    results = model.evaluate([words, facts], [labels, labels], verbose=0)
    accuracy = results[model.metrics_names.index("main_output_acc")]
    print(f"loss {history['loss'][0]:.3f} -> {history['loss'][-1]:.3f}; test accuracy {accuracy:.3f}")
    if accuracy < 0.8:
        sys.exit("the accuracy is below 0.8")


if __name__ == "__main__":
    main()
