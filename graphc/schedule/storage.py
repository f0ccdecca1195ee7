"""Storage: which buffer each value lives in. Updates are written in place where every reader has read before."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.graph import PLACEHOLDER, STATE, Graph, Node, aligned_copy
from graphc.loopir import Buffer, Load, Place
from graphc.records import record
from graphc.schedule.contract import describe_contraction
from graphc.schedule.elements import Elements, buffer_name, scalar_constant
from graphc.schedule.fuse import Fusion, operand_sources
from graphc.schedule.group import Group
from graphc.schedule.kernels import Places
from graphc.schedule.results import copy_of
from graphc.symbolic import Dim


@record
class View:
    """A part of a buffer that kernels know as if it were a buffer: where it is, its size in elements, its dtype."""

    place: Place
    size: Dim
    dtype: str


@dataclass
class Storage:
    """Buffers and views by name; `read` maps a value's name to where it is read, `written` a node to where it goes.

    The program of a loop's body has a storage of its own, with the buffers and views of the program around it.
    `depth` is the number of loops around, `depths` tells it of the program that each temporary belongs to.
    """

    buffers: dict[str, Buffer] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    written: dict[Node, list[str]] = field(default_factory=dict)
    depth: int = 0
    depths: dict[str, int] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """The maps as kernels need them."""
        dtypes = {name: part.dtype for parts in (self.buffers, self.views) for name, part in parts.items()}
        return Places(self.read, self.written, dtypes)

    def inside(self) -> Storage:
        """Return the storage, still empty, of the body of a loop."""
        return Storage(self.buffers, self.views, depth=self.depth + 1, depths=self.depths)

    def place(self, name: str) -> Place:
        """Return where a buffer or view is."""
        return self.views[name].place if name in self.views else Place(name)

    def size(self, name: str) -> tuple[Dim, str]:
        """Return the size in elements and the dtype of a buffer or view."""
        found = self.views[name] if name in self.views else self.buffers[name]
        return found.size, found.dtype

    def add(self, buffer: Buffer, *values: Node) -> str:
        """Add a buffer that the values are read from; return its name."""
        self.buffers[buffer.name] = buffer
        for n in values:
            self.read[buffer_name(n)] = buffer.name
        return buffer.name

    def add_temporary(self, dtype: str, size: Dim, *values: Node) -> str:
        """Add a temporary that the values are read from; return its name."""
        name = f"tmp{len(self.buffers)}"
        self.depths[name] = self.depth
        return self.add(Buffer(name, dtype, size, "temporary"), *values)

    def add_view(self, place: Place, size: Dim, dtype: str, *values: Node) -> str:
        """Add a view that the values are read from; return its name."""
        name = f"view{len(self.views)}"
        self.views[name] = View(place, size, dtype)
        for n in values:
            self.read[buffer_name(n)] = name
        return name


def choose_storage(graph: Graph, fusion: Fusion) -> Storage:
    """Return the storage of every value that a kernel reads or a caller gets.

    May add copying groups to `fusion`, and orders its groups so that states are overwritten after their readers.
    """
    storage = Storage()
    for i, n in enumerate(graph.inputs):
        storage.add(Buffer(f"in{i}", n.dtype, n.type.size, "input"), n)
    for i, n in enumerate(graph.states):
        storage.add(Buffer(f"state{i}", n.dtype, n.type.size, "state", source=n.attrs["state"]), n)
    add_constants(graph, storage)
    for i, n in enumerate(graph.outputs):
        storage.written[n] = [storage.add(Buffer(f"out{i}", n.dtype, n.type.size, "output"), n)]
    reads = {g: group_reads(g, fusion.elements) for g in fusion.groups}
    for position, (state, new) in enumerate(graph.updates):
        _store_update(state, new, position, fusion, storage, reads)
    add_temporaries(fusion, storage)
    return storage


def add_constants(graph: Graph, storage: Storage) -> None:
    """Add a buffer for each constant that is no literal."""
    for n in graph.nodes:
        if n.op.kind == "source" and n.op not in (PLACEHOLDER, STATE) and scalar_constant(n) is None:
            value = aligned_copy(n.attrs["value"])
            storage.add(Buffer(f"const{len(storage.buffers)}", n.dtype, n.type.size, "constant", value=value), n)


def group_loads(group: Group, elements: Elements) -> dict[Node, list[Load]]:
    """Return what each member of a group that is not structured loads."""
    result: dict[Node, list[Load]] = {}
    for n in group.members:
        if n.op.kind == "contraction":
            c = describe_contraction(n, group, elements)
            result[n] = elements.loads(c.left) + elements.loads(c.right)
        else:
            result[n] = group.loads(n, elements)
    return result


def group_reads(group: Group, elements: Elements) -> set[str]:
    """Return the names of the values that a group reads, its own members among them."""
    if group.kind in ("structured", "scan"):
        return {buffer_name(s) for s in operand_sources(group.members[0], elements)}
    return {load.buffer for found in group_loads(group, elements).values() for load in found}


def _store_update(
    state: Node, new: Node, position: int, fusion: Fusion, storage: Storage, reads: dict[Group, set[str]]
) -> None:
    name = storage.read[buffer_name(state)]
    group = fusion.home[new]
    readers = {g.number for g, names in reads.items() if g is not group and buffer_name(state) in names}
    in_place = fusion.order.allows(readers, group.number) and _reads_before_writing(group, state, new, fusion.elements)
    if in_place:
        fusion.order.require(readers, group.number)
        storage.written[new] = [name]
        storage.read[buffer_name(new)] = name
        return
    copy = copy_of(new, -1 - position)
    fusion.elements.anchored.add(copy)
    copying = fusion.place_alone(copy)
    fusion.order.require(readers | {group.number}, copying.number)
    storage.written[copy] = [name]


def _reads_before_writing(group: Group, state: Node, new: Node, elements: Elements) -> bool:
    """Tell whether a group reads the old state only at the element it then overwrites."""
    if group.kind == "structured":
        return buffer_name(state) not in group_reads(group, elements)
    found = group_loads(group, elements)
    written = False
    for n in group.members:
        reads = [load for load in found[n] if load.buffer == buffer_name(state)]
        if reads and written and group.kind == "rows":
            return False
        if reads and n.op.kind == "contraction":
            return False
        if any(load.offset != group.offset(new) or load.guard is not None for load in reads):
            return False
        written = written or n is new
    return True


def add_temporaries(fusion: Fusion, storage: Storage) -> None:
    """Add a buffer for each value that a kernel reads and another one computes; those of recurrences aside."""
    read: set[str] = set()
    for group in fusion.groups:
        own = {buffer_name(m) for m in group.members}
        read |= group_reads(group, fusion.elements) - own
        read |= {buffer_name(m) for m in _kept_row_members(group, fusion.elements)}
    for group in fusion.groups:
        for n in group.members if group.kind != "scan" else ():
            if n not in storage.written and buffer_name(n) in read:
                storage.written[n] = [storage.add_temporary(n.dtype, n.type.size, n)]


def _kept_row_members(group: Group, elements: Elements) -> set[Node]:
    """Return the row members that are read again after their loop over the row has ended."""
    kept: set[Node] = set()
    opened: dict[str, Node] = {}
    closed: dict[str, Node] = {}
    if group.kind != "rows":
        return kept
    found = group_loads(group, elements)
    for n in group.members:
        names = {load.buffer for load in found[n]}
        if not group.is_inner(n) and names & opened.keys():
            closed |= opened
            opened = {}
        kept |= {closed[name] for name in names & closed.keys()}
        if group.is_inner(n):
            opened[buffer_name(n)] = n
    return kept
