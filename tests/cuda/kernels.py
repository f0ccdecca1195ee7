"""Runs one generated kernel on the emulator, on copies of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from graphc import symbolic
from graphc.codegen import emit_cuda_kernel, prelude
from graphc.loopir import Kernel
from graphc.symbolic import Symbol
from tests.cuda.emulator import EmulatedModule, compile_text, is_available

Array = np.ndarray[Any, Any]
# Bytes before and after every array that a kernel must leave alone.
_GUARD = 256

needs_compiler = pytest.mark.skipif(not is_available(), reason="no g++ to emulate CUDA C with")


def run_kernel(
    kernel: Kernel,
    memory: Mapping[str, Array],
    sizes: Mapping[Symbol, int] | None = None,
    order: int = 0,
    blocks: int = 1 << 20,
    header: str = "",
) -> dict[str, Array]:
    """Return the buffers after the kernel ran on a copy of them, in at most so many blocks.

    Fails where it wrote outside of them. `order` is the emulator's; `header` goes before the text.
    """
    text, [geometry] = emit_cuda_kernel(kernel, "kernel")
    module = EmulatedModule(compile_text(f"{header}\n{prelude()}\n{text}"))
    kept = {name: _Guarded(array) for name, array in memory.items()}
    values = [(sizes or {})[symbol] for symbol in kernel.sizes]
    count = min(symbolic.evaluate(geometry.blocks, sizes or {}), blocks)
    addresses = [kept[p.name].array.ctypes.data for p in kernel.parameters]
    module.launch("kernel", max(count, 1), geometry.threads, [*addresses, *values], order)
    for name, guarded in kept.items():
        assert guarded.is_intact(), f"something wrote outside of {name}"
    return {name: guarded.array for name, guarded in kept.items()}


class _Guarded:
    """A copy of an array between bytes that are known."""

    def __init__(self, array: Array) -> None:
        raw = np.full(array.nbytes + 3 * _GUARD, 0xA5, np.uint8)
        start = -raw.ctypes.data % _GUARD + _GUARD
        self._around = raw[:start], raw[start + array.nbytes :]
        self.array: Array = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        self.array[...] = array

    def is_intact(self) -> bool:
        return all(bool(np.all(part == 0xA5)) for part in self._around)
