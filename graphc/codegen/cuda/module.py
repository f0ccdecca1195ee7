"""A plan as CUDA C: the prelude, and a function for each kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from graphc.codegen.cuda.contract import contract_parts, emit_contract_body
from graphc.codegen.cuda.expression import CudaWriter
from graphc.codegen.cuda.long_fold import merging_kernel, parted_folds
from graphc.codegen.cuda.loops import emit_loop_body
from graphc.codegen.cuda.math import STORAGE
from graphc.codegen.cuda.split import adding_kernel
from graphc.loopir import DeviceProgram, Geometry, Kernel, LoopKernel, Parameter, Place, Plan, has_epoch
from graphc.symbolic import divide_exactly


def prelude() -> str:
    """Return the text that every module begins with: what generated kernels call."""
    return _part("prelude.cuh")


@cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def emit_cuda_kernel(
    kernel: Kernel, name: str, is_aligned: bool = True, precision: str = "float32"
) -> tuple[str, tuple[Geometry, ...]]:
    """Return the text of a kernel's functions, without the prelude, and how to launch them one after the other.

    `is_aligned`: every buffer starts at a multiple of four elements. `precision` is that of `emit_cuda`. A function
    takes a pointer for each parameter, one more where its geometry asks for scratch memory, and a 64-bit integer for
    each size.
    """
    second: LoopKernel | None = None
    if isinstance(kernel, LoopKernel):
        second = merging_kernel(kernel) if parted_folds(kernel) else None
    elif (parts := contract_parts(kernel, precision)) > 1:
        second = adding_kernel(kernel, parts)
    # What the second kernel has more is the scratch memory that the first one fills.
    scratch = () if second is None else (replace(second.parameters[-1], writable=True),)
    text, geometries = _function(kernel, name, lambda w: _emit_body(kernel, name, w, is_aligned, precision), scratch)
    if second is None:
        return text, geometries
    last = f"{name}_last"
    more, [geometry] = _function(second, last, lambda w: _emit_body(second, last, w, is_aligned, precision))
    return f"{text}\n{more}", (*geometries, replace(geometry, scratch=geometries[0].scratch))


def _emit_body(kernel: Kernel, name: str, writer: CudaWriter, is_aligned: bool, precision: str) -> Geometry:
    if isinstance(kernel, LoopKernel):
        return emit_loop_body(kernel, name, writer, is_aligned)
    return emit_contract_body(kernel, name, writer, precision)


def _function(
    kernel: Kernel, name: str, write: Callable[[CudaWriter], Geometry], more: tuple[Parameter, ...] = ()
) -> tuple[str, tuple[Geometry, ...]]:
    """Return one function, whose body `write` writes, and its geometry; `more` are parameters beside the kernel's."""
    parameters = [
        f"{STORAGE[p.dtype] if p.writable else f'const {STORAGE[p.dtype]}'}* __restrict__ {p.name}"
        for p in (*kernel.parameters, *more)
    ]
    sizes = [f"const long long wide{position}" for position in range(len(kernel.sizes))]
    body = CudaWriter()
    with body.block(""):
        for position in range(len(kernel.sizes)):
            body.line(f"const gc_index size{position} = (gc_index)wide{position};")
        geometry = write(body)
    head = [
        f"// {kernel.label}",
        f'extern "C" __global__ void __launch_bounds__({geometry.threads})',
        f"{name}({', '.join(parameters + sizes)})",
    ]
    return "\n".join([*head, *body.lines, ""]), (geometry,)


def emit_cuda(plan: Plan, precision: str = "float32") -> DeviceProgram:
    """Return a plan's text and the geometries of each of its launches.

    Kernels that are equal become one function. Equal programs have equal text, in every process. `precision` is what
    the operands of contractions in float32 may be rounded to: float32 (no rounding), tf32 or bfloat16, both of which
    tensor cores multiply; sums are float32 in any case.
    """
    functions: dict[tuple[Kernel, bool], tuple[Geometry, ...]] = {}
    texts, geometries = [prelude()], []
    for launch in plan.launches:
        key = (launch.kernel, all(map(_is_aligned, launch.places)))
        if key not in functions:
            text, functions[key] = emit_cuda_kernel(launch.kernel, f"kernel_{len(functions)}", key[1], precision)
            texts.append(text)
        geometries.append(functions[key])
    if has_epoch(plan):
        texts.append(_part("epoch.cuh"))
    return DeviceProgram("\n".join(texts), tuple(geometries))


def _is_aligned(place: Place) -> bool:
    """Tell whether a place surely starts at a multiple of four elements, as every buffer does."""
    is_first = place.initial is None or _is_aligned(place.initial)
    return is_first and divide_exactly(place.offset, 4) is not None
