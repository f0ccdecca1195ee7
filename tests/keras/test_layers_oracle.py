"""Layers against Keras 2.2.4: outputs, masks, gradients, penalties, updated statistics, shapes."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.utils.generic_utils import to_list
from tests.keras.oracle import Case, load, names

# Recurrence is other work.
_ABSENT = (
    "Bidirectional",
    "ConvLSTM",
    "GRU",
    "LSTM",
    "LayerNormalization",
    "RNN",
    "SimpleRNN",
    "TimeDistributed__lstm",
)


def _apply(case: Case) -> tuple[Any, list[Any], list[Any]]:
    """Return the layer, its inputs and its outputs."""
    layer = layers.deserialize(case.facts["layer"])
    inputs = [layers.Input(shape=tuple(i["shape"][1:]), dtype=i["dtype"]) for i in case.facts["inputs"]]
    before = case.facts["pre_layer"]
    given = [layers.deserialize(before)(x) for x in inputs] if before else inputs
    outputs = to_list(layer(given if len(given) > 1 else given[0]))
    layer.set_weights([case.arrays[f"weight_{i}"] for i in range(len(layer.weights))])
    return layer, inputs, outputs


@pytest.mark.parametrize("name", names("layers", unless=_ABSENT))
@pytest.mark.filterwarnings("ignore:The .* layer is one of Keras 1")
def test_layer(name: str) -> None:
    case = load("layers", name)
    layer, inputs, outputs = _apply(case)
    arrays, phase = case.arrays, case.facts["learning_phase"]
    wanted = [
        (key, x)
        for group, tensors in (("input", inputs), ("weight", layer.weights))
        for i, x in enumerate(tensors)
        if (key := f"grad_{group}_{i}") in arrays
    ]
    loss = sum(K.sum(y * arrays[f"cotangent_{j}"]) for j, y in enumerate(outputs))
    gradients = K.gradients(loss, [x for _, x in wanted])
    penalty = [sum(layer.losses[1:], layer.losses[0])] if "reg_loss" in arrays else []
    mask = to_list(layer.output_mask)[0]
    masks = [] if mask is None else [mask]
    updates = layer.updates if phase else []
    function = K.function([*inputs, K.learning_phase()], [*outputs, *gradients, *penalty, *masks], updates=updates)
    values = function([*(arrays[f"input_{i}"] for i in range(len(inputs))), phase])
    for j in range(len(outputs)):
        case.check(values[j], arrays[f"output_{j}"])
        assert (
            to_list(
                layer.compute_output_shape(
                    [K.int_shape(x) for x in inputs] if len(inputs) > 1 else K.int_shape(inputs[0])
                )
            )[j][1:]
            == arrays[f"output_{j}"].shape[1:]
        )
    for (key, _), value in zip(wanted, values[len(outputs) :]):
        case.check(value, arrays[key])
    assert (mask is not None) == ("output_mask_0" in arrays)
    if penalty:
        case.check(values[len(outputs) + len(wanted)], arrays["reg_loss"])
    if masks:
        np.testing.assert_array_equal(values[-1], arrays["output_mask_0"])
    for i, value in enumerate(layer.get_weights()):
        case.check(value, arrays.get(f"weight_after_{i}", arrays[f"weight_{i}"]))


@pytest.mark.parametrize("name", names("stochastic"))
def test_noise(name: str) -> None:
    case = load("stochastic", name)
    facts, shape = case.facts["facts"], tuple(case.facts["shape"])
    layer = layers.deserialize(case.facts["layer"])
    if facts.get("constant_over_axes") == [2, 3]:
        # The layer's config does not say it.
        layer.data_format = "channels_first"
    x = layers.Input(batch_shape=shape)
    function = K.function([x, K.learning_phase()], [layer(x)])
    value = case.facts["input_value"]
    (output,) = function([np.full(shape, value, "float32"), 1])
    (idle,) = function([np.full(shape, value, "float32"), 0])
    np.testing.assert_array_equal(idle, np.full(shape, value, "float32"))
    axes = facts.get("constant_over_axes", [])
    draws = output.size / np.prod([shape[axis] for axis in axes], dtype=int)
    tolerance = 6 * facts["std"] / np.sqrt(draws)
    assert abs(output.mean() - facts["mean"]) < 2 * tolerance
    assert abs(output.std() - facts["std"]) < 4 * tolerance
    for axis in axes:
        assert (output == np.take(output, [0], axis)).all()
    if "distinct_values" in facts:
        np.testing.assert_allclose(np.unique(output), facts["distinct_values"], rtol=1e-3)
    else:
        assert len(np.unique(output)) > 1000
