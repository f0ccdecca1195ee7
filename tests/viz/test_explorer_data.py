"""The page's data: in parts that are small, so that none holds the browser up; loops of kernels by what they are."""

from __future__ import annotations

from typing import Any

import pytest

import graphc
from graphc.graph import Graph
from graphc.loopir import Loop
from graphc.records import replace
from graphc.symbolic import Symbol
from graphc.viz import RewriteStep, Story
from graphc.viz.explorer.data import StoryData
from graphc.viz.explorer.page import MOST_IN_A_PART, parts_of
from tests.loopir.programs import BATCH, batch, relu_plan


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


@pytest.mark.parametrize(
    ("apart", "name"),
    [(False, "loop of 7*N steps: kernels 0 to 0"), (True, "7*N strips, each on one thread: kernels 0 to 0")],
)
def test_loops_are_named_by_what_they_are(apart: bool, name: str) -> None:
    plan = relu_plan()
    launch = replace(plan.launches[0], origin=())
    looped = replace(plan, steps=(Loop(Symbol("t"), batch * 7, (launch,), apart=apart),))
    x = graphc.placeholder((5,), name="x")
    steps = (RewriteStep("as built", "", Graph((x,), (x * 2.0,))),)
    story = Story("net", steps, looped, ((),), {}, "", {BATCH: 3}, layouts=(("a: in steps of 5 elements",),))
    data = StoryData(story).data()
    assert name in [scope[0] for scope in data["scopes"]]
    assert data["kernels"][0]["layouts"] == ["a: in steps of 5 elements"]
