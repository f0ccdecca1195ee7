"""How long the explorer's page holds the browser up: the longest task of each thing that one does with it.

    python benchmarks/explorer.py [MODEL | PAGE.html] [--rounds 3]

MODEL is a network of keras.applications (InceptionResNetV2 where none is named), whose page is written with times
measured on one image; a page that is there already is opened as it is. Needs Chromium.

Between two tasks a page draws and listens: one of 100 ms is hardly noticed. Both columns are milliseconds: `worked` is
processor time of the page's main thread, which other programs do not lengthen much; `passed` is the clock's. Each is
the least over the rounds of the longest task of a round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.viz.browser import Browser, Task, find_browser

_SIZE = (1440, 900)
_IMAGE = (299, 299, 3)
_SETTLE = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"


def page_of(name: str, folder: Path) -> Path:
    """Return the page of a model of this name, run on an image; a page that there is already, as it is."""
    if name.endswith(".html"):
        return Path(name)
    import graphc  # only where a page is made

    model = getattr(graphc.keras.applications, name)(weights=None, input_shape=_IMAGE)
    return graphc.view(model, folder / f"{name}.html", run=True, rows=1)


def actions(steps: int) -> dict[str, list[str]]:
    """Return what is done on a page of so many passes: scripts that do what a click does, in turn."""
    slider = [f"explorer.setStep({i})" for i in range(steps)]
    return {
        "choose a program": ["explorer.choose(0)", "explorer.choose(explorer.cache.size - 1)"],
        "open and close a layer": ["explorer.toggle(explorer.rows.at(-1).path)"] * 2,
        "select a layer": ["explorer.select(explorer.rows.at(-1))"],
        "slider": slider,
        "show changes": [f"({step}, explorer.openChanged())" for step in slider],
        "slider, everything open": slider,
        "find": [f"explorer.find('{text}')" for text in ("conv2d_7", "relu", "relu", "add", "no such thing")],
        "next transpose": ["explorer.nextMove()"] * 3,
        "close all": ["document.getElementById('close-all').click()"],
        "heat": ["document.getElementById('heat').click()"] * 2,
        "timeline": ["explorer.showStrip('timeline')"],
        "memory": ["explorer.showStrip('memory')"],
        "report": ["explorer.showStrip('report')"] * 2,
        "kernels": ["explorer.setView('kernels')"],
        "code of a kernel": [f"explorer.goTo({{kernel: {position}}})" for position in (5, 300)],
        "zoom and move": [f"explorer.picture.{move}" for move in ("fit()", "zoom(3, 400, 300)", "move(9, -90)")],
        "layers": ["explorer.setView('graph')"],
    }  # fmt: skip


def longest(browser: Browser, act: Callable[[], None]) -> Task:
    """Return the longest task of an action, by the clock and by the processor's time."""
    with browser.tasks() as tasks:
        act()
        browser.run(_SETTLE)
    return Task(max(task.passed for task in tasks), max(task.worked for task in tasks))


def look_through(browser: Browser, page: Path) -> dict[str, Task]:
    """Return the longest task of everything that is done on a page once."""

    def run(scripts: list[str]) -> None:
        for script in scripts:
            browser.run(f"void ({script})")
            browser.run(_SETTLE)

    found = {"load": longest(browser, lambda: browser.open(page))}
    for name, scripts in actions(browser.run("[...explorer.cache.values()].at(-1).steps.length")).items():
        found[name] = longest(browser, lambda scripts=scripts: run(scripts))  # type: ignore[misc]
    return found


def main() -> None:
    """Print the longest task of every action."""
    parser = argparse.ArgumentParser(description="How long the explorer's page holds the browser up.")
    parser.add_argument("model", nargs="?", default="InceptionResNetV2")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    program = find_browser()
    if program is None:
        sys.exit("no Chromium is installed (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        page = page_of(given.model, Path(folder))
        print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")
        browser = Browser(program, Path(folder) / "profile", _SIZE)
        rounds = [look_through(browser, page) for _ in range(given.rounds)]
        browser.close()
    print(f"{'longest task, ms':28}{'worked':>8}{'passed':>8}")
    for name in rounds[0]:
        worked, passed = (min(getattr(seen[name], kind) for seen in rounds) for kind in ("worked", "passed"))
        print(f"{name:28}{worked:8.0f}{passed:8.0f}")


if __name__ == "__main__":
    main()
