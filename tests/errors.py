"""Collects the messages of the errors that tests provoke, as examples for docs/errors.md (--update-errors)."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import graphc.errors
from graphc.graph.op import locate

ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = str(ROOT / "graphc") + "/"
_LONGEST = 700


def errors_page() -> ModuleType:
    """Return the script that writes docs/errors.md, as a module."""
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "docs" / "errors_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["errors_page"] = module
    spec.loader.exec_module(module)
    return module


def _initialises(frame: FrameType, error: Exception) -> bool:
    """Tell whether a frame is an initialiser of this error's own classes, and not of a layer that makes it."""
    return frame.f_code.co_name == "__init__" and frame.f_locals.get("self", error) is error


def _has_line(message: str) -> bool:
    """Tell whether a message ends with the line of somebody's script."""
    return re.search(r"\.py:\d+", message) is not None


class ErrorCollector:
    """Notes every error where it is made, and at the end writes the shortest message of each place.

    What a shape rule raises is raised again with the op, its inputs and the user's line: that is its message then.
    """

    def __init__(self) -> None:
        self.page = errors_page()
        self.sites = {site.key: site for site in self.page.sites()}
        self.found: dict[str, set[str]] = {}
        graphc.errors.GraphcError.__init__ = self._initialiser()  # type: ignore[method-assign]

    def _initialiser(self) -> Any:
        found, sites = self.found, self.sites

        def initialise(error: Any, *given: Any) -> None:
            super(graphc.errors.GraphcError, error).__init__(*given)
            error.site = None
            frame = sys._getframe(1)
            while frame is not None and _initialises(frame, error):
                frame = frame.f_back  # type: ignore[assignment]
            if frame is None or not frame.f_code.co_filename.startswith(_PACKAGE):
                return
            module = frame.f_code.co_filename.removeprefix(_PACKAGE).removesuffix(".py")
            key = f"{module}:{frame.f_code.co_qualname}:{type(error).__name__}"
            if frame.f_code is locate.__code__:
                key = frame.f_locals["error"].site
            if key in sites and given and isinstance(given[0], str):
                error.site = key
                found.setdefault(key, set()).add(given[0])

        return initialise

    def pytest_sessionfinish(self) -> None:
        """Write the examples, those of places that no test of this run came to as they were, and the page."""
        kept = {
            k: text for k, text in self.page.load_examples().items() if k in self.sites and self.sites[k].makes(text)
        }
        for key, messages in self.found.items():
            fitting = [text for text in map(self.page.tidy, messages) if self.sites[key].makes(text)]
            fitting = [text for text in fitting if len(text) < _LONGEST]
            if fitting and not _has_line(kept.get(key, "")):
                best = min(fitting, key=lambda text: (not _has_line(text), len(text), text))
                if key not in kept or _has_line(best):
                    kept[key] = best
        text = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
        self.page.EXAMPLES.write_text(text + "\n", encoding="utf-8")
        self.page.main()
