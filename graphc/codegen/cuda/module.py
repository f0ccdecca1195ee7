"""A plan as CUDA C: the prelude, and a function for each kernel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from graphc.codegen.cuda.contract import contract_parts
from graphc.codegen.cuda.convolution import describe_convolution
from graphc.codegen.cuda.function import emit_function
from graphc.codegen.cuda.long_fold import LONG, has_long_folds, merging_kernel, parted_folds, values_of_folds
from graphc.codegen.cuda.persistent import emit_persistent, is_aligned
from graphc.codegen.cuda.product import describe_product
from graphc.codegen.cuda.split import SCRATCH, adding_kernel
from graphc.codegen.cuda.sums import LibraryWay
from graphc.loopir import (
    ContractKernel,
    DeviceProgram,
    Geometry,
    Kernel,
    Launch,
    LongFold,
    Loop,
    LoopKernel,
    Plan,
    Procedure,
    Repeated,
    StandingGrid,
    Started,
    Step,
    has_epoch,
)
from graphc.records import record, replace

# What tells functions of equal text from each other.
_NAMES = re.compile(r"\bkernel_\d+")


def prelude() -> str:
    """Return the text that every module begins with: what generated kernels call."""
    return _part("prelude.cuh")


@cache
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def emit_cuda_kernel(
    kernel: Kernel, name: str, is_aligned: bool = True, precision: str = "float32", is_long: bool = False
) -> tuple[str, tuple[Geometry, ...]]:
    """Return the text of a kernel's functions, without the prelude, and how to launch them one after the other.

    `is_aligned`: every buffer starts at a multiple of four elements. `precision` is that of `emit_cuda`. `is_long`:
    the kernel's folds are split though they are not known to be long. A function takes a pointer for each parameter,
    one more where its geometry asks for scratch memory, and a 64-bit integer for each size.
    """
    second: LoopKernel | None = None
    if isinstance(kernel, LoopKernel):
        second = merging_kernel(kernel) if is_long or has_long_folds(kernel) else None
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


def emit_cuda(plan: Plan, precision: str = "float32", libraries: Mapping[str, str] | None = None) -> DeviceProgram:
    """Return a plan's text, and what is started of it.

    Kernels that are equal become one function. Equal programs have equal text, in every process. `precision` is what
    the operands of contractions in float32 may be rounded to: float32 (no rounding), tf32 or bfloat16, both of which
    tensor cores multiply; sums are float32 in any case. `libraries` are those that may do launches instead (`cublas`,
    `cudnn`): `always`, or where they are faster (`measure`).
    """
    writer = _ModuleWriter(plan, precision, libraries or {})
    steps = tuple(writer.step(step) for step in plan.steps)
    if has_epoch(plan):
        writer.texts.append(_part("epoch.cuh"))
    return DeviceProgram("\n".join(writer.texts), Procedure(steps, plan.prepared))


@record
class _Written:
    """A kernel's text, and how to start its functions one after the other."""

    text: str
    geometries: tuple[Geometry, ...]


class _ModuleWriter:
    """Collects a module's text; each step of the plan adds what is not there yet."""

    def __init__(self, plan: Plan, precision: str, libraries: Mapping[str, str]) -> None:
        self._plan, self._precision, self._libraries = plan, precision, libraries
        self._functions: dict[tuple[Kernel, bool, bool], _Written] = {}
        self._grids = 0
        self.texts = [prelude()]

    def step(self, step: Step) -> Started | Repeated:
        """Return what is started for a step."""
        match step:
            case Launch():
                return self._started(step)
            case Loop(symbol, extent, inner):
                steps = tuple(self.step(s) for s in inner)
                return Repeated(symbol, extent, steps, self._grid(step) if step in self._plan.steps else None)

    def _started(self, launch: Launch) -> Started:
        kernel = launch.kernel
        aligned = all(map(is_aligned, launch.places))
        written = tuple(i for i, p in enumerate(kernel.parameters) if p.writable)
        own = self._function(kernel, aligned)
        started = Started(launch.places, written, kernel.sizes, own.geometries)
        if isinstance(kernel, LoopKernel):
            return replace(started, long=self._long(kernel, aligned))
        ways = self._library_ways(kernel)
        if not ways:
            return started
        texts, others = [own.text], []
        for way in ways:
            around = [self._around(k, way.scratch, aligned) for k in (way.prepare, way.finish)]
            texts += [written.text for written in around]
            prepare, finish = (written.geometries for written in around)
            is_certain = self._libraries[way.call.library] == "always"
            others.append(replace(way.call, prepare=prepare, finish=finish, is_certain=is_certain))
        digest = hashlib.sha256(_NAMES.sub("", "\n".join(texts)).encode()).hexdigest()
        return replace(started, others=tuple(others), digest=digest)

    def _long(self, kernel: LoopKernel, aligned: bool) -> LongFold | None:
        """Return what is started where a run-time size makes folds long, which are not known to be so."""
        if has_long_folds(kernel) or not parted_folds(kernel):
            return None
        values = values_of_folds(kernel)
        if isinstance(values, int):
            return None
        return LongFold(values, LONG, self._function(kernel, aligned, True).geometries)

    def _library_ways(self, kernel: ContractKernel) -> list[LibraryWay]:
        """Return what may be done by libraries instead of a kernel: a product is never a convolution too."""
        product = describe_product(kernel, self._precision)
        found = describe_convolution(kernel, self._precision) if product is None else product
        return [way for way in (found,) if way is not None and way.call.library in self._libraries]

    def _around(self, kernel: LoopKernel | None, scratch: int, aligned: bool) -> _Written:
        """Return the functions that are started before or after a library's call."""
        if kernel is None:
            return _Written("", ())
        found = self._function(kernel, aligned)
        if all(p.name != SCRATCH for p in kernel.parameters):
            return found
        return replace(found, geometries=tuple(replace(g, scratch=scratch) for g in found.geometries))

    def _function(self, kernel: Kernel, aligned: bool, is_long: bool = False) -> _Written:
        """Return a kernel's functions, which are written where they are not there yet."""
        key = (kernel, aligned, is_long)
        if key not in self._functions:
            name = f"kernel_{len(self._functions)}"
            self._functions[key] = _Written(*emit_cuda_kernel(kernel, name, aligned, self._precision, is_long))
            self.texts.append(self._functions[key].text)
        return self._functions[key]

    def _grid(self, loop: Loop) -> StandingGrid | None:
        found = emit_persistent(loop, self._plan, f"loop_{self._grids}", self._precision)
        if found is None:
            return None
        self._grids += 1
        self.texts.append(found[0])
        return found[1]
