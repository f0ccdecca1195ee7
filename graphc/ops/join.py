"""Ops that put arrays together and take them apart: concatenate, stack, split, pad."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes, ops, symbolic
from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, TensorType, apply, as_node, rebuild, same_dim, shape_text
from graphc.loopir import Call, Expr
from graphc.ops.axes import as_dim, normalize_axis
from graphc.ops.define import Array, Operand, Primitive, builder, operands, promoted
from graphc.ops.lift import leading, repeated
from graphc.ops.lowering import LoadInput, Position, at_least, both, equal, guarded, less, literal
from graphc.symbolic import Dim


class Concatenate(Primitive, name="concatenate", kind="movement"):
    """Arrays of one dtype, one after the other along an axis; their other dims agree."""

    def infer(*types: TensorType, axis: int) -> TensorType:
        first, *others = types
        shape = list(first.shape)
        for t in others:
            if t.dtype != first.dtype or t.rank != first.rank:
                raise DTypeError(f"takes arrays of one dtype and rank, not {first} and {t}")
            shape[axis] = shape[axis] + t.shape[axis]
            for a in range(first.rank):
                if a != axis:
                    shape[a] = same_dim(shape[a], t.shape[a], f"axis {a} of {first} and {t}")
        return TensorType(tuple(shape), first.dtype)

    def ref(*arrays: Array, axis: int) -> Array:
        return np.concatenate(arrays, axis)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        axis = n.attrs["axis"]
        return tuple(split(g, [x.shape[axis] for x in n.inputs], axis))

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        axis = n.attrs["axis"]
        starts: list[Dim] = [0]
        for x in n.inputs[:-1]:
            starts.append(starts[-1] + x.shape[axis])
        # Built from the last input backwards: each earlier one stands where the position is before its end.
        result: Expr | None = None
        for i in reversed(range(len(n.inputs))):
            start, stop = starts[i], starts[i] + n.inputs[i].shape[axis]
            here = load(i, (*index[:axis], index[axis] - start, *index[axis + 1 :]))
            inside = less(index[axis], stop)
            if start != 0:
                inside = both(at_least(index[axis], start), inside)
            masked = guarded(inside, here, literal(0, n.dtype))
            result = masked if result is None else Call("where", (less(index[axis], stop), masked, result), n.dtype)
        assert result is not None
        return result

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        size = leading(n, inputs)
        return concatenate([repeated(x, y, size) for x, y in zip(n.inputs, inputs)], n.attrs["axis"] + 1)

    samples = (
        *operands("any", (3, 5), (2, 5), axis=0),
        *operands("float", (3, 5), (3, 1), (3, 4), axis=1),
        *operands("float", (0, 5), (2, 5), axis=0),
        *operands("float", (3, 5), axis=1),
    )


@builder
def concatenate(values: Sequence[Operand], axis: int = 0) -> Node:
    """Return the arrays one after the other along the axis, in the dtype they promote to."""
    if not values:
        raise ShapeError("needs at least one array")
    nodes = promoted(*values)
    if len(nodes) == 1:
        return nodes[0]
    return apply(Concatenate.op, *nodes, axis=normalize_axis(axis, nodes[0].rank))


@builder
def stack(values: Sequence[Operand], axis: int = 0) -> Node:
    """Return arrays of one shape as one array with a new axis at this position. Raises ShapeError for none."""
    if not values:
        raise ShapeError("needs at least one array")
    return concatenate([ops.expand_dims(n, axis) for n in promoted(*values)], axis)


def split(x: Operand, sections: int | Sequence[Dim], axis: int = 0) -> list[Node]:
    """Return x cut along the axis: into so many equal parts, or into parts of the sizes given.

    Raises ShapeError where the parts do not fill the axis.
    """
    n = as_node(x)
    position = normalize_axis(axis, n.rank)
    size = n.shape[position]
    sizes = _equal_parts(size, sections) if isinstance(sections, int) else [as_dim(s) for s in sections]
    total: Dim = 0
    parts = []
    for part in sizes:
        starts = tuple(total if a == position else 0 for a in range(n.rank))
        parts.append(ops.slice(n, starts, (*n.shape[:position], part, *n.shape[position + 1 :])))
        total = total + part
    same_dim(total, size, f"cannot split axis {position} of {shape_text(n.shape)} into {len(sizes)} parts: the sizes")
    return parts


def _equal_parts(size: Dim, sections: int) -> list[Dim]:
    part = symbolic.divide_exactly(size, sections)
    if part is None:
        raise ShapeError(f"cannot split an axis of size {size} into {sections} equal parts")
    return [part] * sections


class Pad(Primitive, name="pad", kind="movement"):
    """x between `low` and `high` fillings an axis, with `interior` fillings between its elements, of value `value`."""

    def infer(
        x: TensorType, low: tuple[Dim, ...], high: tuple[Dim, ...], interior: tuple[int, ...], value: Any
    ) -> TensorType:
        if not len(low) == len(high) == len(interior) == x.rank:
            raise ShapeError(f"needs one width an axis: {low}, {high} and {interior} for {x}")
        if any(isinstance(d, int) and d < 0 for d in (*low, *high, *interior)):
            raise ShapeError(f"widths cannot be negative: {low}, {high}, {interior}")
        spaced = (d if i == 0 else max(0, d + (d - 1) * i) if isinstance(d, int) else d + (d - 1) * i
                  for d, i in zip(x.shape, interior))  # fmt: skip
        return TensorType(tuple(a + d + b for a, d, b in zip(low, spaced, high)), x.dtype)

    def ref(x: Array, low: Any, high: Any, interior: tuple[int, ...], value: Any) -> Array:
        spaced = (max(0, d + (d - 1) * i) for d, i in zip(x.shape, interior))
        result = np.full([a + d + b for a, d, b in zip(low, spaced, high)], value, x.dtype)
        target = tuple(np.s_[a : a + max(0, (d - 1) * (i + 1) + 1) : i + 1] for a, d, i in zip(low, x.shape, interior))
        result[target] = x
        return result

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        x = n.inputs[0]
        return (ops.slice(g, n.attrs["low"], x.shape, tuple(i + 1 for i in n.attrs["interior"])),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        x, attrs = n.inputs[0], n.attrs
        conditions: list[Expr] = []
        position: list[Dim] = []
        for i, d, low, high, interior in zip(index, x.shape, attrs["low"], attrs["high"], attrs["interior"]):
            offset, step = i - low, interior + 1
            source = symbolic.floordiv(offset, step)
            if low != 0:
                conditions.append(at_least(i, low))
            if interior:
                conditions.append(equal(symbolic.modulo(offset, step), 0))
            if high != 0:
                conditions.append(less(source, d))
            position.append(source)
        return guarded(both(*conditions), load(0, tuple(position)), literal(attrs["value"], n.dtype))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        return rebuild(n, inputs, {**n.attrs, **{name: (0, *n.attrs[name]) for name in ("low", "high", "interior")}})

    samples = (
        *operands("number", (3, 5), low=(1, 0), high=(0, 2), interior=(0, 0), value=0),
        *operands("float", (2, 3), low=(0, 1), high=(1, 2), interior=(1, 2), value=0.5),
        *operands("float", (3, 1), low=(0, 0), high=(0, 0), interior=(0, 3), value=0),
        *operands("float", (0, 3), low=(2, 0), high=(0, 0), interior=(0, 0), value=-1.0),
    )


@builder
def pad(x: Operand, widths: Sequence[Sequence[Dim]], value: float = 0, interior: Sequence[int] | None = None) -> Node:
    """Return x with (before, after) fillings of a number on each axis, and `interior` ones between its elements."""
    n = as_node(x)
    low, high = (tuple(as_dim(pair[side]) for pair in widths) for side in (0, 1))
    between = tuple(interior or (0,) * n.rank)
    if not any(d != 0 for d in (*low, *high, *between)):
        return n
    filling = float(value) if dtypes.is_float(n.dtype) else int(value)
    return apply(Pad.op, n, low=low, high=high, interior=between, value=filling)
