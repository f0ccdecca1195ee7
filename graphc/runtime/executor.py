"""Executable: a compiled program in memory, and how Python runs it."""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np

from graphc.errors import ExecutionError
from graphc.loopir import Interface, Plan, Procedure
from graphc.records import record
from graphc.runtime.arguments import Array
from graphc.runtime.epoch import default_gathered
from graphc.runtime.peak import Peak
from graphc.runtime.profile import Profile, clear_profile, read_profile
from graphc.runtime.protocol import Compiler, LoadedCode
from graphc.runtime.report import REPORT_FORMS, CodeReport, StageRecord, describe_program

_LEAST_RUNS = 3


@record
class Translation:
    """What a program was compiled from: its plan, the text of its code; the graph after the passes, and what each
    stage took. `procedure` is what is started of the text on a device that is given one launch after another."""

    plan: Plan
    text: str
    graph: Any = None
    stages: Sequence[StageRecord] = ()
    procedure: Procedure | None = None


class LoadedProgram(Protocol):
    """A program ready to run, wherever it does; `code` is where its symbols are, if it has any."""

    @property
    def interface(self) -> Interface:
        """What it takes and gives."""
        ...

    @property
    def name(self) -> str:
        """What errors call it."""
        ...

    @property
    def code(self) -> LoadedCode:
        """Its code."""
        ...

    def make_native(self) -> Callable[..., Any]:
        """Return the function that a call runs."""
        ...


@record
class Instruments:
    """What looking into a running program takes.

    `build` gives the same program with clocks in it, `peak` the machine's peak, `blame` what of the program's graph
    is not finite first for arguments, as text; empty where NumPy finds all of it finite.
    """

    build: Callable[[], Executable]
    peak: Callable[[], Peak]
    blame: Callable[[Sequence[Any]], str]


