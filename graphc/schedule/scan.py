"""Recurrences: where a scan keeps what goes from step to step, and the program of one step.

The nodes of one recurrence (siblings) are one group, which becomes a loop. The body is scheduled like a program of its
own, whose inputs and outputs are places in buffers of the program around it. Of carry i, kept is where

    its values before the steps are a result:  a history of length + 1, the initial value copied to its start
    those after the steps are one:             that result, which the next step reads
    neither:                                   two halves of a temporary, in turns
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.graph import Graph, Node
from graphc.loopir import Load, Place, Store
from graphc.records import replace
from graphc.schedule.anchor import choose_anchors, contiguous_part
from graphc.schedule.columns import split_columns
from graphc.schedule.elements import Elements, as_symbol, buffer_name, loop_symbols
from graphc.schedule.fuse import Fusion
from graphc.schedule.group import Group
from graphc.schedule.kernels import BuiltKernel, loop_kernel
from graphc.schedule.results import separate_results
from graphc.schedule.split import split_reductions
from graphc.schedule.storage import Storage, add_constants, add_temporaries
from graphc.symbolic import Dim, Symbol, modulo, symbol


@dataclass
class LoopPlan:
    """How a group runs: a loop of `length` over `symbol`, whose iteration works on `position` of sequences.

    `inputs` are the places of the body's inputs; `results` are nodes of the body with the places that a step stores
    them to. `starts` are initial values with the views that they are copied to before the loop.
    """

    body: Graph
    symbol: Symbol
    length: Dim
    position: Dim
    inputs: list[Place] = field(default_factory=list)
    results: list[tuple[Node, list[Place]]] = field(default_factory=list)
    starts: list[tuple[Place, Place, Node]] = field(default_factory=list)


def plan_loop(group: Group, elements: Elements, storage: Storage) -> LoopPlan:
    """Return how a group of siblings runs; add its buffers, and where its results are read, to the storage."""
    first = group.members[0]
    body, length, backwards = first.attrs["body"], first.attrs["length"], first.attrs["reverse"]
    step = symbol(f"t{storage.depth}", length)
    loop = LoopPlan(body, as_symbol(step), length, length - 1 - step if backwards else step)
    builder = _Builder(loop, group, storage, step, backwards)
    operands = [_place_of(n, elements, storage) for n in first.inputs]
    sequences, carries = first.attrs["sequences"], first.attrs["carries"]
    for place, inner in zip(operands[:sequences], body.inputs):
        loop.inputs.append(place.moved(loop.position * inner.type.size))
    for i, initial in enumerate(operands[sequences : sequences + carries]):
        loop.inputs.append(builder.carry(i, body.inputs[sequences + i], initial))
    loop.inputs += operands[sequences + carries :]
    builder.values()
    return loop


class _Builder:
    """Fills in a loop, carry by carry; `stacked` are the results not yet stored, by what they stack."""

    def __init__(self, loop: LoopPlan, group: Group, storage: Storage, step: Dim, backwards: bool) -> None:
        self._loop = loop
        self._storage = storage
        self._step = step
        self._backwards = backwards
        self._stacked = {n.attrs["value"]: n for n in group.members if n.attrs["value"] is not None}
        self._finals = {n.attrs["carry"]: n for n in group.members if n.attrs["carry"] is not None}

    def carry(self, i: int, before: Node, initial: Place) -> Place:
        """Decide where carry i is kept; return where a step reads it. `before` is the body's input for it."""
        new, size = self._loop.body.outputs[i], before.type.size
        targets: list[Place] = []
        if before in self._stacked:
            previous, last = self._history(before, new, initial, targets)
        elif new in self._stacked:
            previous, last = self._in_result(self._stacked[new], size, initial)
        else:
            halves, length = self._storage.add_temporary(new.dtype, 2 * size), self._loop.length
            targets.append(Place(halves, modulo(self._step, 2) * size))
            previous = Place(halves, modulo(self._step + 1, 2) * size, self._step, initial)
            last = self._or_initial(Place(halves, modulo(length + 1, 2) * size), initial)
        if new in self._stacked:
            targets.append(self._element(self._stacked.pop(new)))
        self._loop.results.append((new, targets))
        if i in self._finals:
            self._storage.add_view(last, size, new.dtype, self._finals[i])
        return previous

    def values(self) -> None:
        """Add the results that are no carry's."""
        self._loop.results += [(value, [self._element(n)]) for value, n in self._stacked.items()]

    def _history(self, before: Node, new: Node, initial: Place, targets: list[Place]) -> tuple[Place, Place]:
        """Keep the values before the first and after each step, in the order of positions."""
        storage, length, size = self._storage, self._loop.length, before.type.size
        history = storage.add_temporary(before.dtype, (length + 1) * size)
        # Entry p is the carry before the step at position p; where steps go backwards, entry p + 1 is.
        of_before, of_after = (size, 0) if self._backwards else (0, size)
        stacked_before = self._stacked.pop(before)
        storage.add_view(Place(history, of_before), stacked_before.type.size, before.dtype, stacked_before)
        after = self._stacked.get(new)
        if after is not None and after not in storage.written:
            storage.add_view(Place(history, of_after), after.type.size, after.dtype, after)
            del self._stacked[new]
        here = Place(history, self._loop.position * size)
        targets.append(here.moved(of_after))
        start, end = (length * size, 0) if self._backwards else (0, length * size)
        self._loop.starts.append((initial, Place(history, start), before))
        return here.moved(of_before), Place(history, end)

    def _in_result(self, after: Node, size: Dim, initial: Place) -> tuple[Place, Place]:
        """Keep the carry where the values after the steps are wanted."""
        buffer, length = self._buffer(after), self._loop.length
        previous = self._loop.position * size + (size if self._backwards else -1 * size)
        last = Place(buffer, 0 if self._backwards else (length - 1) * size)
        return Place(buffer, previous, self._step, initial), self._or_initial(last, initial)

    def _or_initial(self, last: Place, initial: Place) -> Place:
        """Return the place of the last step's carry: the initial one's where there is no step."""
        length = self._loop.length
        if isinstance(length, int):
            return initial if length == 0 else last
        return replace(last, index=length, initial=initial)

    def _element(self, stacked: Node) -> Place:
        """Return the place of a step's element of a stacked result."""
        size = stacked.attrs["value"].type.size
        return Place(self._buffer(stacked), self._loop.position * size)

    def _buffer(self, stacked: Node) -> str:
        """Return the buffer of a stacked result: the caller's, or a temporary."""
        written, storage = self._storage.written, self._storage
        if stacked not in written:
            written[stacked] = [storage.add_temporary(stacked.dtype, stacked.type.size, stacked)]
        return written[stacked][0]


