"""What a compilation made: as data, and as text, JSON or a table to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from graphc.loopir import ContractKernel, Plan, count_operations
from graphc.records import as_dict, record
from graphc.runtime.layouts import LayoutReport, describe_layouts


@record
class CodeReport:
    """How a program's code was had: from the cache or compiled, in milliseconds; the bytes of its object code."""

    cached: bool
    compile_ms: float
    load_ms: float
    code_bytes: int


class StageRecord(Protocol):
    """What an earlier stage of the compilation took."""

    @property
    def name(self) -> str:
        """The stage's name."""
        ...

    @property
    def milliseconds(self) -> float:
        """Its time."""
        ...


@record
class Stage:
    """A stage of a compilation and its time."""

    name: str
    milliseconds: float


@record
class KernelReport:
    """One launch: `operations` (floating-point) and `bytes` are text, dims over the run-time sizes."""

    position: int
    label: str
    kind: str
    barrier: bool
    work: str
    operations: str
    bytes: str
    origin: tuple[str, ...]
    unfused: tuple[str, ...]


@record
class ProgramReport:
    """A program.

    `arena` is the peak of temporary bytes. `layouts` are the decisions on the order of arrays in memory. `transposes`
    are how many there were as built, and after the passes.
    """

    name: str
    kernels: tuple[KernelReport, ...]
    distinct: int
    buffers: dict[str, int]
    arena: str
    operations: str
    layouts: tuple[LayoutReport, ...]
    transposes: tuple[int, int]
    code: CodeReport
    stages: tuple[Stage, ...]


def describe_program(
    name: str,
    plan: Plan,
    code: CodeReport,
    reports: Sequence[StageRecord],
    transposes: tuple[int, int] = (0, 0),
) -> ProgramReport:
    """Return the report of a program; `reports` are the records of the stages before its code."""
    kernels = []
    for position, launch in enumerate(plan.launches):
        kind = "contraction" if isinstance(launch.kernel, ContractKernel) else "loops"
        kind += ", kept from call to call" if position < plan.prepared else ""
        kernels.append(
            KernelReport(
                position, launch.kernel.label or kind, kind, launch.barrier, str(launch.work),
                str(count_operations(launch.kernel)), str(launch.bytes), tuple(map(str, launch.origin)), launch.unfused,
            )
        )  # fmt: skip
    total = sum((count_operations(launch.kernel) for launch in plan.launches), start=0)
    return ProgramReport(
        name, tuple(kernels), len({launch.kernel for launch in plan.launches}),
        dict(sorted(Counter(b.role for b in plan.buffers).items())), str(plan.arena), str(total),
        describe_layouts(plan), transposes, code,
        tuple(Stage(record.name, record.milliseconds) for record in reports),
    )  # fmt: skip


def report_text(report: ProgramReport) -> str:
    """Return the report in lines."""
    code = report.code
    lines = [
        f"{report.name}: {len(report.kernels)} launches of {report.distinct} kernels",
        "buffers: " + ", ".join(f"{count} {role}" for role, count in report.buffers.items()),
        f"arena: {report.arena} bytes",
        f"floating-point operations: {report.operations}",
        _layout_text(report),
        f"code: {code.code_bytes} bytes, "
        + ("from the cache" if code.cached else f"LLVM {code.compile_ms:.1f} ms")
        + f", loading {code.load_ms:.1f} ms",
        *(f"{stage.name}: {stage.milliseconds:.2f} ms" for stage in report.stages),
    ]
    for k in report.kernels:
        wait = "" if k.barrier else ", no barrier before"
        lines.append(f"[{k.position}] {k.label} ({k.kind}{wait})")
        lines.append(f"     work {k.work}, bytes {k.bytes}, operations {k.operations}")
        lines += [f"     {origin}" for origin in k.origin]
        lines += [f"     layout: {layout}" for layout in report.layouts if layout.launch == k.position]
        lines += [f"     not fused: {reason}" for reason in k.unfused]
    return "\n".join(lines)


def _layout_text(report: ProgramReport) -> str:
    """Return in a line what became of transposes, and what moving data costs."""
    built, left = report.transposes
    moved = [layout for layout in report.layouts if layout.bytes != "0"]
    own = sum(layout.array.startswith("transpose ") for layout in moved)
    parts = [f"{built} transposes as built, {left} after the passes: {own} moved in memory, {left - own} read in place"]
    for when, chosen in (("once", [m for m in moved if m.kept]), ("a call", [m for m in moved if not m.kept])):
        if chosen:
            parts.append(f"{len(chosen)} arrays moved {when} ({' + '.join(m.bytes for m in chosen)} bytes)")
    return "layouts: " + ", ".join(parts)


def report_json(report: ProgramReport) -> str:
    """Return the report as JSON."""
    return json.dumps(report, default=as_dict, indent=1)


def report_rich(report: ProgramReport) -> Any:
    """Return the report as a table of the package rich. Raises ImportError where it is not installed."""
    from rich.console import Group  # an optional package
    from rich.table import Table

    stages = Table("stage", "ms", title=f"{report.name}: compilation")
    for stage in [*report.stages, Stage("LLVM", report.code.compile_ms), Stage("loading", report.code.load_ms)]:
        stages.add_row(stage.name, f"{stage.milliseconds:.2f}")
    columns = ("#", "kernel", "operations", "bytes", "from", "layouts", "not fused")
    kernels = Table(*columns, title=f"arena {report.arena} bytes; {_layout_text(report)}")
    for k in report.kernels:
        layouts = [str(layout) for layout in report.layouts if layout.launch == k.position]
        texts = map("\n".join, (k.origin, layouts, k.unfused))
        kernels.add_row(str(k.position), k.label, k.operations, k.bytes, *texts)
    return Group(stages, kernels)


REPORT_FORMS: dict[str, Callable[[ProgramReport], Any]] = {
    "text": report_text,
    "rich": report_rich,
    "json": report_json,
}
