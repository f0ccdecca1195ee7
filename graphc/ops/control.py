"""Ops that give their operand back and mean something to the compiler."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import itertools

from graphc.graph import Node, TensorType, apply, as_node
from graphc.loopir import Expr
from graphc.ops.define import Array, Operand, Primitive, builder, operands
from graphc.ops.lowering import LoadInput, Position

_identity = itertools.count()


class StopGradient(Primitive, name="stop_gradient", kind="elementwise", cost=0):
    """x, as a constant in the eyes of the gradient."""

    def infer(x: TensorType) -> TensorType:
        return x

    def ref(x: Array) -> Array:
        return x

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, index)

    samples = operands("any", (3, 5))


class Identity(Primitive, name="identity", kind="elementwise", cost=0):
    """x as a node of its own: two identities of one operand are two nodes."""

    def infer(x: TensorType, identity: int) -> TensorType:
        return x

    def ref(x: Array, identity: int) -> Array:
        return x

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return (g,)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, index)

    samples = operands("any", (3, 5), identity=0)


@builder
def stop_gradient(x: Operand) -> Node:
    """Return x, through which no gradient flows."""
    return apply(StopGradient.op, as_node(x))


@builder
def identity(x: Operand) -> Node:
    """Return x as a new node, told apart from every other."""
    return apply(Identity.op, as_node(x), identity=next(_identity))
