"""Comparisons, logic, bits, and the choice between two values."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import math

import numpy as np

from graphc import dtypes, ops
from graphc.errors import DTypeError
from graphc.graph import Node, TensorType, apply, as_node, broadcast_shapes, constant
from graphc.loopir import Call, Expr
from graphc.ops.define import (
    Array,
    Operand,
    Primitive,
    Sample,
    as_nodes,
    binary,
    builder,
    operands,
    promoted,
    unary,
    unbroadcast,
)
from graphc.ops.lowering import LoadInput, Position, broadcast_index

equal = binary("equal", np.equal, "Whether x == y; nan equals nothing.", accepts="any", result="bool")
not_equal = binary("not_equal", np.not_equal, "Whether x != y; nan differs from itself.", accepts="any", result="bool")
less = binary("less", np.less, "Whether x < y.", result="bool")
less_equal = binary("less_equal", np.less_equal, "Whether x <= y.", result="bool")

logical_and = binary("logical_and", np.logical_and, "Whether x and y are both nonzero.", accepts="bool")
logical_or = binary("logical_or", np.logical_or, "Whether x or y is nonzero.", accepts="bool")
logical_xor = binary("logical_xor", np.logical_xor, "Whether exactly one of x and y is nonzero.", accepts="bool")
logical_not = unary("logical_not", np.logical_not, "Whether x is zero.", accepts="bool")

bitwise_and = binary("bitwise_and", np.bitwise_and, "The bits set in both x and y.", accepts="integer")
bitwise_or = binary("bitwise_or", np.bitwise_or, "The bits set in x or y.", accepts="integer")
bitwise_xor = binary("bitwise_xor", np.bitwise_xor, "The bits set in one of x and y.", accepts="integer")
left_shift = binary("left_shift", np.left_shift, "x's bits moved y places up.", accepts="integer",
                    samples=operands("integer", (3, 5), (5,))[:1])  # fmt: skip
right_shift = binary("right_shift", np.right_shift, "x's bits moved y places down; signed x keeps its sign.",
                     accepts="integer", samples=operands("integer", (3, 5), (5,))[:1])  # fmt: skip


@builder
def greater(x: Operand, y: Operand) -> Node:
    """Return whether x > y."""
    x, y = promoted(x, y)
    return less(y, x)


@builder
def greater_equal(x: Operand, y: Operand) -> Node:
    """Return whether x >= y."""
    x, y = promoted(x, y)
    return less_equal(y, x)


@builder
def bitwise_not(x: Operand) -> Node:
    """Return the bits not set in x; logical_not for booleans. Raises DTypeError for floats."""
    n = as_node(x)
    if n.dtype == "bool":
        return logical_not(n)
    row = dtypes.TABLE[n.dtype]
    if row.kind == "float":
        raise DTypeError(f"takes integers or booleans, not {n.dtype}")
    return bitwise_xor(n, constant(-1 if row.kind == "int" else 2**row.bits - 1, n.dtype))


@builder
def isnan(x: Operand) -> Node:
    """Return whether x is nan; never so for integers."""
    n = as_node(x)
    return not_equal(n, n) if dtypes.is_float(n.dtype) else ops.zeros_like(n, "bool")


@builder
def isinf(x: Operand) -> Node:
    """Return whether x is infinite; never so for integers."""
    n = as_node(x)
    return equal(ops.absolute(n), math.inf) if dtypes.is_float(n.dtype) else ops.zeros_like(n, "bool")


@builder
def isfinite(x: Operand) -> Node:
    """Return whether x is neither infinite nor nan; always so for integers."""
    n = as_node(x)
    return less(ops.absolute(n), math.inf) if dtypes.is_float(n.dtype) else ops.ones_like(n, "bool")


def _choice(*shapes: tuple[int, ...]) -> Sample:
    return lambda rng: ((rng.integers(0, 2, shapes[0]).astype(bool), *(rng.standard_normal(s) for s in shapes[1:])), {})


class Where(Primitive, name="where", kind="elementwise"):
    """x where the condition holds, else y; all three broadcast."""

    def infer(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
        if condition.dtype != "bool" or x.dtype != y.dtype:
            raise DTypeError(f"takes a bool and two of one dtype, not {condition.dtype}, {x.dtype} and {y.dtype}")
        return TensorType(broadcast_shapes(condition.shape, x.shape, y.shape), x.dtype)

    def ref(condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    @unbroadcast
    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        condition = n.inputs[0]
        return None, where(condition, g, 0), where(condition, 0, g)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        arguments = (load(i, broadcast_index(x.shape, index)) for i, x in enumerate(n.inputs))
        return Call("where", tuple(arguments), n.dtype)

    samples = (_choice((3, 5), (3, 5), (3, 5)), _choice((4, 1), (5,), (2, 4, 5)), _choice((), (4,), (3, 1)))


@builder
def where(condition: Operand, x: Operand, y: Operand) -> Node:
    """Return x where the condition is true (nonzero), else y, of the dtype that x and y promote to.

    A branch not chosen gets a zero gradient; its own inf or nan still spoils what was computed from it, so keep
    both branches finite.
    """
    x, y = promoted(*as_nodes(x, y))
    return apply(Where.op, ops.cast(condition, "bool"), x, y)
