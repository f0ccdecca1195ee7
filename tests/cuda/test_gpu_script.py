"""`benchmarks/gpu.py`, which runs where there is a GPU, on the emulated one with small programs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.cases import CASES
from graphc import device
from graphc.errors import DeviceError
from graphc.runtime import Nvrtc
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import emulated_device


@needs_compiler
def test_figures() -> None:
    with device(emulated_device()):
        text = gpu.figures(quick=True)
    assert "cuda:0" in text
    for row in ("| copy |", "| sum of columns |", "| MNIST CNN |", "| LSTM 8, 4 steps |", "| 24 |"):
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
    [peers] = gpu.command("peers", ["jax=python"])
    assert peers[-2:] == ["--peer", "jax=python"]
    assert set(peers[2:-2]) <= set(CASES)


def test_what_is_sanitized_is_there() -> None:
    for path in gpu._SANITIZED:
        assert (gpu.ROOT / path.partition("::")[0]).exists()


def test_what_kernels_take(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        Nvrtc("sm_90")
    except DeviceError as error:
        pytest.skip(str(error))
    monkeypatch.syspath_prepend(str(gpu.ROOT / "benchmarks"))
    script = importlib.import_module("kernel_resources")
    name, model, *_ = next(gpu.networks(quick=True))
    rows = list(script.rows_of(name, script.training_plan(model)))
    assert [row.split(" | ")[1] for row in rows] == list(script.ARCHITECTURES)
    assert all(row.endswith("| 0 (0 bytes) |") for row in rows)
