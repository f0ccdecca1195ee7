"""A plan as CUDA C: the prelude, and a function for each kernel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graphc.codegen.cuda_contract import emit_contract_body
from graphc.codegen.cuda_expression import CudaWriter
from graphc.codegen.cuda_loops import emit_loop_body
from graphc.codegen.cuda_math import STORAGE
from graphc.loopir import ContractKernel, DeviceProgram, Geometry, Kernel, Plan, has_epoch


def prelude() -> str:
    """Return the text that every module begins with: what generated kernels call."""
    return _part("cuda_prelude.cuh")


@cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def emit_cuda_kernel(kernel: Kernel, name: str, is_aligned: bool = True) -> tuple[str, Geometry]:
    """Return the text of a kernel's function, without the prelude, and how to launch it.

    `is_aligned`: every buffer starts at a multiple of four elements. The function takes a pointer for each parameter
    and a 64-bit integer for each size.
    """
    writer = CudaWriter()
    parameters = [
        f"{STORAGE[p.dtype] if p.writable else f'const {STORAGE[p.dtype]}'}* __restrict__ {p.name}"
        for p in kernel.parameters
    ]
    sizes = [f"const long long wide{position}" for position in range(len(kernel.sizes))]
    body = CudaWriter()
    with body.block(""):
        for position in range(len(kernel.sizes)):
            body.line(f"const gc_index size{position} = (gc_index)wide{position};")
        if isinstance(kernel, ContractKernel):
            geometry = emit_contract_body(kernel, name, body)
        else:
            geometry = emit_loop_body(kernel, name, body, is_aligned)
    writer.line(f"// {kernel.label}")
    writer.line(f'extern "C" __global__ void __launch_bounds__({geometry.threads})')
    writer.line(f"{name}({', '.join(parameters + sizes)})")
    return "\n".join([*writer.lines, *body.lines, ""]), geometry


def emit_cuda(plan: Plan) -> DeviceProgram:
    """Return a plan's text and the geometry of each of its launches.

    Kernels that are equal become one function. Equal programs have equal text, in every process.
    """
    functions: dict[Kernel, Geometry] = {}
    texts = [prelude()]
    for launch in plan.launches:
        if launch.kernel not in functions:
            text, functions[launch.kernel] = emit_cuda_kernel(launch.kernel, f"kernel_{len(functions)}")
            texts.append(text)
    if has_epoch(plan):
        texts.append(_part("cuda_epoch.cuh"))
    return DeviceProgram("\n".join(texts), tuple(functions[launch.kernel] for launch in plan.launches))
