"""A plan as text for a device that is launched kernel by kernel: shared by those who emit it and those who run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from graphc.loopir.plan import Place
from graphc.records import record
from graphc.symbolic import Dim, Symbol


@record
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


@record
class StandingGrid:
    """How a function that does all iterations of a loop is started: all its blocks must run at the same time.

    It takes the addresses of `buffers`, that of two 32-bit words that are 0 before it is first started, then the
    plan's sizes. `blocks` are how many have work to do in each launch of an iteration.
    """

    function: str
    blocks: tuple[Dim, ...]
    threads: int
    buffers: tuple[str, ...]


@record
class Matrix:
    """A matrix of float32 in the buffer of a launch's parameter of this number; where it is None, in scratch memory.

    It starts `offset` elements from there. Its lines are `stride` elements apart; where it `is_transposed`, its columns
    are.
    """

    parameter: int | None
    offset: Dim
    stride: Dim
    is_transposed: bool


@record
class LibraryProduct:
    """What may be done for a launch instead: result (rows, columns) = left @ right + bias.

    `bias` has an element a column. `prepare` and `finish` are functions of the text that are started before and after
    it with the launch's arguments. `precision` is what operands may be rounded to. `is_certain`: it is done whether it
    is faster or not.
    """

    left: Matrix
    right: Matrix
    result: Matrix
    rows: Dim
    columns: Dim
    depth: Dim
    bias: Matrix | None
    precision: str
    prepare: tuple[Geometry, ...] = ()
    finish: tuple[Geometry, ...] = ()
    is_certain: bool = False
    library: ClassVar[str] = "cublas"


@record
class Images:
    """Images of float32 in the buffer of a launch's parameter of this number; where it is None, in scratch memory.

    `shape` and `strides`, in elements, are of (number, channels, rows, columns).
    """

    parameter: int | None
    offset: Dim
    shape: tuple[Dim, Dim, Dim, Dim]
    strides: tuple[Dim, Dim, Dim, Dim]


@record
class LibraryConvolution:
    """What may be done for a launch instead: `prepare`, a convolution of images without padding, then `finish`.

    `forward`: the sums over windows of `image` with filters, `other`. `weights`: the gradient of the filters, from
    `image` and the sums' gradient, `other`. The rest is as for LibraryProduct.
    """

    kind: Literal["forward", "weights"]
    image: Images
    other: Images
    result: Images
    strides: tuple[int, int]
    dilations: tuple[int, int]
    precision: str
    prepare: tuple[Geometry, ...] = ()
    finish: tuple[Geometry, ...] = ()
    is_certain: bool = False
    library: ClassVar = "cudnn"


@record
class LongFold:
    """What is started for a launch whose folds have `least` values or more: there are `values` of them."""

    values: Dim
    least: int
    geometries: tuple[Geometry, ...]


@record
class Started:
    """What is started for a launch: the functions of `geometries` in order, with its `places` and its `sizes`.

    `written` are the numbers of the places that are written; `others` is what a library may do instead. `digest` tells
    the text of all these functions from others.
    """

    places: tuple[Place, ...]
    written: tuple[int, ...]
    sizes: tuple[Symbol, ...]
    geometries: tuple[Geometry, ...]
    others: tuple[LibraryProduct | LibraryConvolution, ...] = ()
    digest: str = ""
    long: LongFold | None = None

    @property
    def functions(self) -> tuple[Geometry, ...]:
        """The functions that may be started for it where no library does it."""
        return self.geometries if self.long is None else (*self.geometries, *self.long.geometries)

    @property
    def around(self) -> tuple[Geometry, ...]:
        """The functions that may be started around a library's call."""
        return tuple(g for other in self.others for g in (*other.prepare, *other.finish))


@record
class Repeated:
    """A loop of a plan: the steps for symbol = 0 .. extent - 1. `grid` is what may be started instead of them all."""

    symbol: Symbol
    extent: Dim
    steps: tuple[Started | Repeated, ...]
    grid: StandingGrid | None = None


@record
class Procedure:
    """What is started for a plan, in order, on a device that is given one launch after another.

    The first `prepared` steps are the plan's.
    """

    steps: tuple[Started | Repeated, ...]
    prepared: int = 0

    @property
    def started(self) -> tuple[Started, ...]:
        """What is started for each launch of the plan, those in loops once each, in order."""
        return tuple(_started(self.steps))

    @property
    def grids(self) -> tuple[StandingGrid, ...]:
        """What may be started instead of loops."""
        return tuple(s.grid for s in self.steps if isinstance(s, Repeated) and s.grid is not None)

    @property
    def written(self) -> frozenset[str]:
        """The buffers that are written."""
        return frozenset(name for s in self.started for number in s.written for name in s.places[number].buffers)

    @property
    def scratch(self) -> int:
        """The bytes of scratch memory that are enough for every launch."""
        return max((g.scratch for s in self.started for g in s.functions), default=0)

    @property
    def library_scratch(self) -> int:
        """The bytes of scratch memory that are enough for what libraries may do."""
        return max((g.scratch for s in self.started for g in s.around), default=0)


def _started(steps: tuple[Started | Repeated, ...]) -> Iterator[Started]:
    for step in steps:
        match step:
            case Started():
                yield step
            case Repeated():
                yield from _started(step.steps)


@record
class DeviceProgram:
    """A plan for such a device: the text of its kernels, and what is started of it."""

    text: str
    procedure: Procedure
