"""Plan: a program as launches of kernels over planned buffers, and loops of such."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal, Union

import numpy as np

from graphc.loopir.nodes import Kernel
from graphc.records import record
from graphc.symbolic import Dim, Symbol

Role = Literal["input", "output", "state", "temporary", "constant", "kept", "private"]


@record(eq=False)
class Buffer:
    """A flat array of the program. `size` counts elements.

    input: given by the caller. output: new memory, given to the caller. state: lives between calls (`source` is
    the State). constant: `value`. temporary: `slot` is its byte offset in the arena (a multiple of 64). private: each
    thread has one of its own, `slot` bytes from the start of its memory, in which nothing outlives an iteration of a
    loop whose iterations are apart.
    """

    name: str
    dtype: str
    size: Dim
    role: Role
    value: np.ndarray[Any, Any] | None = None
    source: Any = None
    slot: Dim | None = None


@record
class Place:
    """The elements of a buffer from `offset` on; where `index` is 0, those of `initial` instead.

    Both dims are over the plan's sizes and the symbols of the loops around. `initial` is where the first iteration
    of a loop finds what the others find as the result of the one before.
    """

    buffer: str
    offset: Dim = 0
    index: Dim | None = None
    initial: Place | None = None

    def moved(self, offset: Dim) -> Place:
        """Return the place `offset` elements further on."""
        initial = None if self.initial is None else self.initial.moved(offset)
        return Place(self.buffer, self.offset + offset, self.index, initial)

    @property
    def buffers(self) -> tuple[str, ...]:
        """The buffers that this may stand for."""
        return (self.buffer,) if self.initial is None else (self.buffer, *self.initial.buffers)


@record(eq=False)
class Origin:
    """A graph node that a kernel computes: its op, its type as text, its layer, the user's line, its share of `work`.

    `node` is the node itself, for tools that look at both; nothing here reads it.
    """

    op: str
    type: str
    layer: str | None = None
    source: str | None = None
    work: Dim = 0
    node: Any = None

    def __str__(self) -> str:
        layer = f"layer '{self.layer}'" if self.layer else ""
        place = (self.source or "").removeprefix(os.getcwd() + os.sep)
        return f"{self.op}: {self.type}  {', '.join(filter(None, (layer, place)))}".rstrip()


@record(eq=False)
class Launch:
    """Run a kernel with buffers, or places in buffers, for its parameters, in order.

    `work` is an estimate of scalar operations, `bytes` of memory moved. `barrier` tells whether all threads must
    have finished earlier launches before this one starts. `origin` are the graph nodes that became it; `unfused`
    tells why they did not join the kernels that compute what they read.
    """

    kernel: Kernel
    arguments: tuple[str | Place, ...]
    work: Dim
    bytes: Dim
    barrier: bool = True
    origin: tuple[Origin, ...] = ()
    unfused: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[Place, ...]:
        """The arguments, whole buffers too as places."""
        return tuple(Place(a) if isinstance(a, str) else a for a in self.arguments)


@record(eq=False)
class Loop:
    """Run the steps for symbol = 0 .. extent - 1, one iteration after the other.

    All threads must have finished what came before the loop before it starts, and an iteration before the next one.
    Where `rows` names a size whose rows no launch brings together (see `loopir.rows`), a thread may run all iterations
    for some of the rows instead. Where iterations are `apart`, none needs another one's results: threads run them in
    any order, each alone, with private buffers of its own. Kernels may take the symbol as a size.
    """

    symbol: Symbol
    extent: Dim
    steps: tuple[Step, ...]
    rows: Symbol | None = None
    apart: bool = False


Step = Union[Launch, Loop]


def launches_of(steps: tuple[Step, ...]) -> Iterator[Launch]:
    """Yield the launches among the steps, those in loops once each, in order."""
    for step in steps:
        match step:
            case Launch():
                yield step
            case Loop():
                yield from launches_of(step.steps)


@record(eq=False)
class Argument:
    """An input as the caller gives it: its buffer, its shape and dtype; for errors its name and `origin`, the
    user's line that made it."""

    buffer: str
    name: str
    shape: tuple[Dim, ...]
    dtype: str
    origin: str = ""


@record(eq=False)
class Result:
    """An output as the caller gets it. `buffer` has role output; two results may not share one."""

    buffer: str
    shape: tuple[Dim, ...]
    dtype: str


@record(eq=False)
class Requirement:
    """Two dims that the arguments' sizes must make equal; `origin`, as text, says what assumes it, for the error."""

    left: Dim
    right: Dim
    origin: object


@record(eq=False)
class Interface:
    """What running a program takes besides its code.

    `sizes` are the run-time dims; each is bound from the first axis of an argument that is that bare symbol.
    `arena` is the number of bytes of temporaries. `requirements` must hold for a call.
    """

    sizes: tuple[Symbol, ...]
    buffers: tuple[Buffer, ...]
    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    arena: Dim
    requirements: tuple[Requirement, ...] = ()


@record(eq=False)
class Plan(Interface):
    """A whole program: its interface, and the `steps` that run in order.

    The first `prepared` steps are launches that compute the buffers of role kept from states and constants alone: a
    target may leave them out in a call before which no state has changed since the last one. `private` is the number of
    bytes that a thread needs for its private buffers.
    """

    steps: tuple[Step, ...] = ()
    prepared: int = 0
    private: int = 0

    def buffer(self, name: str) -> Buffer:
        """Return the buffer of this name."""
        return next(b for b in self.buffers if b.name == name)

    @property
    def launches(self) -> tuple[Launch, ...]:
        """All launches, those in loops once each, in order."""
        return tuple(launches_of(self.steps))

    @property
    def has_updates(self) -> bool:
        """Tell whether a launch writes a state."""
        states = {b.name for b in self.buffers if b.role == "state"}
        return any(
            parameter.writable and place.buffer in states
            for launch in self.launches
            for parameter, place in zip(launch.kernel.parameters, launch.places)
        )
