"""A plan as CUDA C: the prelude, and a function for each kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from graphc.codegen.cuda.contract import contract_parts
from graphc.codegen.cuda.function import emit_function
from graphc.codegen.cuda.long_fold import merging_kernel, parted_folds
from graphc.codegen.cuda.persistent import emit_persistent, is_aligned
from graphc.codegen.cuda.product import emit_product
from graphc.codegen.cuda.split import adding_kernel
from graphc.loopir import (
    ContractKernel,
    DeviceProgram,
    Geometry,
    Kernel,
    LibraryProduct,
    Loop,
    LoopKernel,
    Plan,
    StandingGrid,
    has_epoch,
)


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
    if second is None:
        text, geometry = emit_function(kernel, name, is_aligned, precision)
        return text, (geometry,)
    # What the second kernel has more is the scratch memory that the first one fills.
    scratch = replace(second.parameters[-1], writable=True)
    text, first = emit_function(kernel, name, is_aligned, precision, (scratch,))
    more, last = emit_function(second, f"{name}_last", is_aligned, precision)
    return f"{text}\n{more}", (first, replace(last, scratch=first.scratch))


def emit_cuda(plan: Plan, precision: str = "float32", with_library: bool = False) -> DeviceProgram:
    """Return a plan's text and the geometries of each of its launches.

    Kernels that are equal become one function. Equal programs have equal text, in every process. `precision` is what
    the operands of contractions in float32 may be rounded to: float32 (no rounding), tf32 or bfloat16, both of which
    tensor cores multiply; sums are float32 in any case. `with_library`: say which launches a library may do instead.
    """
    functions: dict[tuple[Kernel, bool], tuple[Geometry, ...]] = {}
    texts, geometries = [prelude()], []
    for launch in plan.launches:
        key = (launch.kernel, all(map(is_aligned, launch.places)))
        if key not in functions:
            text, functions[key] = emit_cuda_kernel(launch.kernel, f"kernel_{len(functions)}", key[1], precision)
            texts.append(text)
        geometries.append(functions[key])
    products: dict[int, LibraryProduct] = {}
    for position, launch in enumerate(plan.launches if with_library else ()):
        if not isinstance(launch.kernel, ContractKernel):
            continue
        if (made := emit_product(launch.kernel, f"finish_{position}", precision)) is not None:
            texts.append(made[0])
            products[position] = made[1]
    standing: dict[int, StandingGrid] = {}
    for position, step in enumerate(plan.steps):
        if isinstance(step, Loop) and (found := emit_persistent(step, plan, f"loop_{position}", precision)) is not None:
            texts.append(found[0])
            standing[position] = found[1]
    if has_epoch(plan):
        texts.append(_part("epoch.cuh"))
    return DeviceProgram("\n".join(texts), tuple(geometries), standing, products)
