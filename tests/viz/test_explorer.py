"""The explorer's page in a real browser: no network, no console error, everything reachable by mouse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.graph import layer_scope
from graphc.keras.layers import Conv2D, Dense, Flatten
from graphc.keras.models import Sequential
from tests.viz.browser import Browser, find_browser

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium (apt-get install chromium)")
Tab = Browser


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    browser = Browser(PROGRAM, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small convolutional network that is compiled for training, run."""
    np.random.seed(3)
    model = Sequential(name="net")
    model.add(Conv2D(4, 3, activation="relu", input_shape=(9, 8, 2), name="filters"))
    model.add(Flatten(name="flat"))
    model.add(Dense(3, activation="softmax", name="classes"))
    model.compile("sgd", "categorical_crossentropy")
    return graphc.view(model, tmp_path_factory.mktemp("page") / "net.html", run=True)


@pytest.fixture
def page(tab: Browser, network: Path) -> Browser:
    tab.messages.clear()
    tab.requests.clear()
    tab.open(network)
    return tab


def test_the_page_asks_for_nothing_and_logs_nothing(page: Browser, network: Path) -> None:
    assert [url for url in page.requests if not url.startswith("data:")] == [network.resolve().as_uri()]
    assert page.messages == []
    assert page.run("document.title") == "net · graphc"


def test_a_layer_opens_by_mouse(page: Browser) -> None:
    assert page.run("explorer.rows.map((r) => r.name)") == ["filters", "flat", "classes"]
    page.click(".row[data-path=classes] .twist")
    names = page.run("[...document.querySelectorAll('.row .name')].map((e) => e.textContent)")
    assert "matmul" in names and "classes/kernel" in names
    assert "operations" in page.text("#details") and "test_explorer.py" in page.text("#details")
    page.click(".row[data-path=classes] .twist")
    assert page.run("explorer.rows.length") == 3
    assert page.messages == []


def test_from_a_layer_to_its_assembly(page: Browser) -> None:
    page.click(".row[data-path=classes] .name")
    page.click("#details [data-kernel]")
    page.wait_for("document.getElementById('code') !== null")
    assert "for i0 <" in page.text("#code") or "sum over" in page.text("#code")
    page.click("[data-tab=llvm]")
    page.wait_for("document.getElementById('code').textContent.startsWith('define void')")
    page.click("[data-tab=assembly]")
    page.wait_for("document.getElementById('code').textContent.includes('ret')")
    assert "kernel_" in page.text("#code")
    assert "model.add(" in page.text("#details .here")
    assert "% of the roofline" in page.text("#details")
    assert page.messages == []


def test_the_slider_steps_through_the_passes(page: Browser) -> None:
    steps = page.run("explorer.program.steps.map((s) => s.name)")
    assert steps[0] == "as built" and steps[-1] == "schedule" and "expand_composites" in steps
    for number in range(1, len(steps)):
        page.click("#step-forward")
        assert page.text("#step-name") == f"{number}: {steps[number]}"
    assert page.run("document.getElementById('step-forward').disabled")
    page.run(f"explorer.setStep({steps.index('expand_composites')})")
    assert "made" in page.text("#legend")
    page.click("#changes")
    softmax = page.run("explorer.step.removed.map((i) => explorer.program.node(i).title)")
    assert "softmax" in softmax
    assert page.messages == []


def test_a_rule_is_the_reason_of_what_it_did(tab: Browser, tmp_path: Path) -> None:
    x = graphc.placeholder((None, 5), name="x")
    with layer_scope("odd"):
        y = ops.exp(x * 1.0 + 0.0)
    tab.open(graphc.view(y, tmp_path / "rules.html"))
    reasons = tab.run(
        "explorer.program.steps.flatMap((s) => Object.values(s.reasons).map((t) => explorer.program.texts[t]))"
    )
    assert any("x * 1 -> x" in reason for reason in reasons)
    at = tab.run("explorer.program.steps.findIndex((s) => Object.keys(s.reasons).length > 0)")
    tab.run(f"explorer.setStep({at})")
    assert "rewritten by a rule" in tab.text("#details")


def test_a_click_into_the_picture_selects(page: Browser) -> None:
    place = page.run(
        "(() => { const p = explorer.picture, b = p.canvas.getBoundingClientRect();"
        "const i = explorer.arranged.items.find((item) => item.name === 'filters');"
        "return [b.x + p.x + i.x * p.scale, b.y + p.y + i.y * p.scale]; })()"
    )
    page.click_at(*place)
    assert page.run("explorer.selection.path") == "filters"
    assert page.text("#details h2") == "filters"


def test_kernels_timeline_memory_and_heat(page: Browser) -> None:
    page.click("#view-kernels")
    kernels = page.run("explorer.program.kernels.length")
    assert page.run("explorer.arranged.items.filter((i) => i.kind === 'op').length") == kernels
    page.click("[data-strip=timeline]")
    assert page.run("explorer.strip.boxes.length") == 2 * kernels
    page.click("[data-strip=memory]")
    temporaries = page.run("explorer.program.memory.buffers.filter((b) => b[1] === 'temporary').length")
    assert page.run("explorer.strip.boxes.length") == temporaries > 0
    page.click("[data-strip=report]")
    assert "launches of" in page.text("#report")
    page.click("#heat")
    assert page.run("explorer.heat") is True
    assert page.messages == []


def test_the_training_program_shows_what_runs_backwards(page: Browser) -> None:
    page.run("explorer.choose(1)")
    assert page.run("explorer.program.name") == "train"
    names = page.run("explorer.rows.map((r) => r.name)")
    assert {"classes", "∂ classes", "filters", "∂ filters", "SGD"} <= set(names)
    assert "∂ SGD" not in names


def test_find_goes_round_what_it_finds(page: Browser) -> None:
    for expected in ("1 of 2", "2 of 2", "1 of 2"):
        page.run("explorer.find('classes/')")
        assert page.text("#strip-note") == expected
    page.run("explorer.find('no such thing')")
    assert "nothing is called" in page.text("#strip-note")


def test_a_recurrence_shows_its_step_and_its_loop(tab: Browser, tmp_path: Path) -> None:
    x, u = graphc.placeholder((7, None, 4), name="x"), graphc.state(np.ones((4, 4), np.float32), "u")
    with layer_scope("memory"):
        (last,), _ = graphc.scan(lambda now, h: ([ops.tanh(now + h @ u.node)], []), [x], [ops.zeros_like(x[0])])
    tab.open(graphc.view(last, tmp_path / "recurrent.html"))
    names: Any = tab.run("explorer.program.scopes.map((s) => s[0])")
    assert "recurrence 1 of 7 steps" in names and "step" in names
    assert any(name.startswith("loop of 7 steps: kernels ") for name in names)
    assert tab.messages == []


def test_the_benchmark_tells_the_longest_task_of_every_action(network: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "explorer.py"
    command = [sys.executable, str(script), str(network), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    size, _, *rows = done.stdout.splitlines()
    assert size.startswith("net.html: ")
    told = {row[:28].rstrip(): tuple(map(float, row[28:].split())) for row in rows}
    assert {"load", "slider", "find", "code of a kernel"} <= told.keys()
    assert all(len(times) == 2 for times in told.values()) and min(told["load"]) > 0
