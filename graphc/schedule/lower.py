"""lower_graph(): Graph -> Plan. Anchors, fusion, storage, kernels, order, memory."""

from __future__ import annotations

import heapq
from dataclasses import replace

from graphc import dtypes
from graphc.errors import CompileError
from graphc.graph import Graph, Node, assumed_equalities
from graphc.loopir import Argument, Buffer, Launch, Origin, Plan, Requirement, Result
from graphc.schedule.anchor import choose_anchors
from graphc.schedule.cost import group_work, node_work
from graphc.schedule.elements import buffer_name
from graphc.schedule.fuse import Fusion
from graphc.schedule.group import Group
from graphc.schedule.kernels import BuiltKernel, build_kernel
from graphc.schedule.memory import plan_memory
from graphc.schedule.results import separate_results
from graphc.schedule.split import split_reductions
from graphc.schedule.storage import Storage, choose_storage
from graphc.schedule.structured import build_structured
from graphc.symbolic import Dim, Symbol, add, bare_symbol, multiply, symbols


def lower_graph(graph: Graph) -> Plan:
    """Return the plan of a graph of primitives.

    Raises CompileError where a run-time dim is not an axis of an argument.
    """
    graph = separate_results(split_reductions(graph))
    fusion = Fusion(graph, choose_anchors(graph))
    storage = choose_storage(graph, fusion)
    launches: list[Launch] = []
    launched: list[Group] = []
    for group in _in_order(fusion):
        kernels = _kernels(group, fusion, storage)
        for position, built in enumerate(kernels):
            barrier = position > 0 or _needs_barrier(group, launched, fusion)
            if barrier:
                launched = []
            launches.append(_launch(built, group, fusion, storage, barrier))
        launched.append(group)
    buffers, arena = _place_temporaries(storage, launches)
    arguments = tuple(
        Argument(storage.read[buffer_name(n)], n.attrs["name"], n.shape, n.dtype, str(n.provenance))
        for n in graph.inputs
    )
    results = tuple(Result(f"out{i}", n.shape, n.dtype) for i, n in enumerate(graph.outputs))
    sizes = _sizes(graph, arguments, buffers, launches)
    requirements = _requirements(graph)
    return Plan(sizes, buffers, arguments, results, tuple(launches), arena, requirements)


def _requirements(graph: Graph) -> tuple[Requirement, ...]:
    """Return what shape rules assume of the sizes and the algebra does not prove (a size that must divide another)."""
    found: dict[tuple[Dim, Dim], Requirement] = {}
    for left, right, n in assumed_equalities(graph):
        if left != right:
            given = ", ".join(str(i.type) for i in n.inputs)
            found.setdefault((left, right), Requirement(left, right, f"{n.op.name}({given}) [{n.provenance}]"))
    return tuple(found.values())


def _kernels(group: Group, fusion: Fusion, storage: Storage) -> list[BuiltKernel]:
    if group.kind == "structured":
        return build_structured(group.members[0], fusion.elements, storage.places)
    return [build_kernel(group, fusion.elements, storage.places)]


def _in_order(fusion: Fusion) -> list[Group]:
    """Return the groups in an order that respects all edges, the earliest made first (their inputs are warm)."""
    waiting = {
        g.number: {h.number for h in fusion.groups if fusion.order.precedes(h.number, g.number)} for g in fusion.groups
    }
    by_number = {g.number: g for g in fusion.groups}
    followers: dict[int, list[int]] = {number: [] for number in waiting}
    for number, before in waiting.items():
        for b in before:
            followers[b].append(number)
    ready = [number for number, before in waiting.items() if not before]
    heapq.heapify(ready)
    result: list[Group] = []
    while ready:
        number = heapq.heappop(ready)
        result.append(by_number[number])
        for follower in followers[number]:
            waiting[follower].discard(number)
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    return result


def _needs_barrier(group: Group, launched: list[Group], fusion: Fusion) -> bool:
    return any(fusion.order.precedes(before.number, group.number) for before in launched)


def _launch(built: BuiltKernel, group: Group, fusion: Fusion, storage: Storage, barrier: bool) -> Launch:
    moved: Dim = 0
    for name in built.arguments:
        buffer = storage.buffers[name]
        moved = add(moved, multiply(buffer.size, dtypes.itemsize(buffer.dtype)))
    origin = tuple(
        Origin(n.op.name, str(n.type), n.provenance.layer, n.provenance.source, node_work(n, fusion.elements), n)
        for n in group.members
    )
    work = group_work(group, fusion.elements)
    return Launch(built.kernel, built.arguments, work, moved, barrier, origin, tuple(group.unfused))


def _place_temporaries(storage: Storage, launches: list[Launch]) -> tuple[tuple[Buffer, ...], Dim]:
    """Give each temporary its slot. Time is counted in barriers: launches between two may run at once."""
    lifetimes: dict[str, tuple[int, int]] = {}
    phase = 0
    for launch in launches:
        phase += launch.barrier
        for name in (name for place in launch.places for name in place.buffers):
            lifetimes[name] = (lifetimes.get(name, (phase, phase))[0], phase)
    temporaries = [b for b in storage.buffers.values() if b.role == "temporary"]
    offsets, arena = plan_memory(temporaries, lifetimes)
    placed = tuple(replace(b, slot=offsets[b.name]) if b.name in offsets else b for b in storage.buffers.values())
    return placed, arena


def _sizes(
    graph: Graph, arguments: tuple[Argument, ...], buffers: tuple[Buffer, ...], launches: list[Launch]
) -> tuple[Symbol, ...]:
    bound = {s for argument in arguments for d in argument.shape if (s := bare_symbol(d)) is not None}
    needed: dict[Symbol, Node | None] = {}
    for n in graph.nodes:
        for d in n.shape:
            needed |= dict.fromkeys(symbols(d), n)
    needed |= {s: None for b in buffers for s in symbols(b.size) if s not in needed}
    for s, user in needed.items():
        if s not in bound:
            where = f" of {user.op.name}: {user.type} [{user.provenance}]" if user is not None else ""
            raise CompileError(f"the size {s}{where} is not the size of an axis of any input")
    return tuple(sorted(needed.keys() | bound, key=lambda s: s.name))
