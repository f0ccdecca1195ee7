"""The arena: what is used at one time lies apart, and little room is lost."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from graphc import symbolic
from graphc.loopir import Buffer
from graphc.schedule.memory import ALIGNMENT, plan_memory
from graphc.symbolic import Dim

BATCH, TIME = symbolic.symbol("batch"), symbolic.symbol("time")
UNITS: tuple[Dim, ...] = (1, BATCH, BATCH * TIME, BATCH * TIME + TIME)


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[Buffer], dict[str, tuple[int, int]]]:
    buffers, lifetimes = [], {}
    for number in range(draw(st.integers(0, 12))):
        size = draw(st.integers(0, 700)) * draw(st.sampled_from(UNITS))
        buffers.append(Buffer(f"t{number}", draw(st.sampled_from(["float32", "int8"])), size, "temporary"))
        first = draw(st.integers(0, 9))
        lifetimes[f"t{number}"] = first, first + draw(st.integers(0, 4))
    return buffers, lifetimes


@given(requests(), st.integers(0, 5), st.integers(0, 5))
def test_what_is_used_at_one_time_lies_apart(
    given: tuple[list[Buffer], dict[str, tuple[int, int]]], batch: int, time: int
) -> None:
    buffers, lifetimes = given
    offsets, arena = plan_memory(buffers, lifetimes)

    def value(dim: Dim) -> int:
        return symbolic.evaluate(dim, {next(iter(symbolic.symbols(s))): v for s, v in ((BATCH, batch), (TIME, time))})

    places = []
    for buffer in buffers:
        start = value(offsets[buffer.name])
        end = start + value(buffer.size) * {"float32": 4, "int8": 1}[buffer.dtype]
        assert start % ALIGNMENT == 0
        assert end <= value(arena)
        places.append((start, end, *lifetimes[buffer.name]))
    for number, (start, end, first, last) in enumerate(places):
        for other_start, other_end, other_first, other_last in places[:number]:
            is_apart_in_time = last < other_first or other_last < first
            assert is_apart_in_time or end <= other_start or other_end <= start


def test_small_buffers_share_the_place_of_a_large_one() -> None:
    sizes = {"large": 48 * BATCH, "one": 16 * BATCH, "two": 32 * BATCH, "fixed": 80}
    buffers = [Buffer(name, "float32", 16 * size, "temporary") for name, size in sizes.items()]
    lifetimes = {"large": (0, 1), "one": (2, 4), "two": (3, 4), "fixed": (0, 4)}
    offsets, arena = plan_memory(buffers, lifetimes)
    assert arena == 64 * 48 * BATCH + 64 * 80
    assert {offsets["one"] - offsets["large"], offsets["two"] - offsets["large"]} == {0, 64 * 32 * BATCH}
