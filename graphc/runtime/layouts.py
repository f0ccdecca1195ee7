"""In which order a plan's arrays lie in memory where that was a choice: what is moved, packed, kept, read in steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from graphc import symbolic
from graphc.loopir import ContractKernel, For, Kernel, Launch, LoopKernel, Origin, Plan, accesses
from graphc.records import record
from graphc.symbolic import Dim, Symbol

# Ops that move data into another order without computing.
MOVING = ("transpose", "copy")
# By buffer: the launches that use it, by position.
Users = dict[str, dict[int, Launch]]


@record
class LayoutReport:
    """One array that a launch makes or reads: its layout and the reason for it.

    `bytes` are what is read and written for the layout's sake, once where it is kept from call to call.
    """

    launch: int
    array: str
    layout: str
    reason: str
    bytes: str
    kept: bool

    def __str__(self) -> str:
        cost = f", {self.bytes} bytes {'once' if self.kept else 'a call'}" if self.bytes != "0" else ""
        return f"{self.array}: {self.layout}{cost}: {self.reason}"


def describe_layouts(plan: Plan) -> tuple[LayoutReport, ...]:
    """Return what was decided on layouts, by launch; an array that its kernel walks element by element needs none."""
    names, users = _names(plan), _users(plan)
    return tuple(
        layout
        for position, launch in enumerate(plan.launches)
        for layout in (*_made(plan, position, launch, users), *_read_in_steps(position, launch, names))
    )


def _users(plan: Plan) -> Users:
    """Return the launches that use each buffer, with their positions, in order."""
    users: Users = defaultdict(dict)
    for position, launch in enumerate(plan.launches):
        for place in launch.places:
            for name in place.buffers:
                users[name][position] = launch
    return users


def _made(plan: Plan, position: int, launch: Launch, users: Users) -> Iterator[LayoutReport]:
    """Yield the arrays that a launch moves into another order, and those that it computes once."""
    kept = position < plan.prepared
    for origin in launch.origin:
        if origin.op in MOVING or kept:
            layout, reason = _choice(position, launch, origin, kept, users)
            moved = str(launch.bytes) if origin.op in MOVING else "0"
            yield LayoutReport(position, f"{origin.op} {origin.type}", layout, reason, moved, kept)


def _choice(position: int, launch: Launch, origin: Origin, kept: bool, users: Users) -> tuple[str, str]:
    written = {b for p, place in zip(launch.kernel.parameters, launch.places) if p.writable for b in place.buffers}
    others = {i: other for name in written for i, other in users[name].items() if i != position}
    readers = sorted(others.items(), key=lambda reader: reader[0])
    who = ", ".join(f"launch {i} ({other.kernel.label or 'a kernel'})" for i, other in readers[:3])
    if origin.op not in MOVING:
        return "kept", f"it follows from weights alone, and is computed again only when they change; read by {who}"
    if kept and any(isinstance(other.kernel, ContractKernel) for _, other in readers):
        width = origin.type.rstrip("]").rsplit(" ", 1)[-1]
        return f"panels of {width} columns", f"the tiles of {who} read a panel from end to end"
    if not readers:
        return "moved", "the caller or a state wants it in memory of its own"
    if origin.op == "copy":
        return "moved", f"{who} may not read what is being overwritten"
    return "moved", f"{who} reads every element many times, each time next to others"


def _read_in_steps(position: int, launch: Launch, names: Mapping[str, str]) -> Iterator[LayoutReport]:
    """Yield the arrays that the innermost loop of a kernel reads with a distance between neighbours."""
    buffers = {p.name: place.buffer for p, place in zip(launch.kernel.parameters, launch.places) if not p.writable}
    found: dict[tuple[str, str], None] = {}
    for parameter, offset, innermost in _walks(launch.kernel):
        parts = symbolic.affine(offset, innermost)
        if parameter in buffers and parts is not None and parts[0] not in (-1, 0, 1):
            found.setdefault((buffers[parameter], str(parts[0])))
    for buffer, step in found:
        reason = "it is read as it lies, since no copy in another order would pay"
        yield LayoutReport(position, names[buffer], f"in steps of {step} elements", reason, "0", False)


def _walks(kernel: Kernel) -> Iterator[tuple[str, Dim, Symbol]]:
    """Yield each access with the loop that goes through neighbours: parameter, offset, the loop's symbol."""
    match kernel:
        case ContractKernel():
            left = (kernel.left.buffer, kernel.left.offset)
            for access in accesses(kernel):
                yield *access, kernel.depth[-1][0] if access == left else kernel.column[0]
        case LoopKernel(body=body):
            for loop in _vector_loops(body):
                for access in accesses(kernel):
                    yield *access, loop.symbol


def _vector_loops(body: tuple[object, ...]) -> Iterator[For]:
    for s in body:
        if isinstance(s, For):
            yield from (s,) if s.vector else _vector_loops(s.body)


def _names(plan: Plan) -> dict[str, str]:
    """Return what buffers are called to a reader: arguments and states by their names, others by who makes them."""
    names = {b.name: str(getattr(b.source, "name", b.name)) for b in plan.buffers}
    for position, launch in enumerate(plan.launches):
        for parameter, place in zip(launch.kernel.parameters, launch.places):
            if parameter.writable:
                names[place.buffer] = f"the result of launch {position}"
    return names | {argument.buffer: argument.name for argument in plan.arguments}
