"""What `lift` rules share: the same op for all positions of one more leading axis at once.

A rule is given a node and inputs, some of which have that axis (and so one rank more) and some not.
"""

from __future__ import annotations

from graphc import ops
from graphc.graph import Node, rebuild
from graphc.symbolic import Dim


def is_lifted(before: Node, after: Node) -> bool:
    """Tell whether an input has the leading axis."""
    return after.rank > before.rank


def leading(n: Node, inputs: tuple[Node, ...]) -> Dim:
    """Return the size of the leading axis."""
    return next(after.shape[0] for before, after in zip(n.inputs, inputs) if is_lifted(before, after))


def aligned(before: Node, after: Node, rank: int) -> Node:
    """Return an input so that it broadcasts as before: axes of 1 make up for `rank`, behind the leading axis."""
    if not is_lifted(before, after) or before.rank == rank:
        return after
    return ops.reshape(after, (after.shape[0], *(1,) * (rank - before.rank), *after.shape[1:]))


def repeated(before: Node, after: Node, size: Dim) -> Node:
    """Return an input with the leading axis, repeated along it where it has none."""
    return after if is_lifted(before, after) else ops.broadcast_to(after, (size, *after.shape))


def lift_broadcasting(n: Node, inputs: tuple[Node, ...]) -> Node:
    """The rule of elementwise ops."""
    return rebuild(n, tuple(aligned(x, y, n.rank) for x, y in zip(n.inputs, inputs)), n.attrs)


def lift_along_axis(n: Node, inputs: tuple[Node, ...]) -> Node:
    """The rule of an op of one operand along the axis `axis`."""
    return rebuild(n, inputs, {**n.attrs, "axis": n.attrs["axis"] + 1})


def lift_rows(n: Node, inputs: tuple[Node, ...]) -> Node:
    """The rule of an op of one operand that treats the entries of axis 0 each by itself."""
    [x] = inputs
    rows = rebuild(n, (ops.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])),), n.attrs)
    return ops.reshape(rows, (x.shape[0], x.shape[1], *rows.shape[1:]))
