"""Profiles: where a compiled program spends its time, by kernel, by layer and by the user's line."""

from __future__ import annotations

import ctypes
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from graphc import symbolic
from graphc.loopir import PROFILE_FIELDS, ContractKernel, Launch, Origin, Plan
from graphc.records import record
from graphc.runtime.peak import Peak
from graphc.runtime.protocol import LoadedCode
from graphc.runtime.table import Column, table_text

_SHOWN = 20
_TIME = (Column("us", right=True), Column("% time", right=True))


@record
class KernelProfile:
    """One launch of a plan: what it did in one run of the program, on average; in a loop it may be many launches.

    `start` is when it last began, `runs` how often it did. `gflops` and `gbytes` are its speeds; `roofline` the part of
    the speed that its arithmetic and its data allow on this machine; above 1 where its data were nearer than their size
    tells.
    """

    position: int
    label: str
    kind: str
    nanoseconds: float
    start: int
    runs: int
    operations: float
    bytes: float
    roofline: float
    origin: tuple[Origin, ...]

    @property
    def gflops(self) -> float:
        """Floating-point operations a nanosecond."""
        return self.operations / self.nanoseconds if self.nanoseconds else 0.0

    @property
    def gbytes(self) -> float:
        """Bytes a nanosecond."""
        return self.bytes / self.nanoseconds if self.nanoseconds else 0.0


@record
class Profile:
    """The profile of a program over `runs` runs. Prints as text; `json()` and `by_layer()`, `by_line()` for tools."""

    name: str
    runs: int
    kernels: tuple[KernelProfile, ...]
    peak: Peak

    @property
    def nanoseconds(self) -> float:
        """The time of all kernels in one run."""
        return sum(k.nanoseconds for k in self.kernels)

    def by_layer(self) -> dict[str, float]:
        """Return the nanoseconds of a run spent for each layer, the longest first; '' for what is in none."""
        return self._attributed(lambda origin: origin.layer or "")

    def by_line(self) -> dict[str, float]:
        """Return the nanoseconds of a run spent for each of the user's lines (`file:line`), the longest first."""
        return self._attributed(lambda origin: origin.source or "")

    def _attributed(self, key: Callable[[Origin], str]) -> dict[str, float]:
        """Share each kernel's time among the nodes it computes, by their estimated work."""
        total: dict[str, float] = defaultdict(float)
        for k in self.kernels:
            for origin, part in zip(k.origin, shares(k.origin)):
                total[key(origin)] += k.nanoseconds * part
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def json(self) -> str:
        """Return all of it as JSON."""
        kernels = [
            {
                "position": k.position, "label": k.label, "kind": k.kind, "nanoseconds": k.nanoseconds, "runs": k.runs,
                "operations": k.operations, "bytes": k.bytes, "gflops": k.gflops, "gbytes": k.gbytes,
                "roofline": k.roofline, "origin": list(map(str, k.origin)),
            }
            for k in self.kernels
        ]  # fmt: skip
        peak = {"threads": self.peak.threads, "gflops": self.peak.gflops, "bandwidths": self.peak.bandwidths}
        layers, lines = self.by_layer(), self.by_line()
        whole = {
            "name": self.name,
            "runs": self.runs,
            "peak": peak,
            "kernels": kernels,
            "layers": layers,
            "lines": lines,
        }
        return json.dumps(whole, indent=1)

    def __str__(self) -> str:
        peak = f"{self.peak.gflops:.0f} GFLOP/s, {self.peak.bandwidths[-1][1]:.0f} GB/s from memory"
        lines = [
            f"{self.name}: {self.nanoseconds / 1e3:.1f} us in {len(self.kernels)} kernels, mean of {self.runs} runs",
            f"peak of {self.peak.threads} threads: {peak}",
            "",
            *self._kernel_lines(),
        ]
        for what, found in (("layer", self.by_layer()), ("line", self.by_line())):
            rows = [(name or "(none)", *self._part(nanoseconds)) for name, nanoseconds in found.items()]
            lines += ["", table_text((Column(what, 60), *_TIME), rows[:_SHOWN])]
        return "\n".join(lines)

    def _part(self, nanoseconds: float) -> tuple[str, str]:
        """Return a time in microseconds, and as a percentage of the whole."""
        return f"{nanoseconds / 1e3:.1f}", f"{100 * nanoseconds / (self.nanoseconds or 1.0):.1f}"

    def _kernel_lines(self) -> Iterator[str]:
        ordered = sorted(self.kernels, key=lambda k: -k.nanoseconds)
        speeds = (Column("GFLOP/s", right=True), Column("GB/s", right=True), Column("% roofline", right=True))
        columns = (Column("#", right=True), Column("kernel", 40), *_TIME, *speeds, Column("layer, line", 48))
        rows = [
            (
                f"{k.position}", k.label, *self._part(k.nanoseconds),
                f"{k.gflops:.1f}", f"{k.gbytes:.1f}", f"{100 * k.roofline:.0f}", _place(k.origin),
            )
            for k in ordered[:_SHOWN]
        ]  # fmt: skip
        yield table_text(columns, rows)
        if len(ordered) > _SHOWN:
            rest = sum(k.nanoseconds for k in ordered[_SHOWN:])
            yield f"... and {len(ordered) - _SHOWN} more kernels: {rest / 1e3:.1f} us"


