"""A plan as text for a device that is launched kernel by kernel: shared by those who emit it and those who run it."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.symbolic import Dim


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a launch of the plan is started.

    `function` is the kernel's name in the text; it takes the addresses of its buffers, then its sizes. `blocks` is
    how many blocks have work to do (fewer may be started: each then does more; no result depends on it), `threads`
    the threads of a block.
    """

    function: str
    blocks: Dim
    threads: int


@dataclass(frozen=True, slots=True)
class DeviceProgram:
    """The text of a plan's kernels and a geometry for each of `plan.launches`, in order."""

    text: str
    geometries: tuple[Geometry, ...]
