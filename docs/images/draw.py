"""Draws the pictures of the README: the digits network after the passes, and the kernels it becomes.

python docs/images/draw.py
"""

from pathlib import Path

import graphc
from graphc.keras import backend as K
from graphc.keras.layers import Dense, Input
from graphc.keras.models import Model

FOLDER = Path(__file__).parent


def main():
    image = Input((64,), name="image")
    hidden = Dense(128, activation="relu", name="hidden")(image)
    model = Model(image, Dense(10, activation="softmax", name="classes")(hidden))
    program = K.function([model.input], [model.output]).executable()
    graphc.plot(program, title="digits: the graph after the passes").save(FOLDER / "digits_graph.svg")
    graphc.plot(program.plan, title="digits: the plan").save(FOLDER / "digits_plan.svg")


if __name__ == "__main__":
    main()
