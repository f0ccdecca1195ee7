"""The CPU: text -> object code (LLVM) -> memory."""

from __future__ import annotations

import functools
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llvmlite

from graphc import config
from graphc.errors import CompileError
from graphc.records import record
from graphc.runtime import cache, symbols
from graphc.runtime.elf import ElfImage
from graphc.runtime.protocol import LoadedCode

# Instruction selection and register allocation at LLVM's usual level; no passes over the IR come before it.
_CODE_LEVEL = 2


@record
class Host:
    """The processor this process runs on and what compiles for it: LLVM's names; cache sizes in bytes."""

    name: str
    features: str
    llvm: str
    l1: int
    l2: int


class _EngineCode:
    """Object code that LLVM's engine holds, until `release`."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def release(self) -> None:
        """Free the engine and its code."""
        self._engine.close()

    def address(self, name: str) -> int:
        """Return the address of a function or global variable of the module. KeyError where there is none."""
        address = int(self._engine.get_global_value_address(name))
        if address == 0:
            raise KeyError(name)
        return address


class CpuDevice:
    """Compiles for and runs on this process's processor."""

    name, language = "cpu", "llvm"

    def __init__(self) -> None:
        # LLVM's contexts are not made for several threads at once.
        self._lock = threading.Lock()

    @functools.cached_property
    def _binding(self) -> Any:
        import llvmlite.binding as llvm  # 30 ms that a process which compiles nothing need not spend

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        return llvm

    @functools.cached_property
    def host(self) -> Host:
        """The processor, as LLVM sees it; remembered in the cache, because asking takes loading LLVM."""
        key = cache.entry_key("host", llvmlite.__version__, platform.machine(), _processor_text())
        known = cache.load_entry(key)
        if known is None:
            llvm = self._binding
            version = ".".join(map(str, llvm.llvm_version_info))
            facts = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), version)
            known = "\n".join(facts).encode()
            cache.store_entry(key, known)
        name, features, version = known.decode().split("\n")
        return Host(name, features, version, _cache_bytes(1, 32 << 10), _cache_bytes(2, 512 << 10))

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Compiler, version and processor: what besides the text determines object code."""
        host = self.host
        compiler = f"llvmlite {llvmlite.__version__}, LLVM {host.llvm}, level {_CODE_LEVEL}"
        return (compiler, platform.machine(), host.name, host.features)

    @functools.cached_property
    def _machine(self) -> Any:
        target = self._binding.Target.from_default_triple()
        return target.create_target_machine(
            cpu=self.host.name, features=self.host.features, opt=_CODE_LEVEL, reloc="pic", codemodel="small"
        )

    def _parse(self, text: str) -> Any:
        try:
            module = self._binding.parse_assembly(text)
            if config.get("GRAPHC_VERIFY"):
                module.verify()
        except RuntimeError as error:
            raise CompileError(f"LLVM rejects the generated text: {error}") from None
        return module

    @contextmanager
    def _emitting(self) -> Iterator[None]:
        """Hold the compiler, without its loop strength reduction: a fifth of its time, for nothing on this code."""
        with self._lock:
            self._binding.set_option("graphc", "-disable-lsr=true")
            try:
                yield
            finally:
                # Others in this process may compile with the same library.
                self._binding.set_option("graphc", "-disable-lsr=false")

    def compile(self, text: str) -> bytes:
        """Return the object code of a module's text. Raises CompileError where LLVM rejects it."""
        with self._emitting():
            return bytes(self._machine.emit_object(self._parse(text)))

    def assembly(self, text: str) -> str:
        """Return the assembly of a module's text. Raises CompileError where LLVM rejects it."""
        with self._emitting():
            return str(self._machine.emit_assembly(self._parse(text)))

    def load(self, code: bytes) -> LoadedCode:
        """Return the code in memory, its outside symbols resolved by `symbols.addresses()`."""
        if (sys.platform, platform.machine()) == ("linux", "x86_64"):
            return ElfImage(code, symbols.addresses())
        return self._load_by_engine(code)

    def _load_by_engine(self, code: bytes) -> _EngineCode:
        """Load with LLVM, which knows every kind of object file."""
        llvm = self._binding
        with self._lock:
            for name, address in symbols.addresses().items():
                llvm.add_symbol(name, address)
            machine = llvm.Target.from_default_triple().create_target_machine(opt=0, reloc="pic", codemodel="small")
            engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
        return _EngineCode(engine)


def _processor_text() -> str:
    """Return what the kernel tells of the first processor, without what changes from moment to moment."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return platform.processor()
    return "\n".join(line for line in first.splitlines() if "MHz" not in line and "bogomips" not in line.lower())


def _cache_bytes(level: int, default: int) -> int:
    """Return the size of the data cache of a level as the kernel tells it, else the default."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            kind = (index / "type").read_text().strip()
            if (index / "level").read_text().strip() == str(level) and kind in ("Data", "Unified"):
                size = (index / "size").read_text().strip()
                return int(size[:-1]) << {"K": 10, "M": 20}[size[-1]]
        except (OSError, ValueError, KeyError):
            continue
    return default


@functools.cache
def cpu() -> CpuDevice:
    """Return this process's CPU device."""
    return CpuDevice()
