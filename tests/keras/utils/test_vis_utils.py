"""plot_model and model_to_dot: what is drawn, in which formats, and what is said without a converter."""

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from graphc.keras.layers import Activation, Add, Dense, Input
from graphc.keras.models import Model, Sequential
from graphc.keras.utils import plot_model
from graphc.keras.utils.vis_utils import model_to_dot


def branched(name: str | None = None) -> Any:
    a = Input((5,), name="given")
    left = Dense(4, activation="relu", name="left")(a)
    return Model(a, Add(name="sum")([left, Activation("tanh", name="right")(left)]), name=name)


def texts(svg: str | bytes) -> set[str]:
    root = ElementTree.fromstring(svg)
    return {"".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")}


def test_names_shapes_and_classes() -> None:
    plain = texts(model_to_dot(branched()).create())
    assert {"given", "left", "right", "sum", "InputLayer", "Dense · relu"} <= plain
    assert not any("None" in text for text in plain)
    with_shapes = texts(model_to_dot(branched(), show_shapes=True).create_svg())
    assert {"(None, 5)", "(None, 5) → (None, 4)", "24 weights"} <= with_shapes
    without_names = texts(model_to_dot(branched(), show_layer_names=False).create())
    assert {"Dense", "relu", "Activation"} <= without_names
    assert not {"left", "right", "sum"} & without_names


def test_wrapped_layers_are_named() -> None:
    class Twice(Dense):
        pass

    built = Sequential([Twice(3, input_shape=(2,), name="outer")])
    built.layers[0].layer = Dense(3, name="inner")
    assert {"outer(inner)", "Twice(Dense)"} <= texts(model_to_dot(built).create())


def test_direction() -> None:
    assert "rankdir=LR;" in model_to_dot(branched(), rankdir="LR").to_string()
    with pytest.raises(ValueError, match="`rankdir` should be TB or LR, got 'up'"):
        model_to_dot(branched(), rankdir="up")


def test_nested_models_are_expanded(tmp_path: Path) -> None:
    outer = Sequential([Dense(5, input_shape=(3,), name="first"), branched("middle"), Dense(2, name="last")])
    assert {"first", "middle", "last"} <= texts(model_to_dot(outer).create())
    opened = model_to_dot(outer, expand_nested=True)
    assert {"first", "middle/left", "middle/sum", "last"} <= texts(opened.create())
    joined = {(a.source, a.target) for a in opened.picture.arrows}
    keys = {b.title: b.key for b in opened.picture.boxes}
    assert (keys["first"], keys["middle/given"]) in joined and (keys["middle/sum"], keys["last"]) in joined


def test_files(tmp_path: Path) -> None:
    plot_model(branched(), tmp_path / "model.svg", show_shapes=True)
    assert "(None, 5)" in texts((tmp_path / "model.svg").read_text())
    plot_model(Sequential([Dense(3)]), str(tmp_path / "unbuilt.dot"))
    assert (tmp_path / "unbuilt.dot").read_text().startswith("digraph")
    dot = model_to_dot(branched())
    assert dot.write(tmp_path / "a", format="svg") and dot.write_svg(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == dot._repr_svg_().encode()


def test_png(tmp_path: Path) -> None:
    plot_model(branched(), str(tmp_path / "model.png"))
    plot_model(branched(), str(tmp_path / "model"))
    for name in ("model.png", "model"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_converters_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    monkeypatch.setattr("graphc.keras.utils.vis_utils.find_spec", lambda name: None)
    with pytest.raises(OSError, match=r"as png: install Graphviz.*need none of them: svg, dot"):
        plot_model(branched(), str(tmp_path / "model.png"))
    assert not (tmp_path / "model.png").exists()
    for name in ("inkscape", "rsvg-convert", "dot"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nread line\necho "{name} $@ $line"\n')
        program.chmod(0o755)
        drawn = model_to_dot(branched()).create_png().decode()
        assert drawn.startswith(f"{name} ") and "png" in drawn
        assert ("<svg" in drawn) == (name != "dot")
    assert model_to_dot(branched()).create("dot", "svg").startswith(b"dot -Tsvg digraph")
    program.write_text('#!/bin/sh\necho "no fonts" >&2\nexit 3\n')
    with pytest.raises(OSError, match=r"`dot -Tpng` failed \(3\): no fonts"):
        plot_model(branched(), str(tmp_path / "model.png"))
