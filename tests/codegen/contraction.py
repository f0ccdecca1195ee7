"""Runs one contraction kernel natively, thread by thread, and arrays that end where memory does."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.codegen import Target
from graphc.codegen.llvm.contraction.kernel import contract_scratch_bytes, emit_contract_kernel
from graphc.loopir import ContractKernel
from graphc.runtime import cpu
from graphc.symbolic import Symbol

Array = np.ndarray[Any, Any]
GUARD = 64


class Compiled:
    """A kernel that was compiled, to run with any number of threads and any sizes."""

    def __init__(self, kernel: ContractKernel, target: Target) -> None:
        function = emit_contract_kernel(kernel, "kernel", target)
        text = "\n".join([*sorted(function.declarations), function.text, target.attributes])
        self._code = cpu().load(cpu().compile(text))
        kinds = [ctypes.c_void_p] * len(kernel.parameters) + [ctypes.c_int64] * len(kernel.sizes)
        kind = ctypes.CFUNCTYPE(None, *kinds, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self._function = kind(self._code.address("kernel"))
        self._kernel = kernel
        self._scratch = contract_scratch_bytes(kernel, target)

    def run(self, memory: Mapping[str, Array], sizes: Mapping[Symbol, int], threads: int) -> dict[str, Array]:
        """Return the buffers after all threads ran on a copy; checks what lies beyond them."""
        arrays = {name: np.append(array, np.full(GUARD, 7, array.dtype)) for name, array in memory.items()}
        self.run_in_place(arrays, sizes, threads)
        for name, array in arrays.items():
            assert (array[-GUARD:] == 7).all(), f"written beyond {name}"
        return {name: array[:-GUARD] for name, array in arrays.items()}

    def run_in_place(self, arrays: Mapping[str, Array], sizes: Mapping[Symbol, int], threads: int) -> None:
        """Run all threads, the last one first; checks that scratch memory is as large as was said."""
        for thread in reversed(range(threads)):
            scratch = np.full(self._scratch + 2 * GUARD, 0x5A, np.uint8)
            start = -scratch.ctypes.data % GUARD
            pointers = [arrays[p.name].ctypes.data for p in self._kernel.parameters]
            values = [sizes[symbol] for symbol in self._kernel.sizes]
            self._function(*pointers, *values, scratch.ctypes.data + start, thread, threads)
            assert (scratch[start + self._scratch :] == 0x5A).all(), "written beyond the scratch memory"


def at_the_end_of_memory(array: Array) -> Array:
    """Return a copy whose last byte is the last that may be read."""
    page = mmap.PAGESIZE
    pages = -(-array.nbytes // page)
    memory = mmap.mmap(-1, (pages + 1) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(address + pages * page), ctypes.c_size_t(page), 0) == 0
    copy = np.frombuffer(memory, array.dtype, array.size, pages * page - array.nbytes)
    copy[...] = array
    return copy