def _place_of(n: Node, elements: Elements, storage: Storage) -> Place:
    """Return where the elements of an operand lie, one after the other."""
    part = contiguous_part(n, elements)
    assert part is not None
    return storage.place(storage.read[part[0]]).moved(part[1])


def start_kernels(loop: LoopPlan, storage: Storage) -> list[BuiltKernel]:
    """Return the kernels that copy initial values to the start of their histories."""
    kernels = []
    for source, target, carry in loop.starts:
        names = [storage.add_view(place, carry.type.size, carry.dtype) for place in (source, target)]
        [variable] = loop_symbols((carry.type.size,), "i")
        copy = Store(names[1], variable, Load(names[0], variable, carry.dtype))
        loops = [(as_symbol(variable), carry.type.size)]
        kernels.append(loop_kernel([copy], loops, [], storage.places, "initial"))
    return kernels


def body_program(loop: LoopPlan, storage: Storage) -> tuple[Fusion, Storage]:
    """Return the groups of one step and their storage."""
    roots = tuple(n for n, _ in loop.results)
    graph = separate_results(split_columns(split_reductions(Graph(loop.body.inputs, roots))))
    fusion = Fusion(graph, choose_anchors(graph))
    inner = storage.inside()
    for n, place in zip(graph.inputs, loop.inputs):
        inner.add_view(place, n.type.size, n.dtype, n)
    add_constants(graph, inner)
    for n, (_, places) in zip(graph.outputs, loop.results):
        names = [inner.add_view(place, n.type.size, n.dtype) for place in places]
        inner.written[n] = names
        inner.read[buffer_name(n)] = names[0]
    add_temporaries(fusion, inner)
    return fusion, inner
