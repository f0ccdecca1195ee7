"""Recurrent layers: cells of users, states, dropout, unknown lengths, configs, errors. Values: the reference tests."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from graphc.errors import ExecutionError, GraphcError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import layers as L
from graphc.keras import regularizers
from graphc.keras.engine.base_layer import Layer
from graphc.keras.models import Model, Sequential, load_model
from graphc.keras.saving.convert_recurrent import convert_cudnn
from graphc.keras.utils import CustomObjectScope

BATCH, STEPS, FEATURES, UNITS = 2, 5, 4, 3
KINDS = [L.SimpleRNN, L.GRU, L.LSTM]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    np.random.seed(5)


def _data(*shape: int, seed: int = 7) -> Any:
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _run(layer: Any, *arrays: Any, training: int | None = None, **kwargs: Any) -> Any:
    """Return what the layer makes of a sequence (and states)."""
    x, *states = [L.Input(batch_shape=a.shape) for a in arrays]
    outputs = layer(x, **({"initial_state": states} if states else {}), **kwargs)
    listed = outputs if isinstance(outputs, list) else [outputs]
    phase = [] if training is None else [K.learning_phase()]
    values = K.function([x, *states, *phase], listed)([*arrays, *([] if training is None else [training])])
    return values if isinstance(outputs, list) else values[0]


class Integrator:
    """A cell that is no layer: it adds up."""

    state_size = FEATURES

    def call(self, inputs: Any, states: Any) -> Any:
        total = states[0] + inputs
        return 2.0 * total, [total]


class Mixer(Layer):
    """A cell with weights and a constant of its own shape."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        shape, constant = input_shape
        self.kernel = self.add_weight(
            "kernel", (shape[-1], self.units), initializer="uniform", regularizer=regularizers.get("l2")
        )
        self.mixing = self.add_weight("mixing", (constant[-1], self.units), initializer="uniform")
        self.built = True

    def call(self, inputs: Any, states: Any, constants: Any) -> Any:
        output = K.dot(inputs, self.kernel) + K.dot(constants[0], self.mixing) + 0.5 * states[0]
        return output, [output]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_a_cell_that_is_no_layer() -> None:
    x = _data(BATCH, STEPS, FEATURES)
    sums = x.cumsum(1)
    np.testing.assert_allclose(_run(L.RNN(Integrator()), x), 2 * sums[:, -1], rtol=1e-5)
    outputs, state = _run(L.RNN(Integrator(), return_sequences=True, return_state=True), x)
    np.testing.assert_allclose(outputs, 2 * sums, rtol=1e-5)
    np.testing.assert_allclose(state, sums[:, -1], rtol=1e-5)
    backwards = _run(L.RNN(Integrator(), return_sequences=True, go_backwards=True), x)
    np.testing.assert_allclose(backwards, 2 * x[:, ::-1].cumsum(1), rtol=1e-5)


def test_a_cell_with_weights_and_constants() -> None:
    data, constant = _data(BATCH, STEPS, FEATURES), _data(BATCH, 7)
    x, c = L.Input((STEPS, FEATURES)), L.Input((7,))
    layer = L.RNN(Mixer(UNITS))
    model = Model([x, c], layer(x, constants=c))
    kernel, mixing = layer.get_weights()
    expected = np.zeros((BATCH, UNITS))
    for step in range(STEPS):
        expected = data[:, step] @ kernel + constant @ mixing + 0.5 * expected
    np.testing.assert_allclose(model.predict([data, constant]), expected, rtol=1e-4, atol=1e-5)
    assert len(layer.losses) == len(model.losses) == 1
    with CustomObjectScope({"Mixer": Mixer}):
        again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict([data, constant]), expected, rtol=1e-4, atol=1e-5)


