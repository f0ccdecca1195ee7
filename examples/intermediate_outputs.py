"""What a hidden layer says, asked in three ways: a shorter model, a function, a model of several outputs.

    python examples/intermediate_outputs.py [DATA]

DATA is MNIST, as for mnist_mlp.py; without it, the digits that come with graphc are taken.
"""

import sys

import example_data
import numpy as np

from graphc.keras import backend as K
from graphc.keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from graphc.keras.models import Model


def build_model(input_shape):
    image = Input(input_shape)
    x = Conv2D(8, 3, activation="relu", name="filters")(image)
    x = MaxPooling2D(2)(x)
    x = Dropout(0.25)(Flatten()(x))
    return Model(image, Dense(10, activation="softmax", name="classes")(x))


def main(data=None):
    np.random.seed(1)
    (x_train, y_train), (x_test, _) = example_data.images(data)
    model = build_model(x_train.shape[1:])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x_train, y_train, epochs=1 if data else 5, verbose=0)
    filters = model.get_layer("filters").output

    # A model that ends earlier shares its layers with the whole one.
    first = Model(model.input, filters).predict(x_test)

    # A function of any tensors. The learning phase says whether dropout is on: 0 in testing.
    function = K.function([model.input, K.learning_phase()], [filters, model.output])
    second, _ = function([x_test, 0])

    # A model that gives both at once.
    third, probabilities = Model(model.input, [filters, model.output]).predict(x_test)

    print(f"filters: {first.shape}, classes: {probabilities.shape}")
    print("mean activity of the filters:", " ".join(f"{v:.2f}" for v in first.mean(axis=(0, 1, 2))))
    if not all(np.allclose(first, other, atol=1e-6) for other in (second, third)):
        sys.exit("the three ways differ")


if __name__ == "__main__":
    main(*sys.argv[1:])
