"""Takes the pictures of docs/seeing.md: the explorer's page of a network for images and of one for sequences.

python docs/images/explore.py        (needs Chromium)
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import graphc
from graphc.keras.layers import LSTM, Conv2D, Dense, Dropout, Embedding, Flatten, MaxPooling2D
from graphc.keras.models import Sequential

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1]))
from tests.viz.browser import Browser, find_browser  # noqa: E402

SIZE = (1440, 900)


def image_network():
    model = Sequential(name="mnist_cnn")
    model.add(Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)))
    model.add(Conv2D(64, 3, activation="relu"))
    model.add(MaxPooling2D(2))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def sequence_network():
    model = Sequential(name="stacked_lstm")
    model.add(Embedding(1000, 32, input_length=20))
    model.add(LSTM(24, return_sequences=True))
    model.add(LSTM(16))
    model.add(Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model


def main():
    np.random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(find_browser(), Path(folder) / "profile", SIZE)

        def take(name, *scripts):
            for script in scripts:
                browser.run(script)
                time.sleep(0.3)
            browser.screenshot(FOLDER / name)

        browser.open(graphc.view(image_network(), Path(folder) / "cnn.html", run=True))
        expanded = "explorer.setStep(explorer.program.steps.findIndex((s) => s.name === 'expand_composites'))"
        opened = (
            "explorer.toggle('dense_2'), explorer.select({node: "
            "explorer.step.removed.find((i) => explorer.program.node(i).title === 'softmax')})"
        )
        take("explorer_layers.png", "explorer.choose(1)", expanded, opened, "explorer.picture.reveal('dense_2')")
        take(
            "explorer_kernel.png",
            "explorer.choose(0)",
            "explorer.setView('kernels')",
            "explorer.details.tab = 'assembly'",
            "explorer.showStrip('timeline')",
            "explorer.goTo({kernel: explorer.program.kernels.reduce((best, k, i, all) => "
            "k.time[0] > all[best].time[0] ? i : best, 0)})",
        )
        browser.open(graphc.view(sequence_network(), Path(folder) / "lstm.html", run=True))
        inner, step = (
            f"explorer.rows.filter((r) => (r.name || '').startsWith('{name}')).map((r) => explorer.toggle(r.path))"
            for name in ("recurrence", "step")
        )
        fit = "explorer.picture.fit()"
        take("explorer_recurrence.png", "explorer.toggle('lstm_2')", inner, step, "explorer.showStrip('memory')", fit)
        browser.close()


if __name__ == "__main__":
    main()
