"""A plan as CUDA C: the prelude, and a function for each kernel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graphc.codegen.cuda_contract import emit_contract_body
from graphc.codegen.cuda_expression import CudaWriter
from graphc.codegen.cuda_loops import emit_loop_body
from graphc.codegen.cuda_math import STORAGE
from graphc.loopir import ContractKernel, DeviceProgram, Geometry, Kernel, Place, Plan, has_epoch
from graphc.symbolic import divide_exactly


def prelude() -> str:
    """Return the text that every module begins with: what generated kernels call."""
    return _part("cuda_prelude.cuh")


@cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def emit_cuda_kernel(
    kernel: Kernel, name: str, is_aligned: bool = True, precision: str = "float32"
) -> tuple[str, Geometry]:
    """Return the text of a kernel's function, without the prelude, and how to launch it.

    `is_aligned`: every buffer starts at a multiple of four elements. `precision` is that of
    `emit_cuda`. The function takes a pointer for each parameter and a 64-bit integer for each size.
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
            geometry = emit_contract_body(kernel, name, body, precision)
        else:
            geometry = emit_loop_body(kernel, name, body, is_aligned)
    writer.line(f"// {kernel.label}")
    writer.line(f'extern "C" __global__ void __launch_bounds__({geometry.threads})')
    writer.line(f"{name}({', '.join(parameters + sizes)})")
    return "\n".join([*writer.lines, *body.lines, ""]), geometry


def emit_cuda(plan: Plan, precision: str = "float32") -> DeviceProgram:
    """Return a plan's text and the geometry of each of its launches.

    Kernels that are equal become one function. Equal programs have equal text, in every process. `precision` is what
    the operands of contractions in float32 may be rounded to: float32 (no rounding), tf32 or bfloat16, both of which
    tensor cores multiply; sums are float32 in any case.
    """
    functions: dict[tuple[Kernel, bool], Geometry] = {}
    texts, geometries = [prelude()], []
    for launch in plan.launches:
        key = (launch.kernel, all(map(_is_aligned, launch.places)))
        if key not in functions:
            text, functions[key] = emit_cuda_kernel(launch.kernel, f"kernel_{len(functions)}", key[1], precision)
            texts.append(text)
        geometries.append(functions[key])
    if has_epoch(plan):
        texts.append(_part("cuda_epoch.cuh"))
    return DeviceProgram("\n".join(texts), tuple(geometries))


def _is_aligned(place: Place) -> bool:
    """Tell whether a place surely starts at a multiple of four elements, as every buffer does."""
    is_first = place.initial is None or _is_aligned(place.initial)
    return is_first and divide_exactly(place.offset, 4) is not None
