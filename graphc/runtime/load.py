"""load_plan(), load_program(): a plan and its text to an Executable, through the cache of object code."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

from graphc import __version__
from graphc.loopir import DeviceProgram, Plan
from graphc.runtime import cache
from graphc.runtime.cpu import cpu
from graphc.runtime.cuda import CudaProgram, EpochRunner
from graphc.runtime.epoch import run_epoch
from graphc.runtime.executor import Executable, Instruments
from graphc.runtime.program import Program
from graphc.runtime.protocol import Accelerator, Compiler, Device, Kernels
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
    start = time.perf_counter()
    code, cached = _object_code(text, device)
    compiled = time.perf_counter()
    loaded = device.load(code)
    report = CodeReport(cached, (compiled - start) * 1e3, (time.perf_counter() - compiled) * 1e3, len(code))
    program = Program(plan, loaded, name, single)
    run = functools.partial(run_epoch, program)
    return Executable(program, run, text, device, graph, report, reports, single, checked, built, instruments)


def load_program(
    plan: Plan,
    program: DeviceProgram,
    device: Accelerator,
    graph: Any = None,
    reports: Sequence[StageRecord] = (),
    name: str = "function",
    single: bool = False,
    checked: Sequence[str] = (),
    built: Any = None,
) -> Executable:
    """Return the executable of a plan on an accelerator; the rest is as for `load_plan`.

    Raises CompileError where the text is not valid, DeviceError where there is too little memory.
    """
    start = time.perf_counter()
    code, cached = _object_code(program.text, device)
    compiled = time.perf_counter()
    kernels = device.load_kernels(code)
    report = CodeReport(cached, (compiled - start) * 1e3, (time.perf_counter() - compiled) * 1e3, len(code))

    @functools.cache
    def wide() -> Kernels:
        # Hardly ever needed: offsets of more than 32 bits cost registers and time.
        return device.load_kernels(_object_code(f"#define GC_INDEX long long\n{program.text}", device)[0])

    loaded = CudaProgram(plan, program, device, lambda is_wide: wide() if is_wide else kernels, name, single)
    run = EpochRunner(loaded)
    return Executable(loaded, run, program.text, device, graph, report, reports, single, checked, built)


def _object_code(text: str, device: Compiler) -> tuple[bytes, bool]:
    """Return a text's object code and whether the cache had it."""
    key = cache.entry_key(text, *device.fingerprint, __version__)
    code = cache.load_entry(key)
    if code is not None:
        return code, True
    code = device.compile(text)
    cache.store_entry(key, code)
    return code, False
