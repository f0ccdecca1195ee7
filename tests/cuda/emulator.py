"""Kernels on the CPU: compiles the text of generated CUDA C with g++ and runs it thread by thread."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc.errors import CompileError

HERE = Path(__file__).parent
_KERNELS = re.compile(r'extern "C" __global__ void __launch_bounds__\(\d+\)\n(\w+)\(')
_FLAGS = ("-std=c++17", "-fPIC", "-shared", "-fno-strict-aliasing", "-ffp-contract=off", "-w")


def is_available() -> bool:
    """Tell whether there is a compiler to emulate with."""
    return shutil.which("g++") is not None


class EmulationError(RuntimeError):
    """A kernel did what would be wrong on a GPU."""


@functools.cache
def _folder() -> tuple[Path, Any]:
    # Kept until the process ends: loaded libraries lie in it.
    keeper = tempfile.TemporaryDirectory(prefix="graphc-emulator-")
    return Path(keeper.name), keeper


def _build(source: Path, target: Path, *flags: str) -> None:
    command = ["g++", *_FLAGS, *flags, "-x", "c++", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"g++ rejects the generated text: {done.stderr[:4000]}")


@functools.cache
def _runtime() -> Path:
    path = _folder()[0] / "libemulator.so"
    _build(HERE / "emulator.cpp", path, "-O2")
    return path


@functools.cache
def _launcher() -> Any:
    launch = ctypes.CDLL(str(_runtime()), mode=ctypes.RTLD_GLOBAL).gc_launch
    launch.restype = ctypes.c_char_p
    launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    launch.argtypes += [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_bool]
    return launch


@functools.lru_cache(maxsize=256)
def compile_text(text: str) -> bytes:
    """Return a library that holds the kernels of a module. Raises CompileError where g++ rejects the text."""
    folder, name = _folder()[0], hashlib.sha256(text.encode()).hexdigest()[:24]
    source, target = folder / f"{name}.cu", folder / f"{name}.so"
    exports = "\n".join(f"GC_EXPORT({kernel})" for kernel in _KERNELS.findall(text))
    source.write_text(f'#include "{HERE / "emulator.h"}"\n{text}\n{exports}\n')
    _build(source, target, "-O1", str(_runtime()))
    return target.read_bytes()


class EmulatedModule:
    """A loaded library of kernels."""

    def __init__(self, code: bytes) -> None:
        _launcher()
        with tempfile.NamedTemporaryFile(dir=_folder()[0], suffix=".so") as file:
            file.write(code)
            file.flush()
            self._library = ctypes.CDLL(file.name)
        self._library.gc_shared_start.restype = ctypes.c_void_p
        self._library.gc_shared_bytes.restype = ctypes.c_ulong

    def has(self, kernel: str) -> bool:
        """Tell whether there is a kernel of this name."""
        return hasattr(self._library, f"gc_thread_of_{kernel}")

    def launch(
        self, kernel: str, blocks: int, threads: int, arguments: Sequence[int], order: int = 0, together: bool = False
    ) -> None:
        """Run a kernel with 64-bit arguments (addresses, integers).

        `order`: 0 forwards, 1 backwards, anything else shuffled. Blocks may wait for one another if `together`. Raises
        EmulationError where threads go wrong.
        """
        words = (ctypes.c_int64 * max(len(arguments), 1))(*arguments)
        places = [ctypes.addressof(words) + 8 * i for i in range(len(arguments))]
        pointers = (ctypes.c_void_p * max(len(arguments), 1))(*places)
        function = ctypes.cast(getattr(self._library, f"gc_thread_of_{kernel}"), ctypes.c_void_p)
        shared, size = self._library.gc_shared_start(), self._library.gc_shared_bytes()
        wrong = _launcher()(function, pointers, blocks, threads, shared, size, order, together)
        if wrong is not None:
            raise EmulationError(f"{kernel}: {wrong.decode()}")
