"""NVRTC: CUDA C to a cubin, without a driver or a GPU, and what the cubin tells of its kernels.

The library comes with the package nvidia-cuda-nvrtc (extras `cuda12`, `cuda13`) or with a CUDA toolkit.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from graphc.errors import CompileError, DeviceError
from graphc.records import record

# Where wheels put the library, below site-packages; the newest first.
_WHEELS = ("nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib")
_NAMES = ("libnvrtc.so.13", "libnvrtc.so.12")
_OPTIONS = ("--std=c++17", "--extra-device-vectorization")
# Attributes of a kernel in a cubin's .nv.info section: the bytes of its stack, its registers.
_FRAME_BYTES, _REGISTERS = 0x11, 0x2F


@record
class KernelResources:
    """What a compiled kernel takes: registers a thread, bytes of stack a thread (spills), of shared memory a block."""

    registers: int
    stack: int
    shared: int


@functools.cache
def _library() -> ctypes.CDLL:
    site = Path(sysconfig.get_paths()["purelib"])
    for folder in _WHEELS:
        for name in _NAMES:
            path = site / folder / name
            if path.exists():
                # The wheel's library does not find its built-in functions by itself.
                for builtins in path.parent.glob("libnvrtc-builtins.so.*"):
                    ctypes.CDLL(str(builtins))
                return ctypes.CDLL(str(path))
    for name in _NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise DeviceError(
        "NVRTC, the compiler of CUDA C, is not installed: pip install 'graphc[cuda13]' (or [cuda12], by the driver)"
    )


class Nvrtc:
    """Compiles for one architecture (`sm_90`). Raises DeviceError where the library is missing."""

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self._nvrtc = _library()

    @property
    def version(self) -> str:
        """The library's version."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return f"NVRTC {major.value}.{minor.value}"

    def compile(self, text: str) -> bytes:
        """Return the cubin of a module. Raises CompileError with the compiler's log."""
        return self._build(text, self.architecture, "CUBIN")

    def assembly(self, text: str) -> str:
        """Return the module's PTX, to read."""
        return self._build(text, self.architecture.replace("sm_", "compute_"), "PTX").decode().rstrip("\0")

    def _build(self, text: str, architecture: str, kind: str) -> bytes:
        nvrtc, program = self._nvrtc, ctypes.c_void_p()
        self._check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"graphc.cu", 0, None, None))
        try:
            options = [f"--gpu-architecture={architecture}".encode(), *(o.encode() for o in _OPTIONS)]
            failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
            if failed:
                log = self._bytes(program, "ProgramLog").decode(errors="replace").rstrip("\0")
                raise CompileError(f"NVRTC rejects the generated text: {log}")
            return self._bytes(program, kind)
        finally:
            nvrtc.nvrtcDestroyProgram(ctypes.byref(program))

    def _bytes(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        content = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._nvrtc, f"nvrtcGet{what}")(program, content))
        return content.raw

    def _check(self, status: int) -> None:
        if status:
            describe = self._nvrtc.nvrtcGetErrorString
            describe.restype = ctypes.c_char_p
            raise CompileError(f"NVRTC: {describe(status).decode()}")


def resources(cubin: bytes) -> dict[str, KernelResources]:
    """Return what each kernel of a cubin takes, by name, read from its ELF sections."""
    sections = dict(_sections(cubin))
    symbols = _symbol_names(sections[".symtab"], sections[".strtab"])
    facts: dict[str, dict[int, int]] = {}
    for attribute, symbol, value in _attributes(sections.get(".nv.info", b"")):
        facts.setdefault(symbols[symbol], {})[attribute] = value
    kernels = [name.removeprefix(".text.") for name in sections if name.startswith(".text.")]
    return {
        name: KernelResources(
            facts.get(name, {}).get(_REGISTERS, 0),
            facts.get(name, {}).get(_FRAME_BYTES, 0),
            _shared_bytes(cubin, name),
        )
        for name in kernels
    }


def _headers(cubin: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield (name, offset, size) of every section of a 64-bit ELF file."""
    start = struct.unpack_from("<Q", cubin, 0x28)[0]
    entry, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    raw = [struct.unpack_from("<IIQQQQIIQQ", cubin, start + i * entry) for i in range(count)]
    table = raw[names][4]
    for header in raw:
        place = table + header[0]
        yield cubin[place : cubin.index(b"\0", place)].decode(), header[4], header[5]


def _sections(cubin: bytes) -> Iterator[tuple[str, bytes]]:
    for name, offset, size in _headers(cubin):
        yield name, cubin[offset : offset + size]


def _shared_bytes(cubin: bytes, kernel: str) -> int:
    return next((size for name, _, size in _headers(cubin) if name == f".nv.shared.{kernel}"), 0)


def _symbol_names(table: bytes, strings: bytes) -> list[str]:
    places = [struct.unpack_from("<I", table, at)[0] for at in range(0, len(table), 24)]
    return [strings[place : strings.index(b"\0", place)].decode() for place in places]


def _attributes(info: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (attribute, symbol, value) of the entries that hold such."""
    at = 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form != 4:
            continue
        if size == 8:
            yield (attribute, *struct.unpack_from("<II", info, at))
        at += size
