"""Fixtures of all tests: golden pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graphc import set_device
from tests.errors import ErrorCollector

# Tests compile thousands of programs once: the user's cache is no place for them.
os.environ.setdefault("GRAPHC_CACHE", "0")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden pictures instead of comparing")
    parser.addoption("--device", default="", help="where every program runs: cpu, cuda, cuda:N or emulated")
    parser.addoption("--update-errors", action="store_true", help="collect messages of errors for docs/errors.md")


def pytest_configure(config: pytest.Config) -> None:
    """Let every program run on the device that was asked for, and collect errors where that was."""
    name = config.getoption("--device")
    if name == "emulated":
        # Only here: the emulator takes a compiler.
        from tests.cuda.stand_in import emulated_device

        set_device(emulated_device())
    elif name:
        set_device(name)
    if config.getoption("--update-errors"):
        config.pluginmanager.register(ErrorCollector())


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with `tests/golden/NAME`, or write it there under --update-golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.rstrip("\n") + "\n")
            return
        assert path.exists(), f"no golden picture {path}; run pytest --update-golden and look at it"
        assert text.rstrip("\n") + "\n" == path.read_text()

    return compare
