"""A plan as text for a device that is launched kernel by kernel: shared by those who emit it and those who run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphc.symbolic import Dim


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a function of the text is started.

    It takes the addresses of its buffers, that of scratch memory where it needs such (`scratch`, in bytes), then its
    sizes. `blocks` is how many blocks have work to do (fewer may be started: each then does more; no result depends
    on it), `threads` the threads of a block, `shared` the bytes of shared memory that one takes.
    """

    function: str
    blocks: Dim
    threads: int
    scratch: int = 0
    shared: int = 0


@dataclass(frozen=True, slots=True)
class StandingGrid:
    """How a function that does all iterations of a loop is started: all its blocks must run at the same time.

    It takes the addresses of `buffers`, that of two 32-bit words that are 0 before it is first started, then the
    plan's sizes. `blocks` are how many have work to do in each launch of an iteration.
    """

    function: str
    blocks: tuple[Dim, ...]
    threads: int
    buffers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of float32 in the buffer of a launch's parameter of this number: `offset` elements from its start.

    Its lines are `stride` elements apart; where it `is_transposed`, its columns are.
    """

    parameter: int
    offset: Dim
    stride: Dim
    is_transposed: bool


@dataclass(frozen=True, slots=True)
class LibraryProduct:
    """What may be done for a launch instead: result (rows, columns) = left @ right + bias, then functions of the text.

    `bias` has an element a column. `finish` are started with the launch's arguments. `precision` is what operands may
    be rounded to.
    """

    left: Matrix
    right: Matrix
    result: Matrix
    rows: Dim
    columns: Dim
    depth: Dim
    bias: Matrix | None
    finish: tuple[Geometry, ...]
    precision: str


@dataclass(frozen=True, slots=True)
class DeviceProgram:
    """The text of a plan's kernels and, for each of `plan.launches`, what is started for it, in order.

    `standing` has, by their position among the plan's steps, the loops that may be started as one instead;
    `products`, by their position in `plan.launches`, what a library may multiply.
    """

    text: str
    geometries: tuple[tuple[Geometry, ...], ...]
    standing: Mapping[int, StandingGrid] = field(default_factory=dict)
    products: Mapping[int, LibraryProduct] = field(default_factory=dict)

    @property
    def scratch(self) -> int:
        """The bytes of scratch memory that are enough for every launch."""
        return max((g.scratch for geometries in self.geometries for g in geometries), default=0)
