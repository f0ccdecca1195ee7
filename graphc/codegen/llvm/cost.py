"""Steps of a plan with the functions of their kernels and what they cost on one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

from graphc.loopir import ContractKernel, For, Kernel, Launch, Loop, Step
from graphc.records import record
from graphc.symbolic import Dim, add, multiply

# Estimated picoseconds of a launch's unit of work and of one byte moved, by one thread with its data in the L2 cache.
_UNIT, _BYTE = 12, 5


@record
class PlannedLaunch:
    """A launch, the name of its kernel's function, and its estimated cost in picoseconds on one thread."""

    launch: Launch
    function: str
    cost: Dim
    parallel: bool


@record
class PlannedLoop:
    """A loop, what is in it, and its estimated cost in picoseconds on one thread."""

    loop: Loop
    steps: tuple[PlannedStep, ...]
    cost: Dim


PlannedStep = Union[PlannedLaunch, PlannedLoop]


def plan_steps(steps: Sequence[Step], functions: Mapping[Kernel, str]) -> tuple[PlannedStep, ...]:
    """Return the steps with the functions that `functions` names for their kernels, and their costs."""
    planned: list[PlannedStep] = []
    for step in steps:
        match step:
            case Launch(kernel):
                planned.append(PlannedLaunch(step, functions[kernel], _cost(step), _has_parallel_part(step)))
            case Loop(_, extent, inner):
                inside = plan_steps(inner, functions)
                planned.append(PlannedLoop(step, inside, multiply(extent, plan_cost(inside))))
    return tuple(planned)


def _cost(launch: Launch) -> Dim:
    return add(multiply(launch.work, _UNIT), multiply(launch.bytes, _BYTE))


def _has_parallel_part(launch: Launch) -> bool:
    kernel = launch.kernel
    return isinstance(kernel, ContractKernel) or any(isinstance(s, For) and s.parallel for s in kernel.body)


def plan_cost(steps: Sequence[PlannedStep]) -> Dim:
    """Return the estimated picoseconds of steps on one thread."""
    total: Dim = 0
    for planned in steps:
        total = add(total, planned.cost)
    return total


def is_parallel(planned: PlannedStep) -> bool:
    """Tell whether threads may share some of a step."""
    return any(map(is_parallel, planned.steps)) if isinstance(planned, PlannedLoop) else planned.parallel