def test_stacked_cells_are_stacked_layers() -> None:
    x = _data(BATCH, STEPS, FEATURES)
    stacked = L.RNN([L.LSTMCell(6), L.GRUCell(UNITS)], return_state=True)
    output, *states = _run(stacked, x)
    lower, upper = L.LSTM(6, return_sequences=True, return_state=True), L.GRU(UNITS, return_state=True)
    given = L.Input(batch_shape=x.shape)
    below, *lower_states = lower(given)
    above, upper_state = upper(below)
    upper.set_weights(stacked.get_weights()[3:])
    lower.set_weights(stacked.get_weights()[:3])
    for mine, theirs in zip([output, *states], K.function([given], [above, *lower_states, upper_state])([x])):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    again = L.RNN.from_config(stacked.get_config())
    assert [type(cell) for cell in again.cell.cells] == [L.LSTMCell, L.GRUCell]
    reversed_states = L.StackedRNNCells([L.LSTMCell(6), L.GRUCell(UNITS)], reverse_state_order=True)
    assert reversed_states.state_size == (UNITS, 6, 6)
    layer = L.RNN(reversed_states, return_state=True)
    _run(layer, x)
    layer.set_weights(stacked.get_weights())
    for mine, theirs in zip(_run(layer, x), [output, states[2], *states[:2]]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_frozen_cells_of_a_stack() -> None:
    cells = [L.LSTMCell(6), L.SimpleRNNCell(UNITS)]
    layer = L.RNN(cells)
    layer(L.Input((STEPS, FEATURES)))
    cells[0].trainable = False
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [3, 3]
    layer.trainable = False
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [0, 6]
    before = layer.get_weights()
    with pytest.raises(ShapeError, match="shape"):
        layer.set_weights([*(np.zeros_like(w) for w in before[:-1]), np.zeros((UNITS + 1,))])
    for mine, old in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(mine, old)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_steps_written_one_by_one_give_the_same(kind: Any, masked: bool) -> None:
    x = _data(BATCH, STEPS, FEATURES)
    x[0, 2] = 0.0
    results = []
    weights = None
    for unroll in (False, True):
        given = L.Input(batch_shape=x.shape)
        layer = kind(UNITS, unroll=unroll, return_sequences=True, return_state=True)
        outputs = layer(L.Masking()(given) if masked else given)
        weights = weights or layer.get_weights()
        layer.set_weights(weights)
        loss = K.sum(K.square(outputs[0])) + K.sum(outputs[-1])
        results.append(K.function([given], [*outputs, *K.gradients(loss, layer.weights)])([x]))
    for looped, written in zip(*results):
        np.testing.assert_allclose(looped, written, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_known_at_run_time(kind: Any) -> None:
    model = Sequential([kind(UNITS, return_sequences=True, input_shape=(None, FEATURES)), kind(6)])
    model.compile("sgd", "mse")
    whole = _data(BATCH, 9, FEATURES)
    for length in (1, 4, 9):
        fixed = Sequential([kind(UNITS, return_sequences=True, input_shape=(length, FEATURES)), kind(6)])
        fixed.set_weights(model.get_weights())
        part = np.ascontiguousarray(whole[:, :length])
        np.testing.assert_allclose(model.predict(part), fixed.predict(part), rtol=1e-5, atol=1e-6)
        model.train_on_batch(part, _data(BATCH, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_states_go_on_from_batch_to_batch(kind: Any) -> None:
    data = _data(BATCH, 6, FEATURES)
    model = Sequential([kind(UNITS, stateful=True, batch_input_shape=(BATCH, 3, FEATURES))])
    whole = Sequential([kind(UNITS, input_shape=(6, FEATURES))])
    whole.set_weights(model.get_weights())
    first, second = data[:, :3].copy(), data[:, 3:].copy()
    start = model.predict(first, batch_size=BATCH)
    np.testing.assert_allclose(model.predict(second, batch_size=BATCH), whole.predict(data), rtol=1e-5, atol=1e-6)
    model.reset_states()
    np.testing.assert_allclose(model.predict(first, batch_size=BATCH), start, rtol=1e-6)
    layer = model.layers[0]
    values = [_data(BATCH, UNITS, seed=i) for i in range(len(layer.states))]
    layer.reset_states(values)
    np.testing.assert_array_equal(K.get_value(layer.states[-1]), values[-1])
    expected = _run_with_weights(kind, model.get_weights(), first, values)
    np.testing.assert_allclose(model.predict(first, batch_size=BATCH), expected, rtol=1e-5, atol=1e-6)


def _run_with_weights(kind: Any, weights: Any, x: Any, states: Any) -> Any:
    layer = kind(UNITS)
    layer.build(x.shape)
    layer.set_weights(weights)
    return _run(layer, x, *states)


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_one_layer_start_another(kind: Any, tmp_path: Any) -> None:
    source, target = L.Input((STEPS, FEATURES)), L.Input((None, 6))
    _, *states = kind(UNITS, return_state=True)(source)
    outputs = kind(UNITS, return_sequences=True)(target, initial_state=states)
    model = Model([source, target], outputs)
    model.compile("sgd", "mse")
    given = [_data(BATCH, STEPS, FEATURES), _data(BATCH, 7, 6)]
    model.train_on_batch(given, _data(BATCH, 7, UNITS))
    expected = model.predict(given)
    model.save(tmp_path / "model.h5")
    np.testing.assert_allclose(load_model(tmp_path / "model.h5").predict(given), expected, rtol=1e-6)
    outer = [L.Input((STEPS, FEATURES)), L.Input((None, 6))]
    np.testing.assert_allclose(Model(outer, model(outer)).predict(given), expected, rtol=1e-6)


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("kind", [L.GRU, L.LSTM])
def test_dropout_is_the_same_at_every_step_and_new_for_every_call(kind: Any, implementation: int) -> None:
    # Inputs that are the same at every step, and a cell that only looks at them: outputs of steps differ by the state.
    layer = kind(UNITS, dropout=0.5, recurrent_dropout=0.25, implementation=implementation, return_sequences=True)
    x = np.ones((BATCH, STEPS, FEATURES), "float32")
    _run(layer, x)
    kernel, recurrent, bias = layer.get_weights()
    layer.set_weights([kernel, np.zeros_like(recurrent), bias])
    given = L.Input(batch_shape=x.shape)
    outputs = layer(given)
    assert outputs._uses_learning_phase
    z = K.function([given, K.learning_phase()], [outputs])
    idle, one, two = z([x, 0])[0], z([x, 1])[0], z([x, 1])[0]
    np.testing.assert_array_equal(idle, z([x, 0])[0])
    assert not np.allclose(one, two)
    assert not np.allclose(one, idle)
    if kind is L.GRU and implementation == 1:
        # h' = z h + (1 - z) c with constant z and c: the differences of steps shrink by the same factor.
        steps = np.diff(one, axis=1)
        assert np.abs(steps[:, 1]).max() > 1e-2
        np.testing.assert_allclose(steps[:, 2:] * steps[:, :-2], steps[:, 1:-1] ** 2, rtol=1e-2, atol=1e-6)


def test_dropout_of_inputs_drops_and_scales() -> None:
    layer = L.SimpleRNN(FEATURES, dropout=0.5, activation=None, use_bias=False, recurrent_initializer="zeros",
                        kernel_initializer="identity", return_sequences=True)  # fmt: skip
    outputs = _run(layer, np.ones((40, STEPS, FEATURES), "float32"), training=1)
    assert set(np.unique(outputs)) == {0.0, 2.0}
    np.testing.assert_array_equal(outputs, np.repeat(outputs[:, :1], STEPS, 1))
    assert 0.3 < (outputs == 0).mean() < 0.7


@pytest.mark.parametrize("kind", [L.GRU, L.LSTM])
def test_both_implementations_are_one_function(kind: Any) -> None:
    x = _data(BATCH, STEPS, FEATURES)
    one, two = (kind(UNITS, implementation=i) for i in (1, 2))
    first = _run(one, x)
    _run(two, x)
    two.set_weights(one.get_weights())
    np.testing.assert_allclose(_run(two, x), first, rtol=1e-5)


@pytest.mark.parametrize("kind,plain", [(L.CuDNNLSTM, L.LSTM), (L.CuDNNGRU, L.GRU)])
def test_layers_of_cudnn_are_the_plain_ones_in_another_layout(kind: Any, plain: Any) -> None:
    x = _data(BATCH, STEPS, FEATURES)
    name = kind.__name__
    fast = kind(UNITS, return_sequences=True, return_state=True, bias_initializer="uniform")
    options = {"reset_after": True} if plain is L.GRU else {}
    layer = plain(UNITS, return_sequences=True, return_state=True, recurrent_activation="sigmoid", **options)
    values = _run(fast, x)
    _run(layer, x)
    layer.set_weights(convert_cudnn(fast.get_weights(), plain.__name__, reset_after=True))
    for mine, theirs in zip(_run(layer, x), values):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    again = L.deserialize({"class_name": name, "config": fast.get_config()})
    assert again.get_config() == fast.get_config()
    with pytest.raises(TypeError, match=r"'dropout'.* not free in a layer of cuDNN"):
        kind(UNITS, dropout=0.5)
    with pytest.raises(TypeError, match="does not support masking"):
        kind(UNITS)(L.Masking()(L.Input((STEPS, FEATURES))))


def test_convolutions_over_time() -> None:
    # A kernel of one pixel makes every pixel an LSTM of its own.
    data = _data(BATCH, STEPS, 6, 7, FEATURES)
    layer = L.ConvLSTM2D(UNITS, (1, 1), return_sequences=True)
    images = _run(layer, data)
    kernel, recurrent, bias = layer.get_weights()
    pixels = L.LSTM(UNITS, return_sequences=True)
    sequences = data.transpose(0, 2, 3, 1, 4).reshape(-1, STEPS, FEATURES)
    pixels.build(sequences.shape)
    pixels.set_weights([kernel[0, 0], recurrent[0, 0], bias])
    expected = _run(pixels, sequences).reshape(BATCH, 6, 7, STEPS, UNITS).transpose(0, 3, 1, 2, 4)
    np.testing.assert_allclose(images, expected, rtol=1e-4, atol=1e-5)


def test_convolutions_of_images_whose_size_is_known_at_run_time() -> None:
    x = L.Input((None, None, None, FEATURES))
    model = Model(x, L.ConvLSTM2D(UNITS, (3, 2), strides=2, dropout=0.1, recurrent_dropout=0.1)(x))
    assert model.output_shape == (None, None, None, UNITS)
    assert model.predict(_data(BATCH, STEPS, 9, 8, FEATURES)).shape == (BATCH, 4, 4, UNITS)
    with pytest.raises(TypeError, match="not unrolled"):
        L.ConvLSTM2D(UNITS, 3, unroll=True)


@pytest.mark.parametrize("floatx,given,made", [("float32", "int32", "float32"), ("float64", "float64", "float64")])
def test_states_have_the_dtype_of_the_outputs(floatx: str, given: str, made: str) -> None:
    before = K.floatx()
    K.set_floatx(floatx)
    try:
        x = L.Input((STEPS, FEATURES), dtype=given)
        model = Model(x, L.Bidirectional(L.LSTM(UNITS, dropout=0.1, return_sequences=True))(x))
        model.compile("sgd", "mse")
        data = np.ones((BATCH, STEPS, FEATURES), given)
        model.train_on_batch(data, _data(BATCH, STEPS, 2 * UNITS))
        assert model.predict(data).dtype == made
    finally:
        K.set_floatx(before)


def test_options_of_the_cell_are_the_layers() -> None:
    layer = L.LSTM(UNITS, kernel_regularizer="l2", activity_regularizer="l1", name="memory")
    layer(L.Input((STEPS, FEATURES)))
    assert (layer.units, layer.unit_forget_bias, layer.recurrent_activation.__name__) == (UNITS, True, "hard_sigmoid")
    assert [w.name for w in layer.weights] == ["memory/kernel:0", "memory/recurrent_kernel:0", "memory/bias:0"]
    assert len(layer.losses) == 2
    np.testing.assert_array_equal(layer.get_weights()[2], np.repeat([0.0, 1.0, 0.0, 0.0], UNITS))
    assert not hasattr(layer, "reset_after")


def test_a_layer_called_twice_says_why_it_has_no_single_output() -> None:
    layer = L.LSTM(UNITS, name="memory")
    layer(L.Input((STEPS, FEATURES)))
    layer(L.Input((STEPS, FEATURES)))
    with pytest.raises(AttributeError, match="Layer memory has multiple inbound nodes"):
        _ = layer.output
    with pytest.raises(AttributeError, match="'LSTM' object has no attribute 'reset_after'"):
        _ = layer.reset_after


def test_constructors_show_their_arguments() -> None:
    shown = inspect.signature(L.GRU).parameters
    assert list(shown)[:3] == ["units", "activation", "recurrent_activation"]
    assert {"reset_after", "dropout", "go_backwards", "unroll", "activity_regularizer", "kwargs"} < set(shown)
    assert "cell" not in shown
    assert "recurrent_activation" not in inspect.signature(L.CuDNNGRU).parameters
    assert list(inspect.signature(L.ConvLSTM2D).parameters)[:3] == ["filters", "kernel_size", "strides"]


def test_layers_of_users_from_these() -> None:
    class Plain(L.LSTM):
        pass

    class Wide(L.GRU):
        def __init__(self, factor: int) -> None:
            super().__init__(factor * UNITS, return_sequences=True)

    x = _data(BATCH, STEPS, FEATURES)
    assert _run(Plain(UNITS), x).shape == (BATCH, UNITS)
    assert _run(Wide(2), x).shape == (BATCH, STEPS, 2 * UNITS)
    assert list(inspect.signature(Wide).parameters) == ["factor"]


def _chain(layer: Any, *shape: int | None) -> Any:
    return lambda: layer()(L.Input(shape))


_ERRORS: dict[str, tuple[Any, type[Exception], str]] = {
    "units": (lambda: L.LSTM(0, name="odd"), ShapeError, "units must be a positive integer; got 0"),
    "argument": (lambda: L.GRU(UNITS, reset_before=True, name="odd"), TypeError, "reset_before"),
    "rank": (_chain(lambda: L.GRU(UNITS, name="odd"), FEATURES), ShapeError, "odd: expected ndim=3, found ndim=2"),
    "features": (_chain(lambda: L.LSTM(UNITS, name="odd"), STEPS, None), ShapeError, "last size is known"),
    "stateful": (
        _chain(lambda: L.LSTM(UNITS, stateful=True, name="odd"), STEPS, FEATURES),
        ShapeError,
        r"layer odd is stateful and needs to know its batch size.*batch_input_shape",
    ),
    "unroll": (
        _chain(lambda: L.LSTM(UNITS, unroll=True, name="odd"), None, FEATURES),
        ShapeError,
        r"layer odd cannot unroll over None steps \(input \(None, None, 4\)\)",
    ),
    "number of states": (
        lambda: L.LSTM(UNITS, name="odd")(L.Input((STEPS, FEATURES)), initial_state=L.Input((UNITS,))),
        ShapeError,
        "layer odd has 2 states but was passed 1",
    ),
    "shape of a state": (
        lambda: L.GRU(UNITS, name="odd")(L.Input((STEPS, FEATURES)), initial_state=L.Input((UNITS + 1,))),
        ShapeError,
        r"layer odd: initial state 0 has shape \(None, 4\), not \(None, 3\)",
    ),
    "mixed states": (
        lambda: L.LSTM(UNITS, name="odd")(
            L.Input((STEPS, FEATURES)), initial_state=[L.Input((UNITS,)), K.zeros((BATCH, UNITS))]
        ),
        GraphError,
        "not a mixture",
    ),
    "constants": (
        lambda: L.LSTM(UNITS, name="odd")(L.Input((STEPS, FEATURES)), constants=L.Input((UNITS,))),
        GraphError,
        "layer odd: the cell takes no constants",
    ),
    "cell": (lambda: L.RNN(object(), name="odd"), GraphError, "layer odd: a cell has `call`"),
    "merge mode": (lambda: L.Bidirectional(L.LSTM(UNITS), "join", name="odd"), GraphError, "not 'join'"),
    "no recurrence": (lambda: L.Bidirectional(L.Dense(UNITS), name="odd"), GraphError, "wraps a recurrent layer"),
    "odd states": (
        lambda: L.Bidirectional(L.GRU(UNITS), name="odd")(L.Input((STEPS, FEATURES)), initial_state=L.Input((UNITS,))),
        ShapeError,
        "layer odd needs as many initial states",
    ),
    "states not kept": (lambda: L.GRU(UNITS, name="odd").reset_states(), ExecutionError, "odd keeps no states"),
}


@pytest.mark.parametrize("case", _ERRORS)
def test_what_cannot_be_is_an_error_that_names_the_layer(case: str) -> None:
    make, kind, message = _ERRORS[case]
    with pytest.raises(kind, match=message) as caught:
        make()
    assert "odd" in str(caught.value)
    assert isinstance(caught.value, GraphcError) or kind is TypeError


def test_batches_of_a_stateful_model_have_its_size() -> None:
    model = Sequential([L.LSTM(UNITS, stateful=True, batch_input_shape=(BATCH, STEPS, FEATURES), name="memory")])
    with pytest.raises(ShapeError, match=r"'memory_input' .* has shape \(4, 5, 4\); expected \(2, 5, 4\)"):
        model.predict(_data(4, STEPS, FEATURES), batch_size=4)
    with pytest.raises(GraphError, match=r"is stateful: the number of samples \(3\) must be a multiple"):
        model.predict(_data(3, STEPS, FEATURES), batch_size=BATCH)
    with pytest.raises(ShapeError, match=r"State 1 of layer memory has shape \(2, 3\), but was given \(2, 4\)"):
        model.layers[0].reset_states([_data(BATCH, UNITS), _data(BATCH, UNITS + 1)])
    with pytest.raises(ShapeError, match="has 2 states but was given 1 values"):
        model.layers[0].reset_states([_data(BATCH, UNITS)])


def test_programs_do_not_grow_with_the_number_of_steps() -> None:
    launches, lines = [], []
    for steps in (6, 600):
        model = Sequential([L.LSTM(UNITS, input_shape=(steps, FEATURES)), L.Dense(2)])
        model.compile("rmsprop", "mse")
        model.train_on_batch(_data(BATCH, steps, FEATURES), _data(BATCH, 2))
        executable = model.train_function.executable(1)
        launches.append(len(executable.plan.launches))
        lines.append(executable.source("llvm").count("\n"))
    assert launches[1] == launches[0]
    assert lines[1] <= lines[0]


def test_a_mask_needs_outputs_of_the_states_shape() -> None:
    x = L.Masking()(L.Input((STEPS, FEATURES)))
    with pytest.raises(ShapeError, match="the output of a step must have the shape of its first state"):
        L.RNN([L.LSTMCell(6), L.LSTMCell(UNITS)])(x)
