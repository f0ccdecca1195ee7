"""Program: loaded code with the memory it refers to, and the Python builtin that runs it."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from graphc import dtypes
from graphc.loopir import Interface, has_epoch
from graphc.runtime.arguments import Array, convert_arguments
from graphc.runtime.protocol import LoadedCode
from graphc.runtime.symbols import state_lock, state_version

_ALIGNMENT = 64
_METH_FASTCALL = 0x0080
_BLOCK_ADDRESS = 8  # offset of the address in the module's block


class _MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


# CPython reads a builtin's definition when it frees the builtin, and the collector may free what owns it before.
_definitions: list[_MethodDefinition] = []


class Program:
    """A program's code in memory. Called as a function it converts its arguments first, then runs the native entry.

    `buffers` are the addresses of its buffers, in which states, constants and what is kept are filled in;
    `epoch` runs an epoch's request, where it can.
    """

    def __init__(self, interface: Interface, code: LoadedCode, name: str, single: bool) -> None:
        self.interface, self.code, self.name = interface, code, name
        self.single = single and len(interface.results) == 1
        self._fixed = {
            i: _fixed_memory(b) for i, b in enumerate(interface.buffers) if b.role in ("state", "constant", "kept")
        }
        words = (ctypes.c_int64 * (len(interface.buffers) + 2)).from_address(code.address("graphc_buffers"))
        self.buffers: Array = np.frombuffer(memoryview(words), np.int64)
        for position, memory in self._fixed.items():
            self.buffers[position] = memory.ctypes.data
        ctypes.c_int8.from_address(code.address("graphc_single")).value = int(self.single)
        self.epoch = _epoch_function(interface, code)
        self._native: weakref.ref[Callable[..., Any]] | None = None
        take_state_lock(interface)

    def make_native(self) -> Callable[..., Any]:
        """Return the builtin function that runs the program; it keeps the program alive."""
        definition = _MethodDefinition(self.name.encode(), self.code.address("graphc_call"), _METH_FASTCALL, None)
        _definitions.append(definition)
        create = ctypes.pythonapi.PyCFunction_NewEx
        create.restype, create.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
        native: Callable[..., Any] = create(ctypes.addressof(definition), self, None)
        self._native = weakref.ref(native)
        return native

    def __call__(self, *arrays: Any) -> Any:
        """Convert the arguments and run; what the native entry does with arguments that do not fit as they are."""
        converted = convert_arguments(self.interface, arrays, self.name)
        native = None if self._native is None else self._native()
        # Whoever got here through the builtin holds it.
        assert native is not None
        return native(*converted)

    def __del__(self) -> None:
        try:
            block = self.code.address("graphc_block")
        except (AttributeError, KeyError):
            return
        memory = ctypes.c_void_p.from_address(block + _BLOCK_ADDRESS).value
        free = ctypes.CDLL(None).free
        free.argtypes = [ctypes.c_void_p]
        free(memory)
        self.code.release()


def take_state_lock(interface: Interface) -> None:
    """Make the lock and the version of states those that compiled programs use."""
    for b in interface.buffers:
        if b.role == "state":
            # States are one class.
            type(b.source).lock, type(b.source).version = state_lock(), state_version()
            return


def _epoch_function(interface: Interface, code: LoadedCode) -> Callable[[int], int] | None:
    if not has_epoch(interface):
        return None
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address("graphc_epoch"))
    return cast(Callable[[int], int], function)


def _fixed_memory(buffer: Any) -> Array:
    """Return the array of a state, a constant or a kept value: the state's own, a constant's aligned copy."""
    if buffer.role == "state":
        storage: Array = buffer.source.share_storage()
        return storage
    if buffer.role == "kept":
        return aligned_bytes(buffer.size * dtypes.itemsize(buffer.dtype))
    value = np.ascontiguousarray(buffer.value, dtypes.numpy_dtype(buffer.dtype))
    memory = aligned_bytes(value.nbytes)
    memory[:] = value.reshape(-1).view(np.uint8)
    return memory


def aligned_bytes(count: int) -> Array:
    """Return uninitialised bytes that start on a cache line."""
    raw = np.empty(count + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + count]
