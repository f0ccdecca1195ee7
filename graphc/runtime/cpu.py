"""The CPU: text -> object code (LLVM) -> memory."""

from __future__ import annotations

import functools
import platform
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite

from graphc import config
from graphc.errors import CompileError
from graphc.runtime import symbols

# Instruction selection and register allocation at LLVM's usual level; no passes over the IR come before it.
_CODE_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Host:
    """The processor this process runs on: LLVM's name and features, cache sizes in bytes."""

    name: str
    features: str
    l1: int
    l2: int


class _Loaded:
    """Object code that MCJIT holds; it is freed with this object."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        """Return the address of a function or global variable of the module."""
        address = int(self._engine.get_global_value_address(name))
        if address == 0:
            raise KeyError(name)
        return address


class CpuDevice:
    """Compiles for and runs on this process's processor."""

    name = "cpu"

    def __init__(self) -> None:
        # LLVM's contexts are not made for several threads at once.
        self._lock = threading.Lock()

    @functools.cached_property
    def _binding(self) -> Any:
        import llvmlite.binding as llvm  # 30 ms that a process which compiles nothing need not spend

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        for name, address in symbols.addresses().items():
            llvm.add_symbol(name, address)
        return llvm

    @functools.cached_property
    def host(self) -> Host:
        """The processor, as LLVM detects it."""
        llvm = self._binding
        return Host(
            llvm.get_host_cpu_name(),
            llvm.get_host_cpu_features().flatten(),
            _cache_bytes(1, 32 << 10),
            _cache_bytes(2, 512 << 10),
        )

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Compiler, version and processor: what besides the text determines object code."""
        host = self.host
        version = ".".join(map(str, self._binding.llvm_version_info))
        return (
            "llvmlite",
            llvmlite.__version__,
            version,
            str(_CODE_LEVEL),
            platform.machine(),
            host.name,
            host.features,
        )

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

    def compile(self, text: str) -> bytes:
        """Return the object code of a module's text. Raises CompileError where LLVM rejects it."""
        with self._lock:
            return bytes(self._machine.emit_object(self._parse(text)))

    def assembly(self, text: str) -> str:
        """Return the assembly of a module's text. Raises CompileError where LLVM rejects it."""
        with self._lock:
            return str(self._machine.emit_assembly(self._parse(text)))

    def load(self, code: bytes) -> _Loaded:
        """Return the code in memory, its outside symbols resolved by `symbols.addresses()`."""
        llvm = self._binding
        with self._lock:
            machine = llvm.Target.from_default_triple().create_target_machine(opt=0, reloc="pic", codemodel="small")
            engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            engine.finalize_object()
        return _Loaded(engine)


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
