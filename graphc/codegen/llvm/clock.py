"""Clocks around launches, in programs that are built to be profiled.

    @graphc_profile = [launches x [5 x i64]]

A row a launch: nanoseconds and runs so far, when the last run started, floating-point operations and bytes so far.
Before and after a launch all threads wait for each other, and the first one reads the clock. Where threads run launches
apart none waits: the first one's share stands for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.loopir import PROFILE_FIELDS, Plan

_CLOCK_MONOTONIC = 1


def emit_profile_variable(plan: Plan) -> str:
    """Return the variable that a profiled plan counts in."""
    return f"@graphc_profile = global [{len(plan.launches) * len(PROFILE_FIELDS)} x i64] zeroinitializer, align 64\n"


def read_clock(f: FunctionBuilder, memory: str) -> Operand:
    """Return the nanoseconds of the monotonic clock; `memory` is room for two i64."""
    f.call("i32", "clock_gettime", [("i32", _CLOCK_MONOTONIC), ("ptr", memory)])
    seconds = f.value(f"load i64, ptr {memory}")
    return f.add(f.multiply(seconds, 1_000_000_000), f.value(f"load i64, ptr {f.gep(memory, 1, 'i64')}"))


class Stopwatch:
    """Times the launches that a function runs; `first` is the i1 of the thread that reads the clock (None: it)."""

    def __init__(self, f: FunctionBuilder, first: str | None) -> None:
        self._f, self._first = f, first
        self._memory = f.value("alloca [2 x i64], align 16")
        self._start = f.value("alloca i64, align 8")

    @contextmanager
    def around(self, position: int, operations: Operand, moved: Operand, waits: bool = True) -> Iterator[None]:
        """Time what is emitted inside as the run of the plan's launch at this position, of so much work.

        `waits`: all threads come to it, and wait for each other.
        """
        f = self._f
        with self._alone(waits):
            f.emit(f"store i64 {read_clock(f, self._memory)}, ptr {self._start}")
        yield
        with self._alone(waits):
            start = f.value(f"load i64, ptr {self._start}")
            taken = f.subtract(read_clock(f, self._memory), start)
            added = {
                "nanoseconds": taken,
                "runs": 1,
                "operations": operations,
                "bytes": moved,
            }
            for place, name in enumerate(PROFILE_FIELDS, position * len(PROFILE_FIELDS)):
                address = f.gep("@graphc_profile", place, "i64")
                value = start if name == "start" else f.add(f.value(f"load i64, ptr {address}"), added[name])
                f.emit(f"store i64 {value}, ptr {address}")

    @contextmanager
    def _alone(self, waits: bool) -> Iterator[None]:
        """Emit what is inside for the first thread; `waits`: when all have come."""
        if self._first is None:
            yield
            return
        if waits:
            self._f.call("void", "GOMP_barrier", [])
        with self._f.when(self._first):
            yield
