"""The runner: what the flags do, and what a whole pipeline makes of a training step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc import gradients, ops
from graphc.errors import ConfigError, GraphError
from graphc.graph import REGISTRY, Graph, Node, State, TensorType, evaluate, format_graph, make_node
from graphc.passes import PIPELINE, canonicalise, run_passes, run_pipeline
from tests.passes.pictures import batch, given, graph_of


def training_step() -> Graph:
    """One step of gradient descent of softmax regression."""
    x, labels = given("x", batch, 4), given("labels", batch, 3)
    weights, bias = State(np.full((4, 3), 0.1, np.float32), "weights"), State(np.zeros(3, np.float32), "bias")
    loss = ops.mean(-ops.sum(labels * ops.log(ops.softmax(x @ weights.node + bias.node, axis=1)), 1))
    slopes = gradients(loss, [weights.node, bias.node])
    updates = tuple((s.node, s.node - 0.1 * slope) for s, slope in zip((weights, bias), slopes))
    return Graph((x, labels), (loss,), updates)


def example() -> Graph:
    x = given("x", batch, 3)
    return graph_of((x,), 1.0 + ops.softplus(x) - 0.0)


def test_a_training_step(golden: Callable[[str, str], None]) -> None:
    report = run_pipeline(training_step())
    golden("passes/training_step.txt", format_graph(report.graph, False))


def test_the_pipeline_keeps_values_and_updates() -> None:
    graph = training_step()
    rng = np.random.default_rng(1)
    values = [rng.standard_normal((5, 4)).astype(np.float32), np.eye(3, dtype=np.float32)[[0, 2, 1, 1, 0]]]
    expected, given_values = evaluate(graph, values), evaluate(run_pipeline(graph).graph, values)
    for e, g in zip([*expected[0], *expected[1]], [*given_values[0], *given_values[1]], strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)


def test_only_primitives_are_left() -> None:
    assert {n.op.kind for n in run_pipeline(training_step()).graph.nodes} >= {"contraction", "reduction"}
    assert "composite" not in {n.op.kind for n in run_pipeline(training_step()).graph.nodes}


def test_every_pass_has_a_name_of_its_own_and_shows_before_and_after() -> None:
    names = [rewrite.__name__ for rewrite in PIPELINE]
    assert len(set(names)) == len(names)
    assert [name for name, rewrite in zip(names, PIPELINE) if "->" not in (rewrite.__doc__ or "")] == []


def test_records_tell_what_each_pass_did() -> None:
    records = run_pipeline(example()).records
    assert [r.name for r in records] == [rewrite.__name__ for rewrite in PIPELINE]
    by_name = {r.name: r for r in records}
    assert not by_name["unify_dims"].changed
    assert by_name["expand_composites"].nodes_after > by_name["expand_composites"].nodes_before
    assert all(r.milliseconds >= 0 for r in records)
    assert "expand_composites" in str(run_pipeline(example()))


def test_disable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_DISABLE", "expand_composites, canonicalise")
    report = run_pipeline(example())
    assert {"expand_composites", "canonicalise"}.isdisjoint(r.name for r in report.records)
    assert "softplus" in {n.op.name for n in report.graph.nodes}


def test_stop_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_STOP_AFTER", "canonicalise")
    assert run_pipeline(example()).records[-1].name == "canonicalise"


@pytest.mark.parametrize("flag", ["GRAPHC_DISABLE", "GRAPHC_STOP_AFTER"])
def test_a_flag_that_names_no_pass_is_refused(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(flag, "optimise_harder")
    with pytest.raises(ConfigError, match="no pass is named optimise_harder; there are unify_dims"):
        run_pipeline(example())


def test_dump(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHC_DUMP", str(tmp_path))
    run_pipeline(example(), "step")
    names = sorted(path.name for path in (tmp_path / "step").iterdir())
    assert names[0] == "00_input.txt" and "06_expand_composites.txt" in names
    assert "01_unify_dims.txt" not in names
    assert "softplus" in (tmp_path / "step" / "00_input.txt").read_text()


def test_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GRAPHC_TIME", "1")
    run_pipeline(example())
    assert "canonicalise" in capsys.readouterr().err


def test_verify_names_the_pass_that_broke_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistype(graph: Graph) -> Graph:
        n: Node = make_node(REGISTRY["exp"], (graph.inputs[0],), {}, TensorType((7,), "float32"))
        return Graph(graph.inputs, (n,), graph.updates)

    assert run_passes(example(), (canonicalise, mistype)).records[-1].changed
    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    with pytest.raises(GraphError, match=r"after the pass mistype: malformed graph: exp\(float32\[batch, 3\]\)"):
        run_passes(example(), (canonicalise, mistype))


def test_verify_looks_at_the_input_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    x = given("x", 3)
    with pytest.raises(GraphError, match="placeholder 'x' is used but is not an input"):
        run_pipeline(Graph((), (ops.exp(x),)))
