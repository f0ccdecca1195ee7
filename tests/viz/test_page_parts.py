"""The page reads its data in parts that are small, so that none holds the browser up; together they are the whole."""

from __future__ import annotations

from typing import Any

from graphc.viz.explorer.page import MOST_IN_A_PART, parts_of


def test_no_part_is_long_and_together_they_are_the_data() -> None:
    data: dict[str, Any] = {
        "name": "net",
        "nodes": list(range(2 * MOST_IN_A_PART + 3)),
        "texts": [],
        "memory": {"arena": 5, "buffers": [1, 2]},
        "kernels": ["a", "b"],
    }
    joined: dict[str, Any] = {}
    lengths = []
    for key, part in parts_of(data):
        joined[key] = joined[key] + part if key in joined else part
        lengths.append(len(part) if isinstance(part, list) else 0)
    assert joined == data
    assert max(lengths) == MOST_IN_A_PART and lengths.count(MOST_IN_A_PART) == 2
