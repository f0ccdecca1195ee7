"""Runs one kernel natively, thread by thread, on copies of arrays."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.codegen import Target, describe_target
from graphc.codegen.llvm.loops import emit_loop_kernel
from graphc.loopir import LoopKernel
from graphc.records import replace
from graphc.runtime import cpu
from graphc.symbolic import Symbol

Array = np.ndarray[Any, Any]


def host_target() -> Target:
    """Return this machine's target."""
    host = cpu().host
    return describe_target(host.name, host.features, host.l1, host.l2)


def narrow_target() -> Target:
    """Return this machine as if it had the vectors of four lanes that every 64-bit processor has."""
    host = cpu().host
    kept = [f for f in host.features.split(",") if not f.startswith("+avx512")]
    return Target(host.name, ",".join(kept), 4, 16, fma=True, half=True)


def plain_target() -> Target:
    """Return a target that can neither convert float16 nor multiply and add at once, for this machine."""
    if platform.machine() in ("x86_64", "AMD64"):
        return Target("x86-64-v2", "", 4, 16, fma=False, half=False)
    return replace(host_target(), fma=False, half=False)


def kernel_text(kernel: LoopKernel, target: Target) -> str:
    """Return the text of a module that holds the kernel as `kernel`."""
    function = emit_loop_kernel(kernel, "kernel", target)
    return "\n".join([*sorted(function.declarations), function.text, target.attributes])


def run_kernel(
    kernel: LoopKernel,
    memory: Mapping[str, Array],
    sizes: Mapping[Symbol, int] | None = None,
    threads: int = 1,
    target: Target | None = None,
) -> dict[str, Array]:
    """Return the buffers after the kernel ran on a copy of them, once for each thread's share."""
    target = target or host_target()
    device = cpu()
    code = device.load(device.compile(kernel_text(kernel, target)))
    arrays = {name: array.copy() for name, array in memory.items()}
    integers = len(kernel.sizes)
    kinds = [ctypes.c_void_p] * len(kernel.parameters) + [ctypes.c_int64] * integers
    function = ctypes.CFUNCTYPE(None, *kinds, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code.address("kernel"))
    pointers = [arrays[p.name].ctypes.data for p in kernel.parameters]
    values = [(sizes or {})[symbol] for symbol in kernel.sizes]
    for thread in range(threads):
        function(*pointers, *values, None, thread, threads)
    return arrays
