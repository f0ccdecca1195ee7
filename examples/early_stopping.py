"""Stop when validation gets no better, keep the best weights on the way, and draw the curves of the training.

    python examples/early_stopping.py [DATA [CURVES.svg]]

A large network on few samples: it learns them by heart, and the loss on the others rises again.

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys
import tempfile
from pathlib import Path

import example_data
import numpy as np

from graphc.keras.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from graphc.keras.layers import Dense, Flatten
from graphc.keras.models import Sequential, load_model

COLOURS = {"loss": "#3572a5", "val_loss": "#c4533f", "acc": "#5a9e6f", "val_acc": "#b58b2b"}


def curves(history, width=480, height=240, margin=30):
    """Return a picture of the curves of a history, as the text of an SVG file."""
    largest = max(max(values) for values in history.values())
    lines = []
    for row, (name, values) in enumerate(history.items()):
        points = [
            f"{margin + i * (width - 2 * margin) / max(len(values) - 1, 1):.1f},"
            f"{height - margin - v / largest * (height - 2 * margin):.1f}"
            for i, v in enumerate(values)
        ]
        lines.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        lines.append(f'<text x="{width - 90}" y="{margin + 14 * row}" fill="{COLOURS[name]}">{name}</text>')
    lines.append(f'<text x="{margin}" y="{height - 8}">{len(values)} epochs, up to {largest:.2f}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="12">', *lines, "</svg>\n"])


def main(data=None, picture="curves.svg"):
    np.random.seed(3)
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    x_few, y_few = x_train[:150], y_train[:150]

    layers = [Flatten(input_shape=x_few.shape[1:]), Dense(256, activation="relu"), Dense(10, activation="softmax")]
    model = Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        best = str(Path(folder) / "best.h5")
        history = model.fit(
            x_few,
            y_few,
            epochs=200,
            verbose=0,
            validation_data=(x_test, y_test),
            callbacks=[
                EarlyStopping(monitor="val_loss", patience=5),
                ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
                ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3),
                CSVLogger(str(Path(folder) / "log.csv")),
            ],
        ).history
        loss, accuracy = load_model(best).evaluate(x_test, y_test, verbose=0)

    Path(picture).write_text(curves({name: history[name] for name in COLOURS}))
    epochs = len(history["loss"])
    print(f"stopped after {epochs} epochs; the best had test loss {loss:.4f}, test accuracy {accuracy:.4f}: {picture}")
    if epochs == 200 or not np.isclose(loss, min(history["val_loss"]), rtol=1e-4):
        sys.exit("training did not stop by itself, or the best weights were not kept")


if __name__ == "__main__":
    main(*sys.argv[1:])
