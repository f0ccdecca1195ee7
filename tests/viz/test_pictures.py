"""Pictures of graphs, plans and models: what they show, and that their text is well formed."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import networkx
import numpy as np
import pytest

import graphc
from graphc import ops, symbolic, viz
from graphc.errors import GraphcError
from graphc.graph import Graph, constant, layer_scope
from graphc.loopir import Argument, Buffer, Call, Const, For, Launch, Load, LoopKernel, Parameter, Plan, Store

SVG = "{http://www.w3.org/2000/svg}"


def words(picture: viz.Picture) -> set[str]:
    """The texts that the SVG shows."""
    return {e.text or "" for e in ElementTree.fromstring(picture.svg).iter(f"{SVG}text")}


@pytest.fixture
def training_step() -> Graph:
    x = graphc.placeholder((None, 5), name="x")
    with layer_scope("hidden"):
        w = graphc.state(np.ones((5, 3), "float32"), name="kernel")
        h = ops.matmul(x, w.node)
    loss = ops.sum(h * 0.5)
    return Graph((x,), (loss,), ((w.node, w.node - 0.25 * ops.ones_like(w.node)),))


def test_a_graph_shows_its_ops_types_and_layers(training_step: Graph) -> None:
    picture = viz.plot(training_step, title="step <1>")
    batch = training_step.inputs[0].shape[0]
    assert {"step <1>", "x", f"float32[{batch}, 5]", "matmul", "kernel", "kernel (next)", "hidden"} <= words(picture)
    assert [b.title for b in picture.boxes if b.thick] == ["sum"]
    assert {b.title for b in picture.boxes if b.group == "hidden"} >= {"matmul"}
    assert sum(a.dashed for a in picture.arrows) == 1


def test_scalar_constants_stand_in_their_users_box(training_step: Graph) -> None:
    titles = [b.title for b in viz.plot(training_step).boxes]
    assert "multiply(·, 0.5)" in titles
    assert "constant" not in titles


def test_arguments_that_may_not_change_places_are_numbered(training_step: Graph) -> None:
    picture = viz.plot(training_step)
    [matmul] = [b.key for b in picture.boxes if b.title == "matmul"]
    assert [a.label for a in picture.arrows if a.target == matmul] == ["0", "1"]


def test_a_constant_that_is_an_output_and_an_unused_input_are_shown() -> None:
    x = graphc.placeholder((7,), name="unused")
    picture = viz.plot(Graph((x,), (constant(2.5),)))
    assert [b.title for b in picture.boxes] == ["unused", "constant"]


def test_an_update_to_a_scalar_constant_is_shown() -> None:
    counter = graphc.state(np.float32(1), name="counter")
    picture = viz.plot(Graph((), (), ((counter.node, constant(3.0)),)))
    assert {"counter (next)", "3"} <= words(picture)
    assert len(picture.arrows) == 1


def test_a_recurrence_shows_how_big_its_step_is_and_what_is_read() -> None:
    x = graphc.placeholder((4, 2), name="x")
    (last,), (each,) = graphc.scan(lambda x, h: (h, ops.tanh(x + h)), [x], [ops.zeros((2,))])
    assert {"body=1 nodes", "carry=0"} <= words(viz.plot(last))
    assert "value=tanh" in words(viz.plot(each))


def test_nodes_and_executables_are_drawn() -> None:
    x = graphc.placeholder((None, 2), name="x")
    y = ops.exp(x)
    f = graphc.function([x], y)
    assert "exp" in words(viz.plot(y)) & words(viz.plot([y, x])) & words(viz.plot(f))


def test_dot_text_quotes_what_it_must(training_step: Graph) -> None:
    text = viz.plot(training_step, title='a "b" \\ c', direction="LR").dot
    assert text.startswith('digraph "a \\"b\\" \\\\ c" {\n  rankdir=LR;')
    assert text.endswith("}\n")
    assert sum(" -> " in line for line in text.splitlines()) == len(viz.plot(training_step).arrows)
    assert viz.to_dot(training_step).startswith('digraph "graph"')
    assert "style=" in text and '"dashed"' in text


def test_both_directions_are_well_formed(training_step: Graph) -> None:
    down, right = (viz.plot(training_step, direction=d).svg for d in ("TB", "LR"))
    sizes = [[float(ElementTree.fromstring(text).get(k, "0")) for k in ("width", "height")] for text in (down, right)]
    assert sizes[0][1] > sizes[1][1]
    assert sizes[0][0] < sizes[1][0]


def test_save_goes_by_the_ending_and_leaves_nothing_behind(tmp_path: Path, training_step: Graph) -> None:
    picture = viz.plot(training_step)
    assert picture.save(tmp_path / "a.svg").read_text() == picture.svg
    assert picture.save(str(tmp_path / "a.dot")).read_text() == picture.dot
    assert stat.S_IMODE((tmp_path / "a.svg").stat().st_mode) & 0o600 == 0o600
    with pytest.raises(GraphcError, match=r"'a.bmp'.*\.svg, \.dot"):
        picture.save(tmp_path / "a.bmp")
    with pytest.raises(FileNotFoundError):
        picture.save(tmp_path / "missing" / "a.svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dot", "a.svg"]


def test_other_tools_get_every_box_and_arrow(tmp_path: Path, training_step: Graph) -> None:
    picture = viz.plot(training_step, title='a "b"')
    mermaid = picture.save(tmp_path / "a.mmd").read_text().splitlines()
    assert mermaid[1:4] == ['title: "a \\"b\\""', "---", "flowchart TB"]
    assert sum(" --> " in line or " -->|" in line for line in mermaid) == len(picture.arrows) - 1
    assert sum(" -.-> " in line for line in mermaid) == 1
    data = json.loads(picture.save(tmp_path / "a.json").read_text())
    assert [b["title"] for b in data["boxes"]] == [b.title for b in picture.boxes]
    assert data["arrows"][0]["source"] == picture.arrows[0].source
    graph = networkx.read_graphml(picture.save(tmp_path / "a.graphml"))
    assert {graph.nodes[b.key]["title"] for b in picture.boxes} == {b.title for b in picture.boxes}
    assert graph.number_of_edges() == len(picture.arrows)
    assert picture.save(tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert picture.svg in picture._repr_html_()


def test_png_is_drawn_without_a_program(tmp_path: Path, training_step: Graph) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = viz.plot(training_step)
    drawn = image.open(picture.save(tmp_path / "a.png"))
    width, height = (float(ElementTree.fromstring(picture.svg).get(side, "0")) for side in ("width", "height"))
    assert drawn.size == (2 * width, 2 * height)
    colours = {colour for _, colour in drawn.getcolors(maxcolors=1 << 20)}
    assert {(255, 255, 255), (0xCF, 0xE2, 0xF3), (0x55, 0x55, 0x55)} <= colours
    assert any(max(colour) < 40 for colour in colours)  # text


def test_a_failed_save_keeps_the_old_file(
    tmp_path: Path, training_step: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.svg"
    target.write_text("old")

    def fail(source: Any, destination: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        viz.plot(training_step).save(target)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(GraphcError, match="cannot draw a dict"):
        viz.plot({})
    with pytest.raises(GraphcError, match="cannot draw a list"):
        viz.plot([])


def test_a_plan_shows_launches_and_what_they_pass_on() -> None:
    i = symbolic.Symbol("i", 6)
    at = symbolic.symbol("i", 6)
    body = (For(i, 6, (Store("out", at, Call("add", (Load("a", at, "float32"), Const(1.0, "float32")), "float32")),)),)
    kernel = LoopKernel((Parameter("a", "float32"), Parameter("out", "float32", True)), (), body, "add one")
    buffers = (
        Buffer("x", "float32", 6, "input"),
        Buffer("t", "float32", 6, "temporary", slot=0),
        Buffer("s", "float32", 6, "state", source=SimpleNamespace(name="moving")),
        Buffer("y", "float32", 6, "output"),
    )
    launches = tuple(Launch(kernel, pair, 6, 48) for pair in (("x", "t"), ("t", "y"), ("s", "s")))
    picture = viz.plot(Plan((), buffers, (Argument("x", "pixels", (6,), "float32"),), (), 64, (), launches))
    assert {
        "0: add one",
        "1: add one",
        "2: add one",
        "moving",
        "moving (next)",
        "y",
        "work 6",
        "pixels",
        "loops",
    } <= words(picture)
    links = {(a.source, a.target, a.label) for a in picture.arrows}
    assert links == {
        ("b:x", "k0", ""), ("k0", "k1", "t"), ("k1", "r:y", ""), ("b:s", "k2", ""), ("k2", "r:s", ""),
    }  # fmt: skip


class FakeLayer:
    def __init__(self, name: str, *calls: tuple[list[Any], tuple[Any, ...]], weights: int = 0) -> None:
        self.name, self.weights, self.trainable = name, weights, weights != 12
        self._inbound_nodes = [
            SimpleNamespace(inbound_layers=layers, input_shapes=[(None, 7)], output_shapes=[shape])
            for layers, shape in calls
        ]

    def count_params(self) -> int:
        return self.weights


def fake_model(*layers: FakeLayer) -> Any:
    return SimpleNamespace(name="net", layers=list(layers), summary=print)


def test_a_model_shows_layers_shapes_and_weights() -> None:
    first = FakeLayer("first", ([], (None, 7)))
    shared = FakeLayer("shared", ([first], (None, 7)), ([first], (None, 3)), weights=1234)
    last = FakeLayer("last", ([shared, first], (None, 2)), weights=12)
    picture = viz.plot(fake_model(last, shared, first))
    assert [b.title for b in picture.boxes] == ["first", "shared", "last"]
    assert {"1,234 weights", "12 weights, frozen", "(None, 7) → (None, 7), (None, 3)"} <= words(picture)
    assert len(picture.arrows) == 3


def test_an_input_layer_that_the_model_does_not_list_is_shown() -> None:
    source = FakeLayer("source", ([], (None, 7)))
    picture = viz.plot(fake_model(FakeLayer("only", ([source], (None, 4)))))
    assert [b.title for b in picture.boxes] == ["source", "only"]


def test_a_layer_that_feeds_itself_has_an_arrow_around_its_side() -> None:
    loop = FakeLayer("loop", ([], (None, 7)))
    loop._inbound_nodes.append(SimpleNamespace(inbound_layers=[loop], input_shapes=[(1,)], output_shapes=[(1,)]))
    picture = viz.plot(fake_model(loop))
    assert len(picture.arrows) == 1
    assert len(list(ElementTree.fromstring(picture.svg).iter(f"{SVG}path"))) == 2  # the arrow and its head


def test_calls_outside_the_model_are_left_out() -> None:
    elsewhere, here = FakeLayer("elsewhere", ([], (1,))), FakeLayer("here", ([], (None, 7)))
    shared = FakeLayer("shared", ([elsewhere], (None, 5)), ([here], (None, 6)))
    model = fake_model(here, shared)
    model._network_nodes = {"here_ib-0", "shared_ib-1"}
    picture = viz.plot(model)
    assert [b.title for b in picture.boxes] == ["here", "shared"]
