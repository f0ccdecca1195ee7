"""The benchmarks run: each case with tiny data, comparing before timing, the report. Nothing asserts a time."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    "mlp_step": ["step on arrays", "step within an epoch"],
    "call_dense": ["call"],
    "mlp_batch1": ["call"],
    "housing_fit": ["step within an epoch"],
    "sequence_fit": ["step within an epoch"],
    "lstm_stack": ["step on arrays"],
    "lstm_words": ["step on arrays"],
    "lstm_row": ["call"],
    "mnist_cnn_step": ["step on arrays"],
    "vgg_like_step": ["step on arrays"],
    "resnet50": ["batch 1", "batch 8"],
    "vgg16": ["batch 1", "batch 8"],
    "mobilenet": ["batch 1", "batch 8"],
    "inception_v3": ["batch 1", "batch 8"],
    "resnet50_step": ["step on arrays"],
    "layouts": ["MNIST CNN step", "ResNet50, batch 1", "ResNet50, batch 8"],
    "elementwise": ["10^4", "10^6", "10^7"],
    "import_time": ["import"],
    "first_result": ["no cache", "cached"],
    "first_call": ["predict, no cache", "predict, cached", "training step, no cache", "training step, cached"],
}


def run(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), *arguments]
    environment = {**os.environ, "GRAPHC_CACHE": str(cache)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module(name)


def record(**changes: Any) -> dict[str, Any]:
    """A saved case of two contenders, as `run.py --json` writes it."""
    made = {
        "name": "toy",
        "title": "a toy",
        "unit": "call",
        "figures": {"call": {"graphc native": [2e-6, 1e-6, 3e-6], "jax": [8e-6, 7e-6, 30e-6]}},
        "versions": {"graphc native": {"graphc": "1"}, "jax": {"jax": "2"}},
        "memory": {"graphc native": [40_000_000, 90_000_000], "jax": [200_000_000, 450_000_000]},
        "missing": {"torch": "torch cannot be imported by python"},
        "wrong": {},
        "load": [0.5, 0.75],
        "foreign": 0.25,
    }
    return {**made, **changes}


def test_the_cases_of_this_file_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = module("cases", monkeypatch).CASES
    assert {name: list(case.figures) for name, case in table.items()} == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_case_runs_and_prints_a_ratio(case: str, tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    done = run(case, "--quick", "--threads", "1", "--json", str(saved), cache=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [result] = json.loads(saved.read_text())["cases"]
    assert list(result["figures"]) == CASES[case]
    for timed in result["figures"].values():
        own = {name: seconds for name, seconds in timed.items() if name.startswith("graphc")}
        assert own and all(len(seconds) == 1 and seconds[0] > 0 for seconds in own.values()), done.stdout
    assert not any(name.startswith("graphc") for name in result["missing"]), result["missing"]
    assert all(0 < imported <= peak for imported, peak in result["memory"].values())
    lines = [line for line in done.stdout.splitlines() if "ratio " in line or "no peer to compare with" in line]
    assert len(lines) == len(CASES[case])
    if case in ("elementwise", "import_time"):
        assert all("best peer" in line and "numpy" in done.stdout for line in lines)


def test_memory_is_told_beside_that_of_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    text = module("report", monkeypatch).case_text(record())
    assert "Most memory (after its libraries were loaded): graphc native 90 MB (50), jax 450 MB (250)" in text


def test_a_peer_that_is_not_there_is_said(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    done = run("elementwise", "--quick", "--peer", f"jax={sys.executable}", "--json", str(saved), cache=tmp_path)
    [result] = json.loads(saved.read_text())["cases"]
    left = {**result["missing"], **{name: "timed" for name in result["figures"]["10^4"]}}
    assert left.keys() == {"graphc", "numpy", "numexpr", "jax", "torch", "torch compile", "pytensor"}
    for name, why in result["missing"].items():
        assert f"left out: {name}: {why}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no_such_case"], "no case is named no_such_case"),
        (["--peer", "jax"], "--peer takes NAME=PYTHON"),
        (["--peer", "fortran=python"], "--peer takes NAME=PYTHON"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], told: str, tmp_path: Path) -> None:
    done = run(*arguments, cache=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("check", "agrees"),
    [([1.0, -4.003], True), ([1.0, -4.005], False), ([1.0], False), ([float("nan"), -4.0], False), ([], False)],
)
def test_numbers_are_compared_before_timing(check: list[float], agrees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    difference = module("contest", monkeypatch).differs(check, [1.0, -4.0], 1e-3)
    assert (difference is None) == agrees


def test_a_table_has_medians_and_ratios_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    report = module("report", monkeypatch)
    rows = list(report.rows_of(record(), "call"))
    assert [(name, median, least) for name, median, least, *_ in rows] == [
        ("graphc native", 2e-6, 1e-6),
        ("jax", 8e-6, 7e-6),
    ]
    assert [ratio for *_, ratio in rows] == [1.0, 4.0]
    text = report.case_text(record(wrong={"numexpr": "differs by 1"}))
    assert "best peer jax: ratio 4.00 to graphc native" in text
    assert "left out: torch: torch cannot be imported by python" in text
    assert "WRONG: numexpr: differs by 1" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "3.21 s"), (0.0456, "45.6 ms"), (1.5e-4, "150 us"), (9.996e-6, "10.0 us"), (5.5e-8, "55.0 ns")],
)
def test_times_have_three_digits(seconds: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module("report", monkeypatch).scaled(seconds) == text


def test_the_report_replaces_what_a_page_has_between_its_markers(tmp_path: Path) -> None:
    saved, page = tmp_path / "results.json", tmp_path / "page.md"
    machine = {"processor": "Abacus", "extensions": ["beads"], "usable": 3, "system": "wood"}
    head = {"machine": machine, "threads": 2, "rounds": 3, "started": "today", "command": "python benchmarks/run.py"}
    saved.write_text(json.dumps({**head, "cases": [record()]}))
    page.write_text("before\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nafter\n")
    assert run("--report", str(saved), "--into", str(page), cache=tmp_path).returncode == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- benchmarks: begin -->\nAbacus (beads), 2 of 3 processors")
    assert text.endswith("<!-- benchmarks: end -->\nafter\n")
    assert "| jax | 8.00 us ± " in text and "| 4.00 |" in text
    assert "old" not in text
    printed = run("--report", str(saved), cache=tmp_path).stdout
    assert printed in text
    page.write_text("a page without markers\n")
    done = run("--report", str(saved), "--into", str(page), cache=tmp_path)
    assert done.returncode == 1 and "has no markers" in done.stderr


def test_the_summary_has_the_best_of_each_side(tmp_path: Path) -> None:
    quick = {"graphc native": [2e-6], "graphc function": [3e-6], "jax": [9e-6], "torch": [8e-6]}
    alone = record(title="alone", figures={"call": {"graphc": [1e-6]}})
    (tmp_path / "saved.json").write_text(json.dumps({"cases": [record(figures={"call": quick}), alone]}))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- benchmarks summary: begin -->\nold\n<!-- benchmarks summary: end -->\nafter\n")
    done = run("--report", str(tmp_path / "saved.json"), "--into", str(page), cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\n| a toy | 2.00 us | torch 8.00 us | 4.00 |\n<!-- benchmarks summary: end -->\nafter" in page.read_text()
    assert "old" not in page.read_text() and "alone" not in page.read_text()


def test_the_saved_command_does_not_tell_where_files_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["mlp_step", "--peer", "jax=/a/b/python", "--peer=torch=/x/y", "--json", "/z/results.json"]
    shown = module("run", monkeypatch).shown_command(given)
    assert shown == "python benchmarks/run.py mlp_step --peer jax=PYTHON --peer=torch=PYTHON --json results.json"


@pytest.mark.parametrize(("place", "jax", "visible"), [("cpu", "cpu", ""), ("cuda:1", "cuda", None)])
def test_peers_compute_where_graphc_does(
    place: str, jax: str, visible: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_DEVICE", place)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = module("contest", monkeypatch).environment(2)
    assert (found["JAX_PLATFORMS"], found.get("CUDA_VISIBLE_DEVICES")) == (jax, visible)
