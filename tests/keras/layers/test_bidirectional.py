"""Bidirectional: two layers and how their outputs are joined; states, constants, weights, penalties, masks, configs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import layers as L
from graphc.keras.models import Model, Sequential, model_from_json

BATCH, STEPS, FEATURES, UNITS = 2, 5, 4, 3


def _data(*shape: int, seed: int = 7) -> Any:
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _one_way(kind: Any, weights: Any, x: Any, **kwargs: Any) -> Any:
    """Return what a layer with these weights makes of x (and of initial states)."""
    given = [L.Input(batch_shape=a.shape) for a in x]
    layer = kind(UNITS, **kwargs)
    outputs = layer(given[0], **({"initial_state": given[1:]} if given[1:] else {}))
    layer.set_weights(weights)
    values = K.function(given, outputs if isinstance(outputs, list) else [outputs])(x)
    return values if isinstance(outputs, list) else values[0]


_JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "ave": lambda x, y: (x + y) / 2,
    "concat": lambda x, y: np.concatenate([x, y], -1),
}


@pytest.mark.parametrize("kind", [L.SimpleRNN, L.GRU, L.LSTM])
@pytest.mark.parametrize("merge_mode", [*_JOINS, None])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_outputs_and_states_of_both_ways(kind: Any, merge_mode: str | None, return_sequences: bool) -> None:
    x = L.Input((STEPS, FEATURES))
    layer = L.Bidirectional(kind(UNITS, return_sequences=return_sequences, return_state=True), merge_mode)
    model = Model(x, layer(x))
    weights, data = model.get_weights(), _data(BATCH, STEPS, FEATURES)
    half = len(weights) // 2
    options = {"return_sequences": return_sequences, "return_state": True}
    forward, *states = _one_way(kind, weights[:half], [data], **options)
    backward, *states_back = _one_way(kind, weights[half:], [data], go_backwards=True, **options)
    if return_sequences:
        backward = backward[:, ::-1]
    joined = [forward, backward] if merge_mode is None else [_JOINS[merge_mode](forward, backward)]
    values = model.predict(data)
    for value, expected in zip(values, [*joined, *states, *states_back], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert [shape[1:] for shape in layer.compute_output_shape((None, STEPS, FEATURES))] == [v.shape[1:] for v in values]
    again = model_from_json(model.to_json())
    again.set_weights(weights)
    np.testing.assert_array_equal(again.predict(data)[0], values[0])


def test_initial_states_go_to_their_own_layers() -> None:
    given = [_data(BATCH, STEPS, FEATURES), *(_data(BATCH, UNITS, seed=i) for i in range(4))]
    x, *states = [L.Input(a.shape[1:]) for a in given]
    layer = L.Bidirectional(L.LSTM(UNITS))
    model = Model([x, *states], layer([x, *states]))
    weights = model.get_weights()
    forward = _one_way(L.LSTM, weights[:3], given[:3])
    backward = _one_way(L.LSTM, weights[3:], [given[0], *given[3:]], go_backwards=True)
    expected = np.concatenate([forward, backward], -1)
    np.testing.assert_allclose(model.predict(given), expected, rtol=1e-5, atol=1e-6)
    # Tensors that no layer made are arguments of the call.
    fixed = Model(x, layer(x, initial_state=[K.constant(s) for s in given[1:]]))
    np.testing.assert_allclose(fixed.predict(given[0]), expected, rtol=1e-5, atol=1e-6)


def test_weights_penalties_and_freezing() -> None:
    before = L.Bidirectional(L.GRU(UNITS, kernel_regularizer="l2", name="gru"), name="both")
    before(L.Input((STEPS, FEATURES)))
    assert [w.name for w in before.weights][:4:3] == ["both/forward_gru/kernel:0", "both/backward_gru/kernel:0"]
    assert len(before.losses) == len(before.get_losses_for(None)) == 2
    weights = [w + 1.0 for w in before.get_weights()]
    layer = L.Bidirectional(L.GRU(UNITS), weights=weights)
    layer(L.Input((STEPS, FEATURES)))
    for mine, given in zip(layer.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, given)
    layer.trainable = False
    assert (layer.trainable_weights, len(layer.non_trainable_weights)) == ([], 6)
    layer.trainable = True
    assert len(layer.trainable_weights) == 6


def test_a_mask_reaches_both_ways() -> None:
    data = _data(BATCH, STEPS, FEATURES)
    data[0, 3:] = 0.0
    x = L.Input((None, FEATURES))
    layer = L.Bidirectional(L.LSTM(UNITS, return_sequences=True))
    outputs = layer(L.Masking()(x))
    (value,) = K.function([x], [outputs])([data])
    alone = K.function([x], [outputs])([data[:1, :3].copy()])[0]
    np.testing.assert_allclose(value[:1, :3], alone, rtol=1e-5, atol=1e-6)
    mask = K.function([x], [layer.output_mask])([data])[0]
    np.testing.assert_array_equal(mask, (data != 0).any(-1))
    assert L.Bidirectional(L.LSTM(UNITS))(L.Masking()(x))._keras_history[0].output_mask is None


def test_states_kept_inside_move_on_in_training_only() -> None:
    model = Sequential([L.Bidirectional(L.LSTM(UNITS, stateful=True), batch_input_shape=(BATCH, STEPS, FEATURES))])
    model.compile("sgd", "mse")
    layer, data = model.layers[0], _data(BATCH, STEPS, FEATURES)
    kept = [state for part in (layer.forward_layer, layer.backward_layer) for state in part.states]
    first = model.predict(data, batch_size=BATCH)
    np.testing.assert_array_equal(model.predict(data, batch_size=BATCH), first)
    model.train_on_batch(data, _data(BATCH, 2 * UNITS))
    assert all(K.get_value(state).any() for state in kept)
    layer.reset_states()
    assert not any(K.get_value(state).any() for state in kept)


def test_every_step_of_a_sequence_can_be_a_sequence() -> None:
    films = _data(BATCH, 6, STEPS, FEATURES)
    inner = L.Bidirectional(L.GRU(UNITS))
    model = Sequential([L.TimeDistributed(inner, input_shape=(None, STEPS, FEATURES))])
    x = L.Input((STEPS, FEATURES))
    single = Model(x, inner(x))
    expected = np.stack([single.predict(films[:, i].copy()) for i in range(6)], 1)
    np.testing.assert_allclose(model.predict(films), expected, rtol=1e-5, atol=1e-6)