class Executable:
    """A compiled program: call it with arrays in the order of its inputs.

    `single`: a call returns its one result bare, not in a list. `graph` and `plan` are what it was compiled from; where
    the cache knew the program, `translate` makes them when they are asked for. `native` is the builtin function that a
    call runs: it takes the same arguments and costs less. `checked` names what the program's last results tell, scalars
    that a call does not return: where one is 0 it raises. Several threads may call one executable at once. Raises
    ExecutionError, DTypeError or ShapeError for arguments that do not fit, and ExecutionError where a check fails.
    `built` is the graph before the passes.
    """

    def __init__(
        self,
        program: LoadedProgram,
        run_epoch: Callable[..., int],
        translate: Callable[[], Translation],
        device: Compiler,
        code: CodeReport,
        single: bool,
        checked: Sequence[str],
        built: Any = None,
        instruments: Instruments | None = None,
    ) -> None:
        self.interface: Interface = program.interface
        self.built = built
        self.name = program.name
        self.single = single
        self.checked = tuple(checked)
        self.code = code
        self.native: Callable[..., Any] = program.make_native()
        self._program, self._run_epoch = program, run_epoch
        self._translate, self._device = translate, device
        self._instruments = instruments
        self._stop = ctypes.c_int32(0)

    @property
    def plan(self) -> Plan:
        """The program as launches of kernels."""
        return self._translate().plan

    @property
    def graph(self) -> Any:
        """The graph after the passes."""
        return self._translate().graph

    @property
    def reports(self) -> tuple[StageRecord, ...]:
        """What each stage before the object code took."""
        return tuple(self._translate().stages)

    def __call__(self, *arrays: Any) -> Any:
        """Run the program; returns a list of new arrays, or one array where `single`."""
        results = self.native(*arrays)
        return self._check(results, arrays) if self.checked else results

    def _check(self, results: list[Array], arrays: Sequence[Any]) -> Any:
        kept = results[: -len(self.checked)]
        self._raise_unless([bool(flag) for flag in results[len(kept) :]], arrays)
        return kept[0] if self.single else kept

    def _raise_unless(self, passed: Sequence[bool], arrays: Sequence[Any]) -> None:
        """Raise where a check failed. It kept the states as they were, so that the first fault can still be found."""
        failed = [what for what, ok in zip(self.checked, passed) if not ok]
        if failed:
            first = "" if self._instruments is None else self._instruments.blame(arrays)
            raise ExecutionError(f"{self.name}: not finite: {'; '.join(failed)}{first and f'. The first is {first}'}")

    def epoch(
        self,
        arrays: Sequence[Any],
        indices: Array,
        batch_size: int,
        first_step: int,
        last_step: int,
        totals: Array,
        seconds: float,
        gathered: Sequence[bool] | None = None,
    ) -> int:
        """Run steps [first_step, last_step) of an epoch without Python between them; return how many were done.

        Step s takes rows `indices[s * batch_size : (s + 1) * batch_size]` (int64) of every gathered array, the last
        step what is left; other arrays are passed as they are. `gathered` tells which are; by default those whose
        first axis has a run-time size. Every result, a float scalar, is added, times the number of rows, to its
        element of `totals` (float64, changed in place). At least one step runs; it stops early after `seconds` or
        when another thread calls `interrupt`. The values are bit for bit those of calling step by step.

        Raises ExecutionError where a result is no float scalar, or steps and indices do not fit; ShapeError and
        DTypeError for arrays, as a call does.
        """
        self._stop.value = 0
        steps = first_step, last_step
        if not self.checked:
            return self._run_epoch(arrays, indices, batch_size, steps, totals, seconds, gathered, self._stop)
        # Each check is 1 a row where it passed.
        sums = np.zeros(len(self.interface.results))
        done = self._run_epoch(arrays, indices, batch_size, steps, sums, seconds, gathered, self._stop)
        rows = min(len(indices), (first_step + done) * batch_size) - first_step * batch_size
        kept = len(sums) - len(self.checked)
        passed = list(sums[kept:] == rows)
        if not all(passed):
            # A check that fails ends the epoch: what failed is the last step.
            last = indices[(first_step + done - 1) * batch_size :][:batch_size]
            chosen = default_gathered(self.interface) if gathered is None else gathered
            self._raise_unless(passed, [np.asarray(a)[last] if g else a for a, g in zip(arrays, chosen)])
        totals += sums[:kept]
        return done

    def interrupt(self) -> None:
        """Make a running `epoch` return after its present step. For other threads."""
        self._stop.value = 1

    @property
    def language(self) -> str:
        """What the program's text is written in: `llvm`, on a GPU `cuda`."""
        return self._device.language

    def source(self, kind: Literal["llvm", "cuda", "asm"] | None = None) -> str:
        """Return the program's text (`llvm`, on a GPU `cuda`), or the assembly it became (`asm`).

        Raises ExecutionError for another kind.
        """
        if kind is None or kind == self.language:
            return self._translate().text
        if kind == "asm":
            return self._device.assembly(self._translate().text)
        raise ExecutionError(f"an executable has the sources {self.language!r} and 'asm'; got {kind!r}")

    def report(self, form: Literal["text", "rich", "json"] = "text") -> Any:
        """Return what was compiled: kernels, why they are not fused, layouts, memory, time of each stage.

        `form` text and json give a str, rich a table that the package rich prints. Raises ExecutionError for others.
        """
        if form not in REPORT_FORMS:
            raise ExecutionError(f"a report has the forms {', '.join(REPORT_FORMS)}; got {form!r}")
        transposes = _transposes(self.built), _transposes(self.graph)
        return REPORT_FORMS[form](describe_program(self.name, self.plan, self.code, self.reports, transposes))

    def profile(self, *arrays: Any, seconds: float = 1.0) -> Profile:
        """Run on these arrays for about so many seconds and return where the time goes.

        What runs is the same program built once more, with clocks between its kernels: this one stays as fast as it
        is. States are put back to their values from before. Raises ExecutionError where there is no such build, and
        as a call does.
        """
        clocked = self._clocked
        states = [b.source for b in self.plan.buffers if b.role == "state"] if self.plan.has_updates else []
        before = [state.get_value() for state in states]
        try:
            clocked(*arrays)
            clear_profile(clocked.plan, clocked._program.code)
            start, runs = time.perf_counter(), 0
            while runs < _LEAST_RUNS or time.perf_counter() - start < seconds:
                clocked(*arrays)
                runs += 1
        finally:
            for state, value in zip(states, before):
                state.set_value(value)
        return clocked.counted()

    def counted(self) -> Profile:
        """Return what a program built under GRAPHC_PROFILE has counted so far. Raises ExecutionError for others."""
        if self._instruments is None or not self._has_clocks:
            raise ExecutionError(f"{self.name} was built without clocks: set GRAPHC_PROFILE=1 before it is compiled")
        return read_profile(self.name, self.plan, self._program.code, self._instruments.peak())

    @property
    def _has_clocks(self) -> bool:
        try:
            return bool(self._program.code.address("graphc_profile"))
        except KeyError:
            return False

    @functools.cached_property
    def _clocked(self) -> Executable:
        if self._has_clocks:
            return self
        if self._instruments is None:
            raise ExecutionError(f"{self.name} cannot be profiled: only what is compiled for the CPU has clocks")
        return self._instruments.build()

    def __repr__(self) -> str:
        arguments = ", ".join(argument.name for argument in self.interface.arguments)
        return f"<Executable {self.name}({arguments}): {len(self.interface.results)} results>"


def _transposes(graph: Any) -> int:
    """Return how many transposes a graph has; none where there is no graph."""
    return 0 if graph is None else sum(n.op.name == "transpose" for n in graph.nodes)
