"""Steps: the groups of a program in an order that respects what they read, as launches and loops."""

from __future__ import annotations

import heapq

from graphc import dtypes
from graphc.graph import Node
from graphc.loopir import Launch, Loop, Origin, Step, independent_rows
from graphc.schedule.cost import group_work, node_work
from graphc.schedule.elements import Elements
from graphc.schedule.fuse import Fusion
from graphc.schedule.group import Group
from graphc.schedule.kernels import BuiltKernel, build_kernel
from graphc.schedule.scan import LoopPlan, body_program, plan_loop, start_kernels
from graphc.schedule.storage import Storage, group_reads
from graphc.schedule.structured import build_structured
from graphc.symbolic import Dim, add, evaluate, multiply, symbols

# Kernels that read so many bytes of temporaries and leave that much less run as soon as they can; a size that only a
# call knows counts as this one.
LARGE_BYTES, SHRINKING, USUAL_SIZE = 1 << 20, 16, 32


def lower_steps(fusion: Fusion, storage: Storage) -> tuple[Step, ...]:
    """Return the steps of the groups; adds what loops need to the storage."""
    loops = {g: plan_loop(g, fusion.elements, storage) for g in fusion.groups if g.kind == "scan"}
    steps: list[Step] = []
    launched: list[Group] = []
    after_loop = False
    for group in _in_order(fusion, {g for g in fusion.groups if _sums_up(g, fusion, storage)}):
        if group in loops:
            steps += _loop_steps(loops[group], group.members[0], storage)
            launched, after_loop = [], True
            continue
        for position, built in enumerate(_kernels(group, fusion, storage)):
            barrier = after_loop or position > 0 or _needs_barrier(group, launched, fusion)
            after_loop = False
            if barrier:
                launched = []
            origin = tuple(_origin(n, fusion.elements) for n in group.members)
            work = group_work(group, fusion.elements)
            steps.append(_launch(built, storage, work, barrier, origin, tuple(group.unfused)))
        launched.append(group)
    return tuple(steps)


def _loop_steps(loop: LoopPlan, result: Node, storage: Storage) -> list[Step]:
    """Return the loop that gives `result` and its siblings, behind the copies that it needs."""
    steps: list[Step] = []
    for built, (_, _, carry) in zip(start_kernels(loop, storage), loop.starts):
        work, source = carry.type.size, result.provenance
        origin = Origin(result.op.name, str(carry.type), source.layer, source.source, work, result)
        steps.append(_launch(built, storage, work, True, (origin,)))
    body = lower_steps(*body_program(loop, storage))
    return [*steps, Loop(loop.symbol, loop.length, body, independent_rows(body))]


def _kernels(group: Group, fusion: Fusion, storage: Storage) -> list[BuiltKernel]:
    if group.kind == "structured":
        return build_structured(group.members[0], fusion.elements, storage.places)
    return [build_kernel(group, fusion.elements, storage.places)]


def _origin(n: Node, elements: Elements) -> Origin:
    return Origin(n.op.name, str(n.type), n.provenance.layer, n.provenance.source, node_work(n, elements), n)


def _launch(
    built: BuiltKernel,
    storage: Storage,
    work: Dim,
    barrier: bool,
    origin: tuple[Origin, ...] = (),
    unfused: tuple[str, ...] = (),
) -> Launch:
    moved: Dim = 0
    for name in built.arguments:
        size, dtype = storage.size(name)
        moved = add(moved, multiply(size, dtypes.itemsize(dtype)))
    arguments = tuple(name if name in storage.buffers else storage.place(name) for name in built.arguments)
    return Launch(built.kernel, arguments, work, moved, barrier, origin, unfused)


def _sums_up(group: Group, fusion: Fusion, storage: Storage) -> bool:
    """Tell whether a group reads large temporaries and leaves little: gradients of weights, folds of a batch."""
    stored = {name for n in group.members for name in storage.written.get(n, ())}
    named = {storage.read[name] for name in group_reads(group, fusion.elements) if name in storage.read} - stored
    read, left = (sum(_usual_bytes(name, storage) for name in names) for names in (named, stored))
    return read >= LARGE_BYTES and read >= SHRINKING * left


def _usual_bytes(name: str, storage: Storage) -> int:
    """Return about how many bytes a temporary has; 0 for what has its memory anyway."""
    if name not in storage.buffers or storage.buffers[name].role != "temporary":
        return 0
    size, dtype = storage.size(name)
    return evaluate(size, dict.fromkeys(symbols(size), USUAL_SIZE)) * dtypes.itemsize(dtype)


def _in_order(fusion: Fusion, first: set[Group]) -> list[Group]:
    """Return the groups in an order that respects all edges, the earliest made first (their inputs are warm).

    Those of `first` go as soon as they can: what they read need not wait in memory for them.
    """
    waiting = {
        g.number: {h.number for h in fusion.groups if fusion.order.precedes(h.number, g.number)} for g in fusion.groups
    }
    by_number = {g.number: g for g in fusion.groups}
    followers: dict[int, list[int]] = {number: [] for number in waiting}
    for number, before in waiting.items():
        for b in before:
            followers[b].append(number)
    ready = [(by_number[number] not in first, number) for number, before in waiting.items() if not before]
    heapq.heapify(ready)
    result: list[Group] = []
    while ready:
        _, number = heapq.heappop(ready)
        result.append(by_number[number])
        for follower in followers[number]:
            waiting[follower].discard(number)
            if not waiting[follower]:
                heapq.heappush(ready, (by_number[follower] not in first, follower))
    return result


def _needs_barrier(group: Group, launched: list[Group], fusion: Fusion) -> bool:
    return any(fusion.order.precedes(before.number, group.number) for before in launched)
