"""load_plan(), load_program(): to an Executable, through the cache of programs and of their object code."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

from graphc import __version__
from graphc.loopir import Interface, Procedure
from graphc.records import record
from graphc.runtime import cache
from graphc.runtime.cpu import cpu
from graphc.runtime.epoch import run_epoch
from graphc.runtime.executor import Executable, Instruments, Translation
from graphc.runtime.program import Program
from graphc.runtime.protocol import Accelerator, Compiler, Kernels
from graphc.runtime.recall import Identity, decode_program, encode_program
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
    found = _find(translate, identity, device)
    loaded = device.load(found.code)
    program = Program(found.interface, loaded, name, single)
    run = functools.partial(run_epoch, program)
    return Executable(program, run, translate, device, found.report(start), single, checked, built, instruments)


def load_program(
    translate: Callable[[], Translation],
    device: Accelerator,
    name: str = "function",
    single: bool = False,
    checked: Sequence[str] = (),
    identity: Identity | None = None,
    built: Any = None,
) -> Executable:
    """Return the executable of a program on an accelerator; the rest is as for `load_plan`.

    Raises CompileError where the text is not valid, DeviceError where there is too little memory.
    """
    from graphc.runtime.cuda import CudaProgram, EpochRunner  # needed for a GPU only

    start = time.perf_counter()
    found = _find(translate, identity, device)
    kernels = device.load_kernels(found.code)

    @functools.cache
    def compiled(is_wide: bool) -> Kernels:
        if not is_wide:
            return kernels
        # Hardly ever needed: offsets of more than 32 bits cost registers and time.
        text = f"#define GC_INDEX long long\n{translate().text}"
        return device.load_kernels(_object_code(text, _code_key(text, device), device)[0])

    assert found.procedure is not None
    program = CudaProgram(found.interface, found.procedure, device, compiled, name, single)
    run = EpochRunner(program)
    return Executable(program, run, translate, device, found.report(start), single, checked, built)


@record
class _Found:
    """A program as it is loaded: its interface, its code, what is started of it on an accelerator."""

    interface: Interface
    procedure: Procedure | None
    code: bytes
    cached: bool
    # Seconds of translating, and when all of it was there.
    translating: float
    there: float

    def report(self, start: float) -> CodeReport:
        """Tell what was there when all of it is loaded: now. `start` is when it was asked for."""
        compiling = self.there - start - self.translating
        loading = time.perf_counter() - self.there
        return CodeReport(self.cached, compiling * 1e3, loading * 1e3, len(self.code))


def _find(translate: Callable[[], Translation], identity: Identity | None, device: Compiler) -> _Found:
    """Return a program from the cache, or else made and put there."""
    found = None if identity is None else _recalled(identity, device, translate)
    if found is not None:
        return _Found(*found, cached=True, translating=0.0, there=time.perf_counter())
    start = time.perf_counter()
    translation = translate()
    translating = time.perf_counter() - start
    key = _code_key(translation.text, device)
    code, cached = _object_code(translation.text, key, device)
    if identity is not None:
        entry = encode_program(translation.plan, translation.procedure, key, identity)
        if entry is not None:
            cache.store_entry(_program_key(identity, device), entry)
    return _Found(translation.plan, translation.procedure, code, cached, translating, time.perf_counter())


def _recalled(
    identity: Identity, device: Compiler, translate: Callable[[], Translation]
) -> tuple[Interface, Procedure | None, bytes] | None:
    """Return what the cache knows of a program, and its object code; None where it lacks either."""
    entry = cache.load_entry(_program_key(identity, device))
    if entry is None:
        return None
    interface, procedure, key = decode_program(entry, identity, functools.partial(_LateOrigin, translate))
    code = cache.load_entry(key)
    return None if code is None else (interface, procedure, code)


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
