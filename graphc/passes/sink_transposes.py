"""sink_transposes: transposes move towards the results, where opposite ones meet and vanish."""

from __future__ import annotations

from collections.abc import Sequence

from graphc import ops
from graphc.graph import Graph, Node, apply, rebuild
from graphc.passes.rewriting import sweep

_ORDER_FREE = frozenset({"sum", "prod", "max", "min", "any", "all"})


def sink_transposes(graph: Graph) -> Graph:
    """Move each transpose behind the elementwise ops, reductions, paddings and joins that read it.

        %1 = transpose(%0, axes=(0, 3, 1, 2))       %1 = maximum(%0, 0.0)
        %2 = maximum(%1, 0.0)                  ->   %2 = multiply(%1, %0)
        %3 = transpose(%2, axes=(0, 2, 3, 1))
        %4 = multiply(%3, %0)

    A network whose user thinks channels_first is channels_last inside: between two convolutions no transpose is
    left. Small operands (a bias for each channel) are transposed instead; an op that joins a transposed tensor with
    another full one stays as it is.
    """
    return sweep(graph, _sunk)


def _sunk(n: Node) -> Node | None:
    match n.op.name:
        case "transpose":
            return _merged(n)
        case "pad":
            return _sunk_pad(n)
        case "concatenate":
            return _sunk_concatenate(n)
    if n.op.kind == "elementwise":
        return _sunk_elementwise(n)
    if n.op.kind == "reduction":
        return _sunk_reduction(n)
    return None


def _axes(n: Node) -> tuple[int, ...] | None:
    """Return the order of a transpose, None for other nodes."""
    return n.attrs["axes"] if n.op.name == "transpose" else None


def _merged(n: Node) -> Node | None:
    [x] = n.inputs
    inner, outer = _axes(x), n.attrs["axes"]
    if inner is None:
        return None
    return ops.transpose(x.inputs[0], [inner[axis] for axis in outer])


def _inverse(axes: Sequence[int]) -> list[int]:
    return sorted(range(len(axes)), key=axes.__getitem__)


def _sunk_elementwise(n: Node) -> Node | None:
    axes = next((_axes(i) for i in n.inputs if _axes(i) is not None and i.shape == n.shape), None)
    if axes is None:
        return None
    inputs: list[Node] = []
    for i in n.inputs:
        if _axes(i) == axes:
            inputs.append(i.inputs[0])
        elif i.rank == 0:
            inputs.append(i)
        elif _is_small(i, n):
            whole = i if i.rank == n.rank else ops.reshape(i, (1,) * (n.rank - i.rank) + i.shape)
            inputs.append(ops.transpose(whole, _inverse(axes)))
        else:
            return None
    return ops.transpose(rebuild(n, tuple(inputs)), axes)


def _is_small(operand: Node, n: Node) -> bool:
    """Tell whether an operand is broadcast along an axis of n."""
    return operand.rank < n.rank or any(a == 1 and b != 1 for a, b in zip(operand.shape, n.shape))


def _sunk_reduction(n: Node) -> Node | None:
    [x] = n.inputs
    order = _axes(x)
    axes = n.attrs["axes"]
    if order is None or (n.op.fold not in _ORDER_FREE and len(axes) > 1):
        return None
    inner = apply(n.op, x.inputs[0], **{**n.attrs, "axes": tuple(sorted(order[axis] for axis in axes))})
    if n.attrs["keepdims"]:
        return ops.transpose(inner, order)
    kept = [order[axis] for axis in range(x.rank) if axis not in axes]
    places = {axis: place for place, axis in enumerate(sorted(kept))}
    return ops.transpose(inner, [places[axis] for axis in kept])


def _sunk_pad(n: Node) -> Node | None:
    [x] = n.inputs
    order = _axes(x)
    if order is None:
        return None
    back = _inverse(order)
    widths = {name: tuple(n.attrs[name][axis] for axis in back) for name in ("low", "high", "interior")}
    return ops.transpose(apply(n.op, x.inputs[0], **{**n.attrs, **widths}), order)


def _sunk_concatenate(n: Node) -> Node | None:
    order = _axes(n.inputs[0])
    if order is None or any(_axes(i) != order for i in n.inputs):
        return None
    joined = apply(n.op, *(i.inputs[0] for i in n.inputs), axis=order[n.attrs["axis"]])
    return ops.transpose(joined, order)
