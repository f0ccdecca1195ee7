"""interleave: arrays whose elements take turns along the axes of space."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product as every

import numpy as np

from graphc import ops, symbolic
from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, TensorType, apply, rebuild, same_dim
from graphc.loopir import Call, Expr
from graphc.ops.axes import Shape
from graphc.ops.define import Array, Operand, Primitive, builder, operands, promoted
from graphc.ops.lift import leading, repeated
from graphc.ops.lowering import LoadInput, Position, both, equal, guarded, literal
from graphc.symbolic import Dim

Ints = tuple[int, ...]


def turn_count(d: Dim, remainder: int, stride: int) -> Dim:
    """Return how many of the positions below d have this remainder by the stride."""
    return symbolic.floordiv(d + stride - 1 - remainder, stride)


class Interleave(Primitive, name="interleave", kind="movement"):
    """Arrays (n, q.., c), one for each remainder of the strides, row-major, into (n, *shape, c).

    Element [n, y.., c] is element [n, y // stride.., c] of the array of the remainders y % stride...
    """

    def infer(*types: TensorType, shape: Shape, strides: Ints) -> TensorType:
        if len(types) != math.prod(strides) or len(shape) != len(strides):
            raise ShapeError(f"takes an array for each remainder of {strides}, not {len(types)}, for {shape}")
        first = types[0]
        for t, remainders in zip(types, _remainders(strides)):
            if t.dtype != first.dtype or t.rank != len(shape) + 2:
                raise DTypeError(f"takes arrays of one dtype and {len(shape)} axes of space, not {first} and {t}")
            wanted = (first.shape[0], *map(turn_count, shape, remainders, strides), first.shape[-1])
            for given, count in zip(t.shape, wanted):
                same_dim(given, count, f"remainders {remainders} of {shape} by {strides}: {wanted}, not {t}")
        return TensorType((first.shape[0], *shape, first.shape[-1]), first.dtype)

    def ref(*arrays: Array, shape: Ints, strides: Ints) -> Array:
        result = np.empty((arrays[0].shape[0], *shape, arrays[0].shape[-1]), arrays[0].dtype)
        for array, remainders in zip(arrays, _remainders(strides)):
            result[(np.s_[:], *(np.s_[r::stride] for r, stride in zip(remainders, strides)))] = array
        return result

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        strides = n.attrs["strides"]
        return tuple(
            ops.slice(g, (0, *remainders, 0), x.shape, (1, *strides, 1))
            for x, remainders in zip(n.inputs, _remainders(strides))
        )

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        strides = n.attrs["strides"]
        place = tuple(map(symbolic.floordiv, index[1:-1], strides))
        here = tuple(map(symbolic.modulo, index[1:-1], strides))
        result: Expr | None = None
        for number, remainders in reversed(list(enumerate(_remainders(strides)))):
            conditions = list(map(equal, here, remainders))
            if literal(False, "bool") in conditions:
                continue
            condition = both(*conditions)
            part = guarded(condition, load(number, (index[0], *place, index[-1])), literal(0, n.dtype))
            result = part if result is None else Call("where", (condition, part, result), n.dtype)
        assert result is not None
        return result

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        size = leading(n, inputs)
        whole = [repeated(x, y, size) for x, y in zip(n.inputs, inputs)]
        rows = tuple(ops.reshape(x, (size * x.shape[1], *x.shape[2:])) for x in whole)
        return ops.reshape(rebuild(n, rows), (size, *n.shape))

    samples = (
        *operands("number", (2, 4, 3), (2, 3, 3), shape=(7,), strides=(2,)),
        *operands("float", (2, 2, 3, 4), (2, 2, 2, 4), (2, 2, 2, 4), shape=(2, 7), strides=(1, 3)),
        *operands("float", *((2, i, j, 3) for i in (3, 2) for j in (3, 3)), shape=(5, 6), strides=(2, 2)),
    )


def _remainders(strides: Ints) -> Iterator[Ints]:
    return every(*map(range, strides))


@builder
def interleave(parts: Sequence[Operand], shape: Sequence[Dim], strides: Sequence[int]) -> Node:
    """Return (n, *shape, c) from an array (n, q.., c) for each remainder of its positions by the strides, row-major.

    Raises ShapeError where an array does not have as many elements as there are positions with its remainders.
    """
    nodes = promoted(*parts)
    return nodes[0] if len(nodes) == 1 else apply(Interleave.op, *nodes, shape=tuple(shape), strides=tuple(strides))
