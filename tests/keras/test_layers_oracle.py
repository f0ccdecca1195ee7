"""Layers against Keras 2.2.4: outputs, masks, gradients, penalties, updated statistics, shapes."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.utils.generic_utils import to_list
from tests.keras.oracle import Case, load, names

# No layer of Keras 2.2.4.
_ABSENT = ("LayerNormalization",)


def _apply(case: Case) -> tuple[Any, list[Any], list[Any]]:
    """Return the layer, its inputs (initial states among them) and its outputs."""
    facts = case.facts
    layer = layers.deserialize(facts["layer"])
    # Layers that keep states need the size of the batch.
    first = 0 if facts["n_calls"] > 1 else 1
    inputs = [
        layers.Input(batch_shape=(*(None,) * first, *i["shape"][first:]), dtype=i["dtype"]) for i in facts["inputs"]
    ]
    given, states = (
        [x for x, i in zip(inputs, facts["inputs"]) if i["role"] == role] for role in ("input", "initial_state")
    )
    if facts["pre_layer"]:
        given = [layers.deserialize(facts["pre_layer"])(x) for x in given]
    keywords = {"initial_state": states} if states else {}
    outputs = to_list(layer(given if len(given) > 1 else given[0], **keywords))
    return layer, inputs, outputs


@pytest.mark.parametrize("name", names("layers", unless=_ABSENT))
@pytest.mark.filterwarnings("ignore:The .* layer is one of Keras 1")
def test_layer(name: str) -> None:
    case = load("layers", name)
    layer, inputs, outputs = _apply(case)
    arrays, phase = case.arrays, case.facts["learning_phase"]
    weights = _set_weights(case, layer, inputs)
    wanted = [
        (key, x)
        for group, tensors in (("input", inputs), ("weight", weights))
        for i, x in enumerate(tensors)
        if (key := f"grad_{group}_{i}") in arrays
    ]
    cotangents = [K.placeholder(shape=arrays[f"cotangent_{j}"].shape) for j in range(len(outputs))]
    gradients = K.gradients(sum(K.sum(y * g) for y, g in zip(outputs, cotangents)), [x for _, x in wanted])
    penalty = [sum(layer.losses[1:], layer.losses[0])] if "reg_loss" in arrays else []
    mask = to_list(layer.output_mask)[0]
    masks = [] if mask is None else [mask]
    updates = layer.updates if phase or layer.stateful else []
    function = K.function(
        [*inputs, *cotangents, K.learning_phase()], [*outputs, *gradients, *penalty, *masks], updates=updates
    )
    for call in range(case.facts["n_calls"]):
        suffix = f"_call{call}" if call else ""
        values = function(
            [
                *(arrays.get(f"input_{i}{suffix}", arrays[f"input_{i}"]) for i in range(len(inputs))),
                *(arrays[f"cotangent_{j}{suffix}"] for j in range(len(outputs))),
                phase,
            ]
        )
        for key, value in zip([*(f"output_{j}" for j in range(len(outputs))), *(key for key, _ in wanted)], values):
            case.check(value, arrays[f"{key}{suffix}"])
    shapes = layer.compute_output_shape([K.int_shape(x) for x in inputs] if len(inputs) > 1 else K.int_shape(inputs[0]))
    for j, shape in enumerate(shapes if isinstance(shapes, list) else [shapes]):
        assert shape[1:] == arrays[f"output_{j}"].shape[1:]
    assert (mask is not None) == ("output_mask_0" in arrays)
    if penalty:
        case.check(values[len(outputs) + len(wanted)], arrays["reg_loss"])
    if masks:
        np.testing.assert_array_equal(values[-1], arrays["output_mask_0"])
    for i, value in enumerate(layer.get_weights(), case.facts["n_pre_weights"]):
        case.check(value, arrays.get(f"weight_after_{i}", arrays[f"weight_{i}"]))


def _set_weights(case: Case, layer: Any, inputs: list[Any]) -> list[Any]:
    """Set the weights, those of the layer before first, and return the variables in this order."""
    count = case.facts["n_pre_weights"]
    before = [inputs[0]._keras_history[0]._outbound_nodes[0].outbound_layer] if count else []
    values = [case.arrays[f"weight_{i}"] for i in range(count + len(layer.weights))]
    for owner, part in zip([*before, layer], [values[:count], values[count:]] if count else [values]):
        owner.set_weights(part)
    return [w for owner in [*before, layer] for w in owner.weights]


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
