"""What a compilation made, as text to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from graphc.loopir import ContractKernel, Plan


@dataclass(frozen=True, slots=True)
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


def format_report(name: str, plan: Plan, code: CodeReport, reports: Sequence[StageRecord]) -> str:
    """Return the report of a program, in lines; `reports` are the records of the stages before its code."""
    roles = Counter(b.role for b in plan.buffers)
    distinct = len({launch.kernel for launch in plan.launches})
    lines = [
        f"{name}: {len(plan.launches)} launches of {distinct} kernels",
        "buffers: " + ", ".join(f"{count} {role}" for role, count in sorted(roles.items())),
        f"arena: {plan.arena} bytes",
        f"code: {code.code_bytes} bytes, "
        + ("from the cache" if code.cached else f"LLVM {code.compile_ms:.1f} ms")
        + f", loading {code.load_ms:.1f} ms",
        *(f"{record.name}: {record.milliseconds:.2f} ms" for record in reports),
    ]
    for position, launch in enumerate(plan.launches):
        kind = "contraction" if isinstance(launch.kernel, ContractKernel) else "loops"
        wait = "" if launch.barrier else ", no barrier before"
        lines.append(f"[{position}] {launch.kernel.label or kind} ({kind}{wait})")
        lines.append(f"     work {launch.work}, bytes {launch.bytes}")
        lines += [f"     {origin}" for origin in launch.origin]
    return "\n".join(lines)
