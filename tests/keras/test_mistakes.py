"""What a user may get wrong with the options of Keras's parts: each mistake is told with the line of the script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import keras
from graphc.errors import GraphcError, OptionError, UsageError
from graphc.keras import backend as K
from graphc.keras import initializations, layers
from graphc.keras.models import Sequential
from graphc.keras.optimizers import Optimizer
from graphc.keras.utils import deserialize_keras_object, serialize_keras_object
from graphc.keras.utils.generic_utils import transpose_shape
from tests.mistakes import Mistakes, assert_told


class Still(Optimizer):  # type: ignore[misc]
    """Does not say how to step."""


def network(optimizer: Any = "sgd") -> Any:
    model = Sequential([layers.Dense(2, input_shape=(3,), name="dense")])
    model.compile(optimizer, "mse")
    return model


def json_of_an_object() -> Any:
    layer = layers.Dense(2, input_shape=(3,))
    layer.get_config = lambda: {"inside": object()}
    return Sequential([layer]).to_json()


def dot(axes: Any) -> Any:
    return K.batch_dot(K.placeholder((None, 3, 5)), K.placeholder((None, 5, 4)), axes)


MISTAKES: Mistakes = [
    (lambda: dot([(1, 2), 1]), OptionError, "Multiple target dimensions are not supported. Expected: None, int, (int,"),
    (
        lambda: keras.callbacks.ReduceLROnPlateau(waiting=3),
        UsageError,
        "ReduceLROnPlateau does not take the arguments ['waiting']",
    ),
    (json_of_an_object, UsageError, "not JSON serializable: <object object"),
    (lambda: network().fit([[1, 2, 3]], [[1, 2]], epoch=2), UsageError, "`fit` does not take the arguments ['epoch']"),
    (lambda: initializations.get_fans((3, 4), "tensor"), OptionError, "Unknown dim_ordering: tensor"),
    (
        lambda: initializations.identity((3, 4)),
        OptionError,
        "The identity initialises square matrices, not weights of shape (3, 4)",
    ),
    (lambda: initializations.get("glorot"), OptionError, "Invalid initialization: glorot; there are glorot_normal"),
    (
        lambda: keras.initializers.Initializer()((3, 4)),
        UsageError,
        "Initializer does not say how to fill a weight: define `__call__(shape, dtype)`",
    ),
    (
        lambda: layers.CuDNNLSTM(4, activation="relu"),
        UsageError,
        "the arguments ['activation'] are not free in",
    ),
    (
        lambda: layers.Lambda(lambda x: x, output_shape=3, name="triple"),
        UsageError,
        "triple: `output_shape` must be a list, a tuple, or a function.",
    ),
    (lambda: layers.Dot(axes="last", name="dot"), UsageError, "dot: `axes` should be an int or a pair of ints, not"),
    (lambda: layers.Convolution2D(8, 3, 3, 2), UsageError, "Conv2D takes at most 3 positional arguments"),
    (
        lambda: layers.ZeroPadding2D(padding={"top": 1}),
        UsageError,
        "Unexpected keys in the `padding` dictionary: ['top']",
    ),
    (
        lambda: network(Still()).train_on_batch(np.ones((4, 3)), np.ones((4, 2))),
        UsageError,
        "Still does not say how to step: define `add_updates` or `get_updates`",
    ),
    (lambda: serialize_keras_object(3), OptionError, "Cannot serialize 3: it has neither `get_config` nor a name"),
    (
        lambda: deserialize_keras_object(3, printable_module_name="layer"),
        OptionError,
        "Could not interpret serialized layer: 3",
    ),
    (lambda: transpose_shape((1, 2, 3), "channels_middle", (0, 1)), OptionError, "Received: channels_middle"),
    (lambda: len(K.placeholder((None, 3))), UsageError, "has no known length"),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES)
def test_a_mistake_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    assert_told(mistake, error, message, "test_mistakes.py:")
