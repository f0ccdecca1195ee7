"""load_plan(), load_program(): to an Executable, through the cache of programs and of their object code."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

from graphc import __version__
from graphc.loopir import DeviceProgram, Interface
from graphc.runtime import cache
from graphc.runtime.cpu import cpu
from graphc.runtime.cuda import CudaProgram, EpochRunner
from graphc.runtime.epoch import run_epoch
from graphc.runtime.executor import Executable, Instruments, Translation
from graphc.runtime.program import Program
from graphc.runtime.protocol import Accelerator, Compiler, Device, Kernels
from graphc.runtime.recall import Identity, decode_interface, encode_interface
from graphc.runtime.report import CodeReport


def load_plan(
    translate: Callable[[], Translation],
    name: str = "function",
    single: bool = False,
    checked: Sequence[str] = (),
    identity: Identity | None = None,
    built: Any = None,
    instruments: Instruments | None = None,
) -> Executable:
    """Return the executable of the program that `translate` makes; it is asked only for what the cache does not know.

    The cache knows a program by its `identity`; without one it knows object code only. `name` is used in errors;
    `single` returns one result bare; `checked` says what the program's last results, float32 scalars, check. Raises
    CompileError where the text is not valid. `built` and `instruments` are what `Executable` tells of them.
    """
    device = cpu()
    start = time.perf_counter()
    found = None if identity is None else _recalled(identity, device, translate)
    if found is None:
        translation = translate()
        start = time.perf_counter()
        interface: Interface = translation.plan
        key = _code_key(translation.text, device)
        code, cached = _object_code(translation.text, key, device)
        entry = None if identity is None else encode_interface(interface, key, identity)
        if identity is not None and entry is not None:
            cache.store_entry(_program_key(identity, device), entry)
    else:
        (interface, code), cached = found, True
    compiled = time.perf_counter()
    loaded = device.load(code)
    report = CodeReport(cached, (compiled - start) * 1e3, (time.perf_counter() - compiled) * 1e3, len(code))
    program = Program(interface, loaded, name, single)
    run = functools.partial(run_epoch, program)
    return Executable(program, run, translate, device, report, single, checked, built, instruments)


def load_program(
    translation: Translation,
    program: DeviceProgram,
    device: Accelerator,
    name: str = "function",
    single: bool = False,
    checked: Sequence[str] = (),
    built: Any = None,
) -> Executable:
    """Return the executable of a plan on an accelerator; the rest is as for `load_plan`.

    Raises CompileError where the text is not valid, DeviceError where there is too little memory.
    """
    start = time.perf_counter()
    text = program.text
    code, cached = _object_code(text, _code_key(text, device), device)
    compiled = time.perf_counter()
    kernels = device.load_kernels(code)
    report = CodeReport(cached, (compiled - start) * 1e3, (time.perf_counter() - compiled) * 1e3, len(code))

    @functools.cache
    def wide() -> Kernels:
        # Hardly ever needed: offsets of more than 32 bits cost registers and time.
        text = f"#define GC_INDEX long long\n{program.text}"
        return device.load_kernels(_object_code(text, _code_key(text, device), device)[0])

    loaded = CudaProgram(
        translation.plan, program, device, lambda is_wide: wide() if is_wide else kernels, name, single
    )
    run = EpochRunner(loaded)
    return Executable(loaded, run, lambda: translation, device, report, single, checked, built)


def _recalled(
    identity: Identity, device: Device, translate: Callable[[], Translation]
) -> tuple[Interface, bytes] | None:
    """Return what the cache knows of a program, and its object code; None where it lacks either."""
    entry = cache.load_entry(_program_key(identity, device))
    if entry is None:
        return None
    interface, key = decode_interface(entry, identity, functools.partial(_LateOrigin, translate))
    code = cache.load_entry(key)
    return None if code is None else (interface, code)


class _LateOrigin:
    """What a requirement of a recalled program tells of itself: hardly ever asked, so made when it is."""

    def __init__(self, translate: Callable[[], Translation], position: int) -> None:
        self._translate, self._position = translate, position

    def __str__(self) -> str:
        return str(self._translate().plan.requirements[self._position].origin)


def _program_key(identity: Identity, device: Compiler) -> str:
    return cache.entry_key("program", identity.key, *device.fingerprint, __version__)


def _code_key(text: str, device: Compiler) -> str:
    return cache.entry_key(text, *device.fingerprint, __version__)


def _object_code(text: str, key: str, device: Compiler) -> tuple[bytes, bool]:
    """Return a text's object code and whether the cache had it under the key."""
    code = cache.load_entry(key)
    if code is not None:
        return code, True
    code = device.compile(text)
    cache.store_entry(key, code)
    return code, False
