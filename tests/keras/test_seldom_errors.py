"""What hardly anybody gets wrong, and is told all the same: what was given, and the user's own line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, OptionError, UsageError
from graphc.keras import backend as K
from graphc.keras import callbacks, initializations, initializers
from graphc.keras import layers as L
from graphc.keras.engine.network_config import json_value
from graphc.keras.models import Sequential
from graphc.keras.optimizers import Optimizer
from graphc.keras.utils.function_config import function_from_config
from graphc.keras.utils.generic_utils import deserialize_keras_object, serialize_keras_object, transpose_shape
from graphc.keras.utils.io_utils import attribute_pieces


class _Stepless(Optimizer):
    """Does not say how to step."""


class _Empty(initializers.Initializer):
    """Does not say how to fill."""


def compiled() -> Sequential:
    model = Sequential([L.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


CASES: list[tuple[Callable[[], Any], type[GraphcError], str]] = [
    (
        lambda: K.batch_dot(K.ones((2, 3, 4)), K.ones((2, 4, 5)), axes=((1, 2), 1)),  # type: ignore[arg-type]
        OptionError,
        "Multiple target dimensions are not supported. Expected: None, int, (int, int), Provided: ((1, 2), 1)",
    ),
    (lambda: len(K.placeholder((None, 3))), UsageError, "has no known length"),
    (
        lambda: callbacks.ReduceLROnPlateau(patience=2, pace=3),
        UsageError,
        "ReduceLROnPlateau does not take the arguments ['pace']",
    ),
    (lambda: json_value({3}), UsageError, "not JSON serializable: {3}"),
    (
        lambda: compiled().fit(np.ones((4, 3)), np.ones((4, 2)), steps=2),
        UsageError,
        "`fit` does not take the arguments ['steps']",
    ),
    (lambda: initializations.get_fans((2, 3), "nchw"), OptionError, "Unknown dim_ordering: nchw"),
    (
        lambda: initializations.identity((2, 3)),
        OptionError,
        "The identity initialises square matrices, not weights of shape (2, 3)",
    ),
    (lambda: initializations.get("best"), OptionError, "Invalid initialization: best; there are "),
    (lambda: _Empty()((2, 3)), UsageError, "_Empty does not say how to fill a weight: define `__call__(shape, dtype)`"),
    (
        lambda: L.CuDNNLSTM(3, implementation=2),
        UsageError,
        "the arguments ['implementation'] are not free in a layer of cuDNN",
    ),
    (
        lambda: L.Lambda(lambda x: x, output_shape=5, name="odd"),
        UsageError,
        "odd: `output_shape` must be a list, a tuple, or a function.",
    ),
    (lambda: L.Dot("last", name="odd"), UsageError, "odd: `axes` should be an int or a pair of ints, not 'last'"),
    (
        lambda: L.Conv2D(4, 3, 3, "relu"),
        UsageError,
        "Conv2D takes at most 3 positional arguments",
    ),
    (
        lambda: L.ZeroPadding2D({"top_pad": 1, "side_pad": 2}),
        UsageError,
        "Unexpected keys in the `padding` dictionary: ['side_pad']",
    ),
    (
        lambda: _Stepless().add_updates([], []),
        UsageError,
        "_Stepless does not say how to step: define `add_updates` or `get_updates`",
    ),
    (
        lambda: function_from_config("f", "macro", "odd"),
        UsageError,
        "Unknown function type in the config of a odd: macro",
    ),
    (
        lambda: serialize_keras_object(3.5),
        OptionError,
        "Cannot serialize 3.5: it has neither `get_config` nor a name",
    ),
    (lambda: deserialize_keras_object(7), OptionError, "Could not interpret serialized object: 7"),
    (lambda: transpose_shape((2, 3, 4), "nchw", (1,)), OptionError, 'one of "channels_first", "channels_last"'),
    (
        lambda: attribute_pieces([b"x" * 70000]),
        OptionError,
        "a name of 70000 bytes is longer than HDF5 can hold",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), CASES, ids=[message[:40] for _, _, message in CASES])
def test_it_is_told(make: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as told:
        make()
    assert "test_seldom_errors.py:" in str(told.value)
