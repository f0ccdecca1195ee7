"""Programs of middling cost find out whether all threads help: with a clock and two ways that the test makes up."""

from __future__ import annotations

import ctypes
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.codegen.llvm.builder import FunctionBuilder
from graphc.codegen.llvm.choice import emit_choice
from graphc.runtime import cpu, set_threads, threads
from tests.codegen.native import host_target

# Each way counts its calls and lets the clock go on by what the test says it takes; so does waking, the first time
# together after a call alone.
_MADE_UP = """
@now = global i64 0
@took = global [2 x i64] zeroinitializer
@calls = global [2 x i64] zeroinitializer
define i32 @clock_gettime(i32 %clock, ptr %time) {
 %now = load i64, ptr @now
 %rest = getelementptr i64, ptr %time, i64 1
 store i64 0, ptr %time
 store i64 %now, ptr %rest
 ret i32 0
}
define void @way(i64 %way) {
 %count = getelementptr i64, ptr @calls, i64 %way
 %before = load i64, ptr %count
 %after = add i64 %before, 1
 store i64 %after, ptr %count
 %time = getelementptr i64, ptr @took, i64 %way
 %nanoseconds = load i64, ptr %time
 %now = load i64, ptr @now
 %then = add i64 %now, %nanoseconds
 store i64 %then, ptr @now
 ret void
}
"""


@dataclass
class Caller:
    """A function that chooses, its clock, and what it chose."""

    chosen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        f = FunctionBuilder("run", [("i64", "cost")])
        emit_choice(f, "%cost", "call void @way(i64 0)", "call void @way(i64 1)")
        function = f.finish()
        outside = sorted(line for line in function.declarations if "clock_gettime" not in line)
        text = "\n".join([*outside, _MADE_UP, function.text, host_target().attributes])
        self._code = cpu().load(cpu().compile(text))
        self._run = ctypes.CFUNCTYPE(None, ctypes.c_int64)(self._code.address("run"))
        self._took = (ctypes.c_int64 * 2).from_address(self._code.address("took"))
        self._calls = (ctypes.c_int64 * 2).from_address(self._code.address("calls"))

    def call(self, times: int, alone: int, together: int, cost: int = 20_000_000) -> Counter[str]:
        """Call so many times; return how often each way was gone."""
        self._took[0], self._took[1] = alone, together
        before = list(self._calls)
        for _ in range(times):
            was = self._calls[0]
            self._run(cost)
            self.chosen.append("alone" if self._calls[0] > was else "together")
        return Counter(alone=self._calls[0] - before[0], together=self._calls[1] - before[1])


def test_threads_that_help_are_used() -> None:
    caller = Caller()
    caller.call(3, 20_000, 11_000)
    assert caller.chosen == ["alone"] * 3
    assert caller.call(1000, 20_000, 11_000) == {"together": 1000, "alone": 0}


def test_threads_that_do_not_help_are_tried_ever_more_rarely() -> None:
    caller = Caller()
    assert caller.call(1000, 20_000, 120_000)["together"] == 3 * 9
    # A call that wakes them and two that count, after each of the longest rests.
    caller.call(10_000, 20_000, 120_000)
    assert caller.call(3 * 4099, 20_000, 120_000) == {"together": 9, "alone": 3 * 4096}


def test_waking_them_is_not_held_against_them() -> None:
    caller = Caller()
    caller.call(3, 20_000, 0)
    caller.call(1, 20_000, 90_000)
    assert caller.call(100, 20_000, 11_000)["alone"] == 0


def test_a_slow_call_is_forgiven() -> None:
    caller = Caller()
    caller.call(500, 20_000, 11_000)
    for _ in range(3):
        caller.call(1, 20_000, 5_000_000)
        assert caller.call(10, 20_000, 11_000)["alone"] == 0


def test_a_slow_moment_costs_a_short_rest() -> None:
    caller = Caller()
    caller.call(500, 20_000, 11_000)
    caller.call(2, 20_000, 5_000_000)
    assert caller.call(100, 20_000, 11_000) == {"alone": 2, "together": 98}


def test_times_are_compared_a_unit_of_cost() -> None:
    """A larger batch takes longer, and threads help it all the same."""
    caller = Caller()
    caller.call(10, 20_000, 11_000)
    assert caller.call(100, 200_000, 110_000, cost=200_000_000)["alone"] == 0


@pytest.mark.parametrize("rows", [1, 3])
def test_results_do_not_depend_on_the_choice(rows: int) -> None:
    rng = np.random.default_rng(5)
    x = graphc.placeholder((None, 784), name="x")
    w = graphc.state(rng.normal(size=(784, 512)).astype(np.float32), name="w")
    f = graphc.function([x], ops.tanh(ops.matmul(x, w.node)))
    data = rng.normal(size=(rows, 784)).astype(np.float32)
    before = threads()
    try:
        set_threads(1)
        alone = f(data)
        set_threads(3)
        for _ in range(12):
            np.testing.assert_array_equal(f(data), alone)
    finally:
        set_threads(before)
