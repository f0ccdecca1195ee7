"""Compiled programs against NumPy, and values from inside a program."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.cli import main
from graphc.errors import GraphError
from graphc.graph import layer_scope
from graphc.keras.layers import Conv2D, Dense, Flatten
from graphc.keras.models import Sequential
from graphc.observe import probe, verify
from graphc.observe.verify import Verification
from graphc.records import replace


def network() -> Sequential:
    np.random.seed(5)
    layers = [Conv2D(3, 2, input_shape=(5, 4, 2), name="filters"), Flatten(name="flat"), Dense(2, name="classes")]
    model = Sequential(layers, name="net")
    model.compile("adam", "mse")
    return model


def test_a_models_programs_agree_with_numpy_and_keep_its_weights() -> None:
    model = network()
    before = model.get_weights()
    predict, train = verify(model)
    assert (predict.name, train.name) == ("predict", "train")
    assert len(train.nodes) > len(predict.nodes) > 3
    assert max(predict.worst, train.worst) < 64
    assert any(d.what.startswith("new value of 'filters/kernel'") for d in train.results)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_a_wrong_program_is_found_out() -> None:
    x = graphc.placeholder((None, 3), name="x")
    with layer_scope("odd"):
        y = ops.exp(x)
    f = graphc.function([x], ops.tanh(y) + 1.0)
    [right] = verify(f)
    assert right.worst < 8
    exp = y.op
    object.__setattr__(y, "op", replace(exp, ref=lambda a: np.exp(a) * np.float32(1.5)))
    try:
        [found] = verify(f)
    finally:
        object.__setattr__(y, "op", exp)
    [worst] = [d for d in found.nodes if d.ulps > 1e5]
    assert worst.what.startswith("exp float32") and "odd" in worst.place
    assert "exp" in str(found).split("where\n")[1].splitlines()[1]


def test_cancelled_sums_are_no_difference() -> None:
    x = graphc.placeholder((None, 300), name="x")
    values = np.random.default_rng(1).standard_normal((2, 300)).astype("float32") * 1e4
    [found] = verify(graphc.function([x], ops.sum(x - ops.mean(x, axis=1, keepdims=True), axis=1)), [values])
    assert found.worst < 64


def test_the_command_fails_beyond_its_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    far = Verification("far", (), ())
    monkeypatch.setattr("graphc.cli.verify.find_program", lambda target: ("it", None))
    monkeypatch.setattr("graphc.observe.verify", lambda value: [far])
    assert main(["verify", "it"]) == 0
    monkeypatch.setattr(Verification, "worst", 65.0)
    assert main(["verify", "it"]) == 1
    assert main(["verify", "it", "--ulps", "70"]) == 0
    assert "far: 0 nodes" in capsys.readouterr().out


def test_probes_give_layers_ops_states_and_inputs() -> None:
    model = network()
    images = np.random.default_rng(2).standard_normal((6, 5, 4, 2)).astype("float32")
    found = probe(model, ["flat", "classes", "classes:matmul", "filters/kernel", "filters_input"], images)
    np.testing.assert_allclose(found["classes"], model.predict(images), rtol=1e-5)
    kernel, bias = model.get_layer("classes").get_weights()
    np.testing.assert_allclose(found["classes:matmul"], found["flat"] @ kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["classes"], found["classes:matmul"] + bias, rtol=1e-5)
    np.testing.assert_array_equal(found["filters/kernel"], model.get_weights()[0])
    np.testing.assert_array_equal(found["filters_input"], images)
    with pytest.raises(GraphError, match="no tensor is called 'nothing'; there are the layers filters, flat, classes"):
        probe(model, ["nothing"], images)
