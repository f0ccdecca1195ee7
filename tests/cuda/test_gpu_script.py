"""`benchmarks/gpu.py`, which runs where there is a GPU, on the emulated one with small programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import gpu
from graphc import device
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import emulated_device


@needs_compiler
def test_figures() -> None:
    with device(emulated_device()):
        text = gpu.figures(quick=True)
    assert "cuda:0" in text
    for row in ("| copy |", "| sum of columns |", "| MNIST CNN |", "| LSTM 8, 4 steps |"):
        assert row in text


def test_figures_go_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gpu: begin -->\nold\n<!-- gpu: end -->\nafter\n")
    gpu.insert("new", page)
    assert page.read_text() == "before\n<!-- gpu: begin -->\nnew\n<!-- gpu: end -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="has no marks"):
        gpu.insert("new", page)


def test_commands() -> None:
    [tests] = gpu.command("tests", [])
    assert tests[-2:] == ["--device", "cuda"]
    assert [words[6] for words in gpu.command("sanitizers", [])] == ["memcheck", "racecheck"]
    assert gpu.command("peers", ["jax=python"])[0][-2:] == ["--peer", "jax=python"]
