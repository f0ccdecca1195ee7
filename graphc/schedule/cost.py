"""Cost: how much work a kernel is, so that threads are only used where they pay."""

from __future__ import annotations

from graphc.graph import Node
from graphc.schedule.contract import depth_extents
from graphc.schedule.elements import Elements
from graphc.schedule.group import Group, computed_shape, folded_dims, kept_dims
from graphc.symbolic import Dim, add, multiply, product

# A contraction does about this many multiply-adds in the time of one scalar operation of another kernel, whose
# operands come from memory.
CONTRACTION_ADVANTAGE = 4


def group_work(group: Group, elements: Elements) -> Dim:
    """Return an estimate of the multiply-adds that would take as long as the group does."""
    total: Dim = 0
    for n in group.members:
        total = add(total, node_work(n, elements))
    return total


def node_work(n: Node, elements: Elements) -> Dim:
    """Return a node's part of its group's work, what is written out inside it included."""
    if n.op.kind == "contraction":
        return multiply(n.type.size, product(depth_extents(n)))
    cost = CONTRACTION_ADVANTAGE * _inline_cost(n, elements)
    if n.op.kind == "reduction":
        return multiply(product(kept_dims(n) + folded_dims(n)), cost)
    if n.op.kind == "structured":
        return multiply(product(d for i in n.inputs for d in i.shape), cost)
    return multiply(product(computed_shape(n)), cost)


def _inline_cost(n: Node, elements: Elements) -> int:
    cost, seen, stack = 0, {n}, [n]
    while stack:
        current = stack.pop()
        cost += current.op.cost
        for i in current.inputs:
            if i not in seen and not elements.is_read(i):
                seen.add(i)
                stack.append(i)
    return cost
