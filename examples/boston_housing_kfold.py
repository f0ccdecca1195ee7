"""House prices by four-fold validation: 13-64-64-1, rmsprop, mean squared error, one sample a step.

    python examples/boston_housing_kfold.py [DATA [EPOCHS]]

DATA is Keras's boston_housing.npz or its folder; without it, made-up prices are learnt.
"""

import sys

import example_data
import numpy as np

from graphc.keras.datasets import boston_housing
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential

FOLDS = 4


def build_model(features):
    model = Sequential()
    model.add(Dense(64, activation="relu", input_shape=(features,)))
    model.add(Dense(64, activation="relu"))
    model.add(Dense(1))
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model


def main(data=None, epochs=80):
    np.random.seed(1337)
    x, y = example_data.houses() if data is None else boston_housing.load_data(data)[0]
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    errors = []
    for fold, held_out in enumerate(np.array_split(np.arange(len(x)), FOLDS)):
        kept = np.setdiff1d(np.arange(len(x)), held_out)
        model = build_model(x.shape[1])
        model.fit(x[kept], y[kept], epochs=int(epochs), batch_size=1, verbose=0)
        _, error = model.evaluate(x[held_out], y[held_out], verbose=0)
        print(f"fold {fold}: mean absolute error {error:.3f}")
        errors.append(error)
    print(f"mean absolute error {np.mean(errors):.3f}")
    if np.mean(errors) > 4:
        sys.exit("the error is above 4")


if __name__ == "__main__":
    main(*sys.argv[1:])
