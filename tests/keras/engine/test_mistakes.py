"""What a user may get wrong between data and model: each mistake is told with the line of the script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphcError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import layers as L
from graphc.keras import losses
from graphc.keras.engine import training_utils
from graphc.keras.engine.training_utils import DataError
from graphc.keras.models import Model, Sequential
from tests.mistakes import Mistakes, assert_told

X, Y, OTHER = np.ones((6, 3)), np.ones((6, 2)), np.ones((6, 5))


def network(outputs: int = 1, **options: Any) -> Model:
    x = L.Input((3,), name="x")
    model = Model(x, [L.Dense(units, name=f"y{units}")(x) for units in (2, 5)[:outputs]], name="net")
    model.compile("sgd", "mse", **options)
    return model


class Subclass(Model):  # type: ignore[misc]
    """Sums what its layer makes of its inputs."""

    def __init__(self) -> None:
        super().__init__(name="sub")
        self.dense = L.Dense(2)

    def call(self, inputs: Any) -> Any:
        return sum(map(self.dense, inputs)) if isinstance(inputs, list) else self.dense(inputs)


def subclass() -> Model:
    model = Subclass()
    model.compile("sgd", "mse")
    return model


class Twice(L.Layer):  # type: ignore[misc]
    """Gives its input and a copy, and as many masks however many outputs."""

    def __init__(self, outputs: int, **options: Any) -> None:
        super().__init__(**options)
        self.outputs, self.supports_masking = outputs, True

    def call(self, inputs: Any) -> Any:
        return [inputs * 1.0, inputs * 2.0][: self.outputs]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return [input_shape] * self.outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return [None, None]


def batches() -> Iterator[tuple[Any, Any]]:
    while True:
        yield X, Y


def of_one_hot_classes() -> Model:
    model = Sequential([L.Dense(1, input_shape=(3,))])
    model.compile("sgd", "categorical_crossentropy")
    return model


def of_sequences(**options: Any) -> Model:
    model = Sequential([L.LSTM(2, return_sequences=True, name="lstm", **options)], name="sequences")
    model.compile("sgd", "mse")
    return model


def called_on_two_shapes() -> Any:
    layer = L.Flatten(name="flat")
    layer(L.Input((3, 4)))
    layer(L.Input((5, 4)))
    return layer


def wrapped() -> Any:
    layer = L.Bidirectional(L.SimpleRNN(2), name="both")
    layer.build((None, 4, 3))
    return layer


def inside_out() -> Any:
    hidden = L.Dense(3, name="hidden")(L.Input((4,)))
    return Model(hidden, L.Dense(2)(hidden), name="net")


def with_too_many_masks() -> Any:
    x = L.Input((3,))
    model = Model(x, Twice(1, name="odd")(x))
    return model(L.Input((3,)))


MISTAKES: Mistakes = [
    (lambda: network().fit(), GraphError, "`fit` needs data, x and y; from tensors of the model's own, `steps_per_ep"),
    (lambda: network().evaluate(), GraphError, "`evaluate` needs data, x and y; from tensors of the model's own, `st"),
    (
        lambda: network().fit(X, Y, steps_per_epoch=2, validation_data=(X, Y)),
        GraphError,
        "Validation during step-wise training needs `validation_steps`.",
    ),
    (
        lambda: network().fit(X, Y, validation_steps=2, validation_data=(X, Y)),
        GraphError,
        "`validation_steps` needs step-wise training: set `steps_per_epoch`.",
    ),
    (
        lambda: network().fit_generator(batches(), 2, validation_data=(X,), verbose=0),
        GraphError,
        "or `(val_x, val_y)`. Found: a tuple of 1: an array of shape (6, 3)",
    ),
    (
        lambda: network(2).fit(X, [Y, OTHER], sample_weight=[np.ones(6)]),
        GraphError,
        "Provided `sample_weight` was a list of 1 elements, but the model has 2 outputs",
    ),
    (
        lambda: network(2).fit(X, [Y, OTHER], sample_weight=np.ones(6)),
        DataError,
        "so `sample_weight` should be a list or a dict. Got: an array of shape (6,)",
    ),
    (
        lambda: network(2).fit(X, [Y, OTHER], class_weight=3),
        DataError,
        "`class_weight` should be an array, a list or a dict. Got: 3",
    ),
    (
        lambda: network(2, target_tensors=K.placeholder((None, 2))),
        GraphError,
        "The model has 2 outputs, but you passed a single tensor as `target_tensors`",
    ),
    (
        lambda: of_one_hot_classes().fit(X, np.ones((6, 1))),
        ShapeError,
        "use the loss `sparse_categorical_crossentropy`",
    ),
    (
        lambda: training_utils.check_loss_and_target_compatibility([Y], [losses.mean_squared_error], [(None, 4)]),
        ShapeError,
        "A target array with shape (6, 2) was passed for an output of shape (None, 4) while using as loss `mean_square",
    ),
    (
        lambda: training_utils.standardize_weights(Y, np.ones(6), sample_weight_mode="timely"),
        GraphError,
        '"sample_weight_mode" should be None or "temporal". Found: timely',
    ),
    (
        lambda: of_sequences(input_shape=(4, 3)).fit(np.ones((6, 4, 3)), np.ones((6, 4, 2)), class_weight={0: 1.0}),
        ShapeError,
        "`class_weight` is not supported for targets of rank 3, shape (6, 4, 2)",
    ),
    (
        lambda: of_sequences(batch_input_shape=(4, 5, 3), stateful=True).fit(
            np.ones((6, 5, 3)), np.ones((6, 5, 2)), batch_size=4
        ),
        GraphError,
        "sequences is stateful: the number of samples (6) must be a multiple of the batch size (4)",
    ),
    (
        lambda: training_utils.standardize_input_data([X], [], exception_prefix="input"),
        GraphError,
        "Error when checking model input: expected no data, but got a list of 1: an array of shape (6, 3)",
    ),
    (
        lambda: subclass().fit({"x": X}, Y),
        GraphError,
        "Please do not pass a dictionary as model inputs before the model is built.",
    ),
    (lambda: subclass().fit("abc", Y), GraphError, "an array or a list of arrays. You passed: 'abc'"),
    (
        lambda: subclass().fit([X, K.placeholder((None, 3), name="p")], Y),
        GraphError,
        "Inputs cannot mix arrays and tensors. You passed: x=a list of 2: an array of shape (6, 3), <Tensor p",
    ),
    (lambda: network()._set_inputs(X), GraphError, "The inputs of net are already set."),
    (
        lambda: subclass().compute_output_shape((None, 3)),
        GraphError,
        "sub (Subclass) needs its own compute_output_shape to be used as a layer",
    ),
    (
        lambda: network().compute_output_shape([(None, 3), (None, 4)]),
        GraphError,
        "Invalid input_shape [(None, 3), (None, 4)]: net has 1 inputs.",
    ),
    (inside_out, GraphError, "An input of net comes from hidden (Dense), not from `Input`."),
    (with_too_many_masks, GraphError, "Layer odd has 1 output tensors and 2 output masks."),
    (
        lambda: Sequential([L.Dense(2, input_shape=(3,)), Twice(2, name="two")]),
        GraphcError,
        "All layers in a Sequential model should have a single output tensor; two has several.",
    ),
    (lambda: L.Dense(2, name="odd").output_shape, GraphcError, "The layer odd has never been called and thus has no d"),
    (
        lambda: called_on_two_shapes().output_shape,
        GraphcError,
        'The layer "flat" has inbound nodes with different shapes, so its output shape is ill-defined. Use `get_output',
    ),
    (
        lambda: wrapped().set_weights([np.ones(3)]),
        ShapeError,
        'You called `set_weights(weights)` on layer "both" with 1 arrays, but it has 6 weights',
    ),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES)
def test_a_mistake_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    assert_told(mistake, error, message, "test_mistakes.py:")
