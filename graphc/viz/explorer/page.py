"""The page: assets and data in one file. Everything is in it, texts compressed; it loads nothing."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from graphc.viz.explorer.data import StoryData
from graphc.viz.explorer.story import Story

_ASSETS = Path(__file__).parent / "assets"
MOST_IN_A_PART = 4000
_SCRIPTS = ("data.js", "layout.js", "canvas.js", "details.js", "strips.js", "main.js")


def explorer_page(title: str, stories: Sequence[Story]) -> str:
    """Return the HTML document that shows the stories of a model's or a script's programs."""
    programs, chunks = [], []
    for story in stories:
        found = StoryData(story)
        programs.append([[key, _packed(part)] for key, part in parts_of(found.data())])
        chunks.append([_packed(texts) for texts in found.texts])
    payload = json.dumps({"title": title, "programs": programs, "chunks": chunks})
    scripts = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    page = (_ASSETS / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(title),
        "STYLE": (_ASSETS / "page.css").read_text(encoding="utf-8"),
        "PAYLOAD": payload.replace("</", "<\\/"),
        "SCRIPT": scripts,
    }
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page


def parts_of(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the data by key, long lists in parts of MOST_IN_A_PART: the page reads part by part, drawing in between."""
    for key, value in data.items():
        if not isinstance(value, list):
            yield key, value
            continue
        for start in range(0, max(len(value), 1), MOST_IN_A_PART):
            yield key, value[start : start + MOST_IN_A_PART]


def _packed(data: object) -> str:
    """Return data as compressed JSON, in base64."""
    return base64.b64encode(zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)).decode()
