"""Every K function against the values and gradients that Keras computed."""

from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from tests.keras import oracle


def _filled(argument: Any, tensors: list[Any]) -> Any:
    if isinstance(argument, list):
        return [_filled(a, tensors) for a in argument]
    return tensors[int(argument[1:])] if isinstance(argument, str) and argument.startswith("$") else argument


@pytest.mark.parametrize("name", oracle.names("backend"))
def test_values_and_gradients_are_those_of_keras(name: str) -> None:
    case = oracle.load("backend", name)
    inputs = [case.arrays[f"input_{i}"] for i in range(case.facts["n_inputs"])]
    tensors = [K.placeholder(shape=a.shape, dtype=a.dtype.name) for a in inputs]
    arguments = _filled(case.facts["args"], tensors)
    y = getattr(K, case.facts["op"])(*arguments, **case.facts["kwargs"])
    positions = [i for i in range(len(inputs)) if f"grad_input_{i}" in case.arrays]
    outputs = [y]
    if positions:
        loss = K.sum(y * K.constant(case.arrays["cotangent_0"]))
        outputs += K.gradients(loss, [tensors[i] for i in positions])
    value, *gradients = K.function(tensors, outputs)(inputs)
    assert value.dtype == case.arrays["output_0"].dtype
    case.check(value, case.arrays["output_0"])
    for i, gradient in zip(positions, gradients):
        expected = case.arrays[f"grad_input_{i}"]
        case.check(gradient, expected, np.isfinite(expected))
