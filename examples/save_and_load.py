"""Keep a model: whole, its weights by layer name, its architecture as JSON; and go on training where it stopped.

    python examples/save_and_load.py [DATA]

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys
import tempfile
from pathlib import Path

import example_data
import numpy as np

from graphc.keras.layers import Dense, Dropout, Flatten
from graphc.keras.models import Sequential, load_model, model_from_json


def build_model(name, input_shape, classes):
    model = Sequential(name=name)
    model.add(Flatten(input_shape=input_shape))
    model.add(Dense(64, activation="relu", name="hidden"))
    model.add(Dropout(0.2))
    model.add(Dense(classes, activation="softmax", name=f"top{classes}"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(data=None):
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = example_data.images(data)
    epochs = 1 if data else 10
    model = build_model("digits", x_train.shape[1:], 10)
    model.fit(x_train, y_train, epochs=epochs, verbose=0)
    expected = model.predict(x_test)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)

        # Everything: structure, weights, how it was compiled, the optimizer's state.
        model.save(path / "model.h5")
        whole = load_model(path / "model.h5")
        same = [np.array_equal(whole.predict(x_test), expected)]

        # Structure and weights apart.
        (path / "model.json").write_text(model.to_json())
        model.save_weights(path / "weights.h5")
        apart = model_from_json((path / "model.json").read_text())
        apart.load_weights(path / "weights.h5")
        same.append(np.array_equal(apart.predict(x_test), expected))

        # The layers of another model that have the same names, here all but the last.
        parity = build_model("parity", x_train.shape[1:], 2)
        parity.load_weights(path / "weights.h5", by_name=True)
        pairs = zip(parity.get_layer("hidden").get_weights(), model.get_layer("hidden").get_weights())
        same += [np.array_equal(*pair) for pair in pairs]

    # Both go on as if nothing had been: the optimizer's averages are in the file too.
    for each in (model, whole):
        np.random.seed(2)
        each.fit(x_train, y_train, epochs=1, shuffle=False, verbose=0)
    loss, accuracy = whole.evaluate(x_test, y_test, verbose=0)
    print(f"after one epoch more: test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    if not all(same):
        sys.exit("what was loaded differs from what was saved")


if __name__ == "__main__":
    main(*sys.argv[1:])
