"""A loop of launches as one kernel: a grid that stays for all iterations, and meets between the launches of each.

for step < extent: for each launch: its body in every block; the grid waits for its last block
"""

from __future__ import annotations

from graphc.codegen.cuda.contract import contract_parts
from graphc.codegen.cuda.expression import CudaExpressions, CudaWriter
from graphc.codegen.cuda.form import choose_form
from graphc.codegen.cuda.function import emit_called
from graphc.codegen.cuda.long_fold import has_long_folds
from graphc.codegen.cuda.loops import THREADS
from graphc.codegen.cuda.math import STORAGE
from graphc.loopir import Geometry, Kernel, Launch, Loop, LoopKernel, Place, Plan, StandingGrid
from graphc.symbolic import divide_exactly

# What a block may have without asking for more.
_MOST_SHARED_BYTES = 48 << 10


def emit_persistent(loop: Loop, plan: Plan, name: str, precision: str) -> tuple[str, StandingGrid] | None:
    """Return a loop's kernel and how to start it; None where its launches cannot be done by one grid.

    They can where each is one function for blocks of 256 threads, all fit in a block's shared memory together, and
    their sizes are the plan's. The kernel takes the addresses of the buffers, that of two words of memory that are 0
    before it starts (and after it ends), and the plan's sizes.
    """
    launches = [step for step in loop.steps if isinstance(step, Launch)]
    if len(launches) < len(loop.steps) or not all(_is_one_function(x.kernel, precision) for x in launches):
        return None
    if not all(set(x.kernel.sizes) <= set(plan.sizes) for x in launches):
        return None
    texts, geometries = [], []
    for position, x in enumerate(launches):
        text, geometry = emit_called(x.kernel, f"{name}_{position}", all(map(is_aligned, x.places)), precision)
        texts.append(text)
        geometries.append(geometry)
    if not all(_takes_any_block(x.kernel, g) for x, g in zip(launches, geometries)):
        return None
    if sum(g.shared for g in geometries) > _MOST_SHARED_BYTES:
        return None
    buffers = tuple(dict.fromkeys(b for x in launches for place in x.places for b in place.buffers))
    texts.append(_kernel_text(loop, launches, plan, name, buffers))
    return "\n".join(texts), StandingGrid(name, tuple(g.blocks for g in geometries), THREADS, buffers)


def is_aligned(place: Place) -> bool:
    """Tell whether a place surely starts at a multiple of four elements, as every buffer does."""
    is_first = place.initial is None or is_aligned(place.initial)
    return is_first and divide_exactly(place.offset, 4) is not None


def _is_one_function(kernel: Kernel, precision: str) -> bool:
    return not has_long_folds(kernel) if isinstance(kernel, LoopKernel) else contract_parts(kernel, precision) == 1


def _takes_any_block(kernel: Kernel, geometry: Geometry) -> bool:
    """Tell whether blocks of 256 threads do a kernel's work. Where threads share nothing, any number does."""
    is_free = isinstance(kernel, LoopKernel) and choose_form(kernel).kind != "group"
    return is_free or geometry.threads == THREADS


def _kernel_text(loop: Loop, launches: list[Launch], plan: Plan, name: str, buffers: tuple[str, ...]) -> str:
    written = {
        buffer
        for x in launches
        for parameter, place in zip(x.kernel.parameters, x.places)
        if parameter.writable
        for buffer in place.buffers
    }
    kinds = {b.name: STORAGE[b.dtype] for b in plan.buffers}
    parameters = [f"{kinds[b]}* {b}" if b in written else f"const {kinds[b]}* {b}" for b in buffers]
    sizes = [f"const long long wide{position}" for position in range(len(plan.sizes))]
    writer = CudaWriter()
    emitter = CudaExpressions(writer, ())
    with writer.block(""):
        for position, symbol in enumerate(plan.sizes):
            writer.line(f"const gc_index size{position} = (gc_index)wide{position};")
            emitter.bind(symbol, f"size{position}")
        emitter.bind(loop.symbol, "step")
        with writer.block(f"for (gc_index step = 0; step < {emitter.dim(loop.extent)}; ++step)"):
            for number, x in enumerate(launches):
                arguments = [_pointer(emitter, place) for place in x.places]
                arguments += [emitter.symbol(s) for s in x.kernel.sizes]
                writer.line(f"{name}_{number}({', '.join(arguments)});")
                writer.line("gc_meet(meeting);")
    head = [
        "// all iterations of a loop",
        f'extern "C" __global__ void __launch_bounds__({THREADS})',
        f"{name}({', '.join([*parameters, 'unsigned* meeting', *sizes])})",
    ]
    return "\n".join([*head, *writer.lines, ""])


def _pointer(emitter: CudaExpressions, place: Place) -> str:
    here = place.buffer if place.offset == 0 else f"{place.buffer} + {emitter.dim(place.offset)}"
    if place.index is None or place.initial is None:
        return here
    return f"({emitter.dim(place.index)} != 0 ? {here} : {_pointer(emitter, place.initial)})"
