"""A plan as text for a device that is launched kernel by kernel: shared by those who emit it and those who run it."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.symbolic import Dim


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a function of the text is started.

    It takes the addresses of its buffers, that of scratch memory where it needs such (`scratch`, in bytes), then its
    sizes. `blocks` is how many blocks have work to do (fewer may be started: each then does more; no result depends
    on it), `threads` the threads of a block.
    """

    function: str
    blocks: Dim
    threads: int
    scratch: int = 0


@dataclass(frozen=True, slots=True)
class DeviceProgram:
    """The text of a plan's kernels and, for each of `plan.launches`, what is started for it, in order."""

    text: str
    geometries: tuple[tuple[Geometry, ...], ...]

    @property
    def scratch(self) -> int:
        """The bytes of scratch memory that are enough for every launch."""
        return max((g.scratch for geometries in self.geometries for g in geometries), default=0)
