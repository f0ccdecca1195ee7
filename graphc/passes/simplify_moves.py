"""The rules of simplify_algebra about ops that move elements."""

from __future__ import annotations

from graphc import ops
from graphc.graph import CONSTANT, Node, rebuild
from graphc.passes.patterns import is_op
from graphc.passes.rewriting import Rules
from graphc.symbolic import Dim, is_nonnegative

RULES = Rules()
rule = RULES.rule


@rule("slice")
def slice_of_everything(n: Node) -> Node | None:
    """x[:] -> x"""
    x = n.inputs[0]
    is_whole = x.shape == n.shape and all(s == 0 for s in n.attrs["starts"]) and all(s == 1 for s in n.attrs["steps"])
    return x if is_whole else None


@rule("slice")
def slice_of_slice(n: Node) -> Node | None:
    """x[a:][b:] -> x[a + b:], with steps multiplied"""
    x = n.inputs[0]
    if not is_op(x, "slice"):
        return None
    outer, inner = x.attrs, n.attrs
    starts = tuple(a + b * step for a, b, step in zip(outer["starts"], inner["starts"], outer["steps"]))
    steps = tuple(a * b for a, b in zip(outer["steps"], inner["steps"]))
    return ops.slice(x.inputs[0], starts, inner["sizes"], steps)


@rule("slice")
def slice_of_concatenation(n: Node) -> Node | None:
    """concatenate(x, y)[: len(x)] -> x, where the slice lies inside one part"""
    x = n.inputs[0]
    if not is_op(x, "concatenate"):
        return None
    axis = x.attrs["axis"]
    start, size, step = (n.attrs[name][axis] for name in ("starts", "sizes", "steps"))
    if step != 1:
        return None
    for part in x.inputs:
        if is_nonnegative(start) and is_nonnegative(part.shape[axis] - start - size):
            starts = (*n.attrs["starts"][:axis], start, *n.attrs["starts"][axis + 1 :])
            return ops.slice(part, starts, n.attrs["sizes"], n.attrs["steps"])
        start = start - part.shape[axis]
    return None


@rule("concatenate")
def concatenate_one(n: Node) -> Node | None:
    """concatenate(x) -> x; parts without elements go; nested concatenations on one axis merge"""
    axis = n.attrs["axis"]
    parts: list[Node] = []
    for part in n.inputs:
        parts.extend(part.inputs if is_op(part, "concatenate") and part.attrs["axis"] == axis else (part,))
    parts = [part for part in parts if part.shape[axis] != 0] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    return None if tuple(parts) == n.inputs else ops.concatenate(parts, axis)


@rule("pad")
def pad_nothing(n: Node) -> Node | None:
    """pad(x, 0) -> x"""
    widths = (*n.attrs["low"], *n.attrs["high"], *n.attrs["interior"])
    return n.inputs[0] if all(width == 0 for width in widths) else None


@rule("add")
def paddings_that_fit(n: Node) -> Node | None:
    """pad(x, after) + pad(y, before) + .. -> concatenate(x, y, ..), where each stands where the others are zero"""
    parts: list[Node] = []
    waiting = [n]
    while waiting:
        part = waiting.pop()
        if is_op(part, "add"):
            waiting.extend(part.inputs)
        elif not is_op(part, "pad") or part.shape != n.shape or part.attrs["value"] != 0 or any(part.attrs["interior"]):
            return None
        else:
            parts.append(part)
    axes = {axis for part in parts for name in ("low", "high") for axis, d in enumerate(part.attrs[name]) if d != 0}
    if len(axes) != 1:
        return None
    [axis] = axes
    by_start = {part.attrs["low"][axis]: part.inputs[0] for part in parts}
    joined: list[Node] = []
    position: Dim = 0
    while position in by_start:
        joined.append(by_start.pop(position))
        position = position + joined[-1].shape[axis]
    return ops.concatenate(joined, axis) if position == n.shape[axis] and len(joined) == len(parts) else None


@rule("transpose", "reshape", "slice")
def move_of_uniform(n: Node) -> Node | None:
    """transpose(broadcast_to(c, a)) -> broadcast_to(c, b), c of one element; reshape and slice likewise"""
    x = n.inputs[0]
    if not is_op(x, "broadcast_to") or any(d != 1 for d in x.inputs[0].shape):
        return None
    return ops.broadcast_to(ops.reshape(x.inputs[0], ()), n.shape)


def compute_before_spreading(n: Node) -> Node | None:
    """f(broadcast_to(a), broadcast_to(b)) -> broadcast_to(f(a, b)), a and b of one element; constants alike"""
    scalars = []
    for i in n.inputs:
        source = i.inputs[0] if is_op(i, "broadcast_to") else i
        if any(d != 1 for d in source.shape):
            return None
        scalars.append(ops.reshape(source, ()))
    if n.rank == 0 or (n.attrs and n.op.name != "cast") or all(i.op is CONSTANT for i in n.inputs):
        return None
    if not any(is_op(i, "broadcast_to") for i in n.inputs):
        return None
    return ops.broadcast_to(rebuild(n, tuple(scalars)), n.shape)


for _name in (
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "negative", "absolute", "exp", "log",
    "sqrt", "rsqrt", "tanh", "sigmoid", "cast", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or",
    "logical_not", "where",
):  # fmt: skip
    rule(_name)(compute_before_spreading)