def shares(origin: Sequence[Origin]) -> list[float]:
    """Return the part of a kernel's work that each of its nodes is, as an estimate: run-time sizes count as 32."""
    work = [float(symbolic.evaluate(o.work, dict.fromkeys(symbolic.symbols(o.work), 32))) for o in origin]
    total = sum(work)
    return [w / total for w in work] if total else [1 / len(origin)] * len(origin)


def _place(origin: Sequence[Origin]) -> str:
    """Return the layer and the line of the node that is most of a kernel's work."""
    if not origin:
        return ""
    largest = max(zip(shares(origin), origin), key=lambda pair: pair[0])[1]
    return ", ".join(filter(None, (largest.layer, (largest.source or "").rpartition("/")[2])))


def read_profile(name: str, plan: Plan, code: LoadedCode, peak: Peak) -> Profile:
    """Return what a program built with clocks has counted so far. KeyError where it has no clocks."""
    count = len(PROFILE_FIELDS)
    words = list((ctypes.c_int64 * (count * len(plan.launches))).from_address(code.address("graphc_profile")))
    rows = [dict(zip(PROFILE_FIELDS, words[start : start + count])) for start in range(0, len(words), count)]
    runs = _program_runs(plan, [row["runs"] for row in rows])
    kernels = []
    for position, (launch, row) in enumerate(zip(plan.launches, rows)):
        kind = "contraction" if isinstance(launch.kernel, ContractKernel) else "loops"
        mean, operations, moved = (row[field] / max(runs, 1) for field in ("nanoseconds", "operations", "bytes"))
        once = max(row["runs"], 1)
        least = peak.least_nanoseconds(row["operations"] / once, row["bytes"] / once) * once
        kernels.append(
            KernelProfile(
                position, launch.kernel.label or kind, kind, mean, row["start"], row["runs"], operations, moved,
                least / row["nanoseconds"] if row["nanoseconds"] else 0.0, launch.origin,
            )
        )  # fmt: skip
    return Profile(name, runs, tuple(kernels), peak)


def _program_runs(plan: Plan, launches: Sequence[int]) -> int:
    """Return how often a program ran whose launches ran so often: those outside loops once each time.

    What is kept from call to call ran less often. Where all launches are in loops, those are counted.
    """
    counts = dict(zip(plan.launches, launches))
    outside = [counts[step] for step in plan.steps if isinstance(step, Launch)]
    return max(outside or launches, default=0)


def clear_profile(plan: Plan, code: LoadedCode) -> None:
    """Set everything that a program with clocks has counted to 0."""
    size = 8 * len(PROFILE_FIELDS) * len(plan.launches)
    ctypes.memset(code.address("graphc_profile"), 0, size)
