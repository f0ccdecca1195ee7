"""Profiles: what they count is what was run; profiling changes nothing; the peak is a peak."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import graphc
from graphc import ops, symbolic
from graphc.compile import machine_peak
from graphc.errors import ExecutionError
from graphc.graph import State, layer_scope
from graphc.loopir import count_operations
from graphc.runtime import Executable, Peak, collected
from tests.runtime.programs import compiled, relu_twice


def step() -> tuple[Executable, State]:
    """A program of x (any rows, 5) that updates its weights."""
    x = graphc.placeholder((None, 5), name="x")
    w = graphc.state(np.ones((5, 3), np.float32), "w")
    with layer_scope("dense"):
        y = x @ w.node
    with layer_scope("loss"):
        loss = ops.sum(ops.exp(y))
    return graphc.function([x], loss, updates=[(w, w.node * 0.5)], name="step"), w


def test_a_profile_tells_every_kernel_and_changes_no_state() -> None:
    f, w = step()
    profile = f.profile(np.ones((7, 5), np.float32), seconds=0.01)
    np.testing.assert_array_equal(w.get_value(), np.ones((5, 3)))
    assert len(profile.kernels) == len(f.plan.launches)
    assert all(k.runs == profile.runs >= 3 and k.nanoseconds > 0 for k in profile.kernels)
    [product] = [k for k in profile.kernels if k.kind == "contraction"]
    assert product.operations >= 2 * 7 * 5 * 3
    assert product.gflops == product.operations / product.nanoseconds
    assert product.roofline > 0


def test_a_launch_in_a_loop_counts_with_all_its_runs() -> None:
    steps = 6
    arrays = [np.ones(shape, np.float32) for shape in ((steps, 3, 5), (3, 5), (5, 5))]
    x, h, w = (graphc.placeholder(a.shape) for a in arrays)
    (last,), _ = graphc.scan(lambda e, h: (ops.tanh(h @ w + e), ()), [x], [h])
    f = graphc.function([x, h, w], ops.sum(last))
    profile = f.profile(*arrays, seconds=0.01)
    [total] = [k for k in profile.kernels if k.label == "sum"]
    products = [k for k in profile.kernels if k.kind == "contraction"]
    assert total.runs == profile.runs and all(k.runs == steps * profile.runs for k in products)
    exact = sum(count_operations(f.plan.launches[k.position].kernel) for k in products)
    assert sum(k.operations for k in products) == steps * exact


def test_time_goes_to_layers_and_lines() -> None:
    f, _ = step()
    profile = f.profile(np.ones((7, 5), np.float32), seconds=0.01)
    layers = profile.by_layer()
    assert {"dense", "loss"} <= set(layers)
    assert sum(layers.values()) == pytest.approx(profile.nanoseconds)
    assert sum(profile.by_line().values()) == pytest.approx(profile.nanoseconds)
    assert any("test_profile.py:" in line for line in profile.by_line())
    text, data = str(profile), json.loads(profile.json())
    assert "% roofline" in text and "dense" in text and f"mean of {profile.runs} runs" in text
    assert [k["label"] for k in data["kernels"]] == [k.label for k in profile.kernels]


def test_work_follows_the_sizes_of_the_calls() -> None:
    f, _ = step()
    small, large = (f.profile(np.ones((rows, 5), np.float32), seconds=0.01) for rows in (7, 70))
    assert sum(k.operations for k in large.kernels) > 5 * sum(k.operations for k in small.kernels)


def test_the_flag_counts_calls_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_PROFILE", "1")
    f, _ = step()
    f(np.ones((7, 5), np.float32))
    f(np.ones((9, 5), np.float32))
    counted = f.counted()
    assert counted.runs == 2
    assert f in collected()
    [product] = [k for k in counted.kernels if k.kind == "contraction"]
    exact = count_operations(f.plan.launches[product.position].kernel)
    assert product.operations == sum(symbolic.evaluate(exact, dict.fromkeys(f.plan.sizes, n)) for n in (7, 9)) / 2


def test_a_program_on_several_threads_gives_the_same_results_with_clocks() -> None:
    x = graphc.placeholder((None, 600), name="x")
    f = graphc.function([x], ops.softmax(ops.exp(x) @ ops.transpose(x)))
    values = np.random.default_rng(3).standard_normal((500, 600)).astype("float32") / 30
    profile = f.profile(values, seconds=0.01)
    np.testing.assert_array_equal(f._clocked(values), f(values))
    assert profile.nanoseconds > 0


def test_what_has_no_clocks_says_so() -> None:
    f, _ = step()
    with pytest.raises(ExecutionError, match="GRAPHC_PROFILE=1"):
        f.counted()
    with pytest.raises(ExecutionError, match="only what is compiled for the CPU has clocks"):
        compiled(relu_twice()).profile(np.ones((3, 5), np.float32), np.ones((3, 5), np.float32))


def test_clocks_are_in_no_program_that_did_not_ask() -> None:
    f, _ = step()
    assert "graphc_profile" not in f.source()
    assert "graphc_profile" in f._clocked.source()


def test_the_peak_is_remembered_and_bounds_time(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", str(tmp_path))
    peak = machine_peak()
    assert machine_peak() == peak
    assert peak.gflops > 0.1 and all(speed > 0.1 for _, speed in peak.bandwidths)
    model = Peak(1, 100.0, ((1000, 50.0), (10**6, 10.0)))
    assert model.least_nanoseconds(2000, 10) == 20.0
    assert model.least_nanoseconds(0, 1000) == 20.0
    assert model.least_nanoseconds(0, 10**7) == 10**6


def test_reports_in_all_forms() -> None:
    f, _ = step()
    data = json.loads(f.report("json"))
    assert [k["label"] for k in data["kernels"]] == [launch.kernel.label for launch in f.plan.launches]
    assert {"lower", "emit", "expand_composites"} <= {stage["name"] for stage in data["stages"]}
    assert any("apart from" in reason for k in data["kernels"] for reason in k["unfused"])
    assert "not fused: " in f.report()
    with pytest.raises(ExecutionError, match="text, rich, json; got 'xml'"):
        f.report("xml")  # type: ignore[arg-type]


def test_a_rich_report_prints() -> None:
    console = pytest.importorskip("rich.console").Console(width=200, record=True, file=io.StringIO())
    f, _ = step()
    console.print(f.report("rich"))
    assert "step: compilation" in console.export_text()
