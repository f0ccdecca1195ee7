"""TimeDistributed around layers and models: values, masks, penalties, updates, unknown sizes, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.models import Model, Sequential, model_from_json


def _data(*shape: int) -> Any:
    return np.random.RandomState(7).normal(size=shape).astype("float32")


def _encoder() -> Sequential:
    return Sequential(
        [
            layers.Dense(5, input_dim=4, kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
        ]
    )


@pytest.mark.parametrize("batch_shape", [(None, 3, 4), (None, None, 4), (2, 3, 4), (2, None, 4)])
def test_every_step_goes_through_the_model(batch_shape: tuple[int | None, ...]) -> None:
    inner = _encoder()
    x = layers.Input(batch_shape=batch_shape)
    model = Model(x, layers.TimeDistributed(inner)(x))
    assert model.output_shape == (*batch_shape[:2], 5)
    data = _data(2, 3, 4)
    steps = np.stack([inner.predict(data[:, step]) for step in range(3)], 1)
    np.testing.assert_allclose(model.predict(data, batch_size=2), steps, rtol=1e-5, atol=1e-6)


def test_penalties_and_updates_of_a_model_inside() -> None:
    inner = _encoder()
    x = layers.Input((3, 4))
    wrapper = layers.TimeDistributed(inner)
    model = Model(x, wrapper(x))
    assert len(model.losses) == 2
    assert len(model.updates) == 2
    kernel = inner.get_weights()[0]
    inner.set_weights([kernel, *inner.get_weights()[1:]])
    data = _data(2, 3, 4)
    (penalty,) = K.function([x], [sum(model.losses[1:], model.losses[0])])([data])
    np.testing.assert_allclose(penalty, 0.01 * (kernel**2).sum() + 0.01 * np.abs(data @ kernel).sum(), rtol=1e-5)
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.train_on_batch(data, _data(2, 3, 5))
    assert all(not np.array_equal(old, new) for old, new in zip(before, inner.get_weights()))


def test_penalty_of_outputs_counts_once() -> None:
    model = Sequential([layers.TimeDistributed(layers.Dense(5, activity_regularizer="l1"), input_shape=(3, 4))])
    data = _data(2, 3, 4)
    (penalty,) = K.function([model.inputs[0]], model.losses)([data])
    np.testing.assert_allclose(penalty, 0.01 * np.abs(model.predict(data)).sum(), rtol=1e-5)
    outer = Model(x := layers.Input((3, 4)), model(x))
    assert len(outer.losses) == 1


def test_masks() -> None:
    data = np.ones((2, 3, 6, 4), "float32")
    data[0, 1:] = 0.0
    data[1, 0, 2:] = 0.0
    x = layers.Input((None, None, 4))
    masked = layers.TimeDistributed(layers.Masking())(x)
    step, plain = layers.TimeDistributed(layers.Masking()), layers.TimeDistributed(layers.Lambda(lambda v: 2 * v))
    step(masked)
    plain.layer.supports_masking = True
    plain.layer.compute_mask = lambda inputs, mask: None
    plain(masked)
    of_elements, of_steps = K.function([x], [step.output_mask, plain.output_mask])([data])
    np.testing.assert_array_equal(of_elements, (data != 0).any(-1))
    np.testing.assert_array_equal(of_steps, (data != 0).any((-1, -2)))


def test_mask_reaches_a_layer_that_takes_one() -> None:
    class MeanOfUnmasked(layers.Layer):
        def call(self, inputs: Any, mask: Any = None) -> Any:
            share = K.cast(K.expand_dims(mask), K.floatx())
            return K.sum(inputs * share, 1) / K.sum(share, 1)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], input_shape[2])

        def compute_mask(self, inputs: Any, mask: Any = None) -> None:
            return None

    tokens = np.array([[[1, 2, 0], [3, 0, 0]]])
    model = Sequential(
        [
            layers.TimeDistributed(layers.Embedding(5, 4, mask_zero=True), input_shape=(None, None), dtype="int32"),
            layers.TimeDistributed(MeanOfUnmasked()),
        ]
    )
    (table,) = model.get_weights()
    expected = np.stack([table[[1, 2]].mean(0), table[3]])
    np.testing.assert_allclose(model.predict(tokens), expected[None], rtol=1e-5)


def test_frozen_layers_stay_frozen() -> None:
    wrapper = layers.TimeDistributed(layers.Dense(5, trainable=False))
    wrapper(layers.Input((3, 4)))
    assert wrapper.trainable_weights == []
    wrapper.trainable = True
    assert len(wrapper.layer.trainable_weights) == 2


def test_config_and_weights() -> None:
    model = Sequential([layers.TimeDistributed(_encoder(), input_shape=(3, 4), name="frames")])
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    data = _data(2, 3, 4)
    np.testing.assert_array_equal(again.predict(data), model.predict(data))
    nested = Sequential([layers.TimeDistributed(model, input_shape=(6, 3, 4))])
    assert nested.output_shape == (None, 6, 3, 5)
    films = _data(2, 6, 3, 4)
    np.testing.assert_allclose(nested.predict(films)[:, 1], model.predict(films[:, 1]), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_distributed() -> None:
    with pytest.raises(TypeError, match="wraps a layer or a model, not 'dense'"):
        layers.TimeDistributed("dense")
    with pytest.raises(ShapeError, match=r"odd needs one input of at least 3 axes .*\(None, 4\)"):
        layers.TimeDistributed(layers.Dense(5), name="odd")(layers.Input((4,)))
    stateful = layers.Dense(5, name="keeper")
    stateful.stateful = True
    with pytest.raises(GraphError, match="odd: keeper keeps state"):
        layers.TimeDistributed(stateful, name="odd")(layers.Input((3, 4)))
    a = layers.Input((4,))
    two = Model(a, [layers.Dense(5)(a), layers.Dense(6)(a)], name="two")
    with pytest.raises(GraphError, match="odd: two has 2 outputs"):
        layers.TimeDistributed(two, name="odd")(layers.Input((3, 4)))
