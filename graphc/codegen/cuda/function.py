"""A kernel as one function of CUDA C: started from outside, or called by another one."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cuda.contract import emit_contract_body
from graphc.codegen.cuda.expression import CudaWriter
from graphc.codegen.cuda.loops import emit_loop_body
from graphc.codegen.cuda.math import STORAGE
from graphc.loopir import Geometry, Kernel, LoopKernel, Parameter


def emit_function(
    kernel: Kernel, name: str, is_aligned: bool, precision: str, more: Sequence[Parameter] = ()
) -> tuple[str, Geometry]:
    """Return a kernel's function and how to start it.

    `more` are parameters beside the kernel's: memory that takes the parts of its sums or folds.
    """
    body, geometry = _body(kernel, name, is_aligned, precision, bool(more))
    parameters = [
        f"{STORAGE[p.dtype] if p.writable else f'const {STORAGE[p.dtype]}'}* __restrict__ {p.name}"
        for p in (*kernel.parameters, *more)
    ]
    head = [
        f"// {kernel.label}",
        f'extern "C" __global__ void __launch_bounds__({geometry.threads})',
        f"{name}({', '.join(parameters + _sizes(kernel))})",
    ]
    return "\n".join([*head, *body, ""]), geometry


def emit_called(kernel: Kernel, name: str, is_aligned: bool, precision: str) -> tuple[str, Geometry]:
    """Return a kernel as a function that all threads of a grid call, and how it would be started by itself.

    What it reads may have been written by other blocks since the grid was started: nothing is promised to be constant.
    """
    body, geometry = _body(kernel, name, is_aligned, precision, False)
    kinds = [f"{'' if p.writable else 'const '}{STORAGE[p.dtype]}* {p.name}" for p in kernel.parameters]
    head = [f"// {kernel.label}", f"GC_DEVICE void {name}({', '.join(kinds + _sizes(kernel))})"]
    return "\n".join([*head, *body, ""]), geometry


def _sizes(kernel: Kernel) -> list[str]:
    return [f"const long long wide{position}" for position in range(len(kernel.sizes))]


def _body(kernel: Kernel, name: str, is_aligned: bool, precision: str, in_parts: bool) -> tuple[list[str], Geometry]:
    writer = CudaWriter()
    with writer.block(""):
        for position in range(len(kernel.sizes)):
            writer.line(f"const gc_index size{position} = (gc_index)wide{position};")
        if isinstance(kernel, LoopKernel):
            geometry = emit_loop_body(kernel, name, writer, is_aligned, in_parts)
        else:
            geometry = emit_contract_body(kernel, name, writer, precision)
    return writer.lines, geometry
