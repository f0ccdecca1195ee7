"""load_plan(): a plan and its text to an Executable, through the cache of object code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from graphc import __version__
from graphc.loopir import Plan
from graphc.runtime import cache
from graphc.runtime.cpu import cpu
from graphc.runtime.device import Device
from graphc.runtime.executor import Executable
from graphc.runtime.profile import Instruments
from graphc.runtime.program import Program
from graphc.runtime.report import CodeReport, StageRecord


def load_plan(
    plan: Plan,
    text: str,
    graph: Any = None,
    reports: Sequence[StageRecord] = (),
    name: str = "function",
    single: bool = False,
    checked: Sequence[str] = (),
    device: Device | None = None,
    built: Any = None,
    instruments: Instruments | None = None,
) -> Executable:
    """Return the executable of a plan whose module is `text`.

    `graph` and `reports` (records of earlier stages) are kept for inspection; `name` is used in errors; `single`
    returns one result bare; `checked` says what the plan's last results, float32 scalars, check. Raises CompileError
    where the text is not valid. `built` and `instruments` are what `Executable` tells of them.
    """
    device = cpu() if device is None else device
    key = cache.entry_key(text, *device.fingerprint, __version__)
    start = time.perf_counter()
    code = cache.load_entry(key)
    cached = code is not None
    if code is None:
        code = device.compile(text)
        cache.store_entry(key, code)
    compiled = time.perf_counter()
    loaded = device.load(code)
    report = CodeReport(cached, (compiled - start) * 1e3, (time.perf_counter() - compiled) * 1e3, len(code))
    program = Program(plan, loaded, name, single)
    return Executable(program, text, device, graph, report, reports, single, checked, built, instruments)
