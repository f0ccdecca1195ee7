"""canonicalise: one spelling of each thing."""

from __future__ import annotations

import math

import numpy as np

from graphc import dtypes, ops
from graphc.errors import ShapeError
from graphc.graph import CONSTANT, Graph, Node, broadcast_shapes, constant, rebuild
from graphc.passes.patterns import is_op, uniform_value
from graphc.passes.rewriting import Rules

RULES = Rules()
rule = RULES.rule

COMMUTATIVE = (
    "add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor",
)  # fmt: skip


def canonicalise(graph: Graph) -> Graph:
    """Bring every node into the one form that later rules look for.

    Identities go, moves merge, constants stand on the right, subtracting a constant is adding its negative,
    broadcasting that an operator does anyway is left to it.

        %2 = broadcast_to(%1, shape=(batch, 5))        %2 = add(%0, %1)
        %3 = add(%2, %0)                           ->
    """
    return RULES.rewrite(graph)


@rule("identity", "stop_gradient")
def drop_identity(n: Node) -> Node | None:
    """identity(x) -> x: gradients have been taken by now"""
    return n.inputs[0]


@rule("reshape")
def merge_reshapes(n: Node) -> Node | None:
    """reshape(reshape(x, a), b) -> reshape(x, b); reshape(x, x.shape) -> x"""
    x = n.inputs[0]
    if x.shape == n.shape:
        return x
    return ops.reshape(x.inputs[0], n.shape) if is_op(x, "reshape") else None


@rule("reshape")
def keep_folded_axes(n: Node) -> Node | None:
    """reshape(sum(x), to the folded axes as 1) -> sum(x, keepdims=True), and back; so every other fold"""
    x = n.inputs[0]
    if x.op.kind != "reduction":
        return None
    kept = rebuild(x, x.inputs, {**x.attrs, "keepdims": not x.attrs["keepdims"]})
    return kept if kept.shape == n.shape else None


@rule("transpose")
def merge_transposes(n: Node) -> Node | None:
    """transpose(transpose(x, a), b) -> transpose(x, a[b]); transpose(x, 0 1 2 ..) -> x"""
    x, axes = n.inputs[0], n.attrs["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if is_op(x, "transpose"):
        return ops.transpose(x.inputs[0], tuple(x.attrs["axes"][axis] for axis in axes))
    return None


@rule("broadcast_to")
def merge_broadcasts(n: Node) -> Node | None:
    """broadcast_to(broadcast_to(x, a), b) -> broadcast_to(x, b); broadcast_to(x, x.shape) -> x"""
    x = n.inputs[0]
    if x.shape == n.shape:
        return x
    return ops.broadcast_to(x.inputs[0], n.shape) if is_op(x, "broadcast_to") else None


@rule("broadcast_to")
def broadcast_scalars(n: Node) -> Node | None:
    """broadcast_to(reshape(x, (1, 1)), b) -> broadcast_to(x, b), x of one element and no more axes than b"""
    x = n.inputs[0]
    if not is_op(x, "reshape"):
        return None
    source = x.inputs[0]
    if all(d == 1 for d in source.shape) and source.rank <= n.rank:
        return ops.broadcast_to(source, n.shape)
    return None


@rule("cast")
def merge_casts(n: Node) -> Node | None:
    """cast(cast(x, a), b) -> cast(x, b), where a holds every value of x; cast(x, x.dtype) -> x"""
    x = n.inputs[0]
    if x.dtype == n.dtype:
        return x
    if is_op(x, "cast") and _holds(x.dtype, x.inputs[0].dtype):
        return ops.cast(x.inputs[0], n.dtype)
    return None


_MANTISSA = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
_EXPONENT = {"float64": 11, "float32": 8, "float16": 5, "bfloat16": 8}


def _holds(wide: str, narrow: str) -> bool:
    """Tell whether every value of `narrow` is a value of `wide`."""
    if wide == narrow or narrow == "bool":
        return True
    w, s = dtypes.TABLE[wide], dtypes.TABLE[narrow]
    if s.kind == "float":
        return w.kind == "float" and _MANTISSA[wide] >= _MANTISSA[narrow] and _EXPONENT[wide] >= _EXPONENT[narrow]
    bits = s.bits - (s.kind == "int")
    if w.kind == "float":
        # float16 ends at 65504, below the greatest uint16.
        return _MANTISSA[wide] >= bits and (wide != "float16" or bits < 16)
    return w.kind != "bool" and w.bits - (w.kind == "int") >= bits and not (s.kind == "int" and w.kind == "uint")


@rule(*COMMUTATIVE)
def constants_right(n: Node) -> Node | None:
    """c + x -> x + c"""
    x, y = n.inputs
    return rebuild(n, (y, x)) if x.op is CONSTANT and y.op is not CONSTANT else None


@rule("subtract")
def subtract_constant(n: Node) -> Node | None:
    """x - c -> x + (-c), exactly"""
    x, y = n.inputs
    if y.op is not CONSTANT or x.op is CONSTANT:
        return None
    return ops.add(x, constant(np.negative(y.attrs["value"]), y.dtype))


@rule("subtract")
def subtract_negative(n: Node) -> Node | None:
    """x - (-y) -> x + y"""
    x, y = n.inputs
    return ops.add(x, y.inputs[0]) if is_op(y, "negative") else None


@rule("add")
def add_negative(n: Node) -> Node | None:
    """x + (-y) -> x - y; (-x) + y -> y - x; (-x) + c -> c - x"""
    x, y = n.inputs
    if is_op(y, "negative"):
        return ops.subtract(x, y.inputs[0])
    return ops.subtract(y, x.inputs[0]) if is_op(x, "negative") else None


@rule("negative")
def negate_difference(n: Node) -> Node | None:
    """-(-x) -> x; -(x - y) -> y - x (but for the sign of a zero)"""
    x = n.inputs[0]
    if is_op(x, "negative"):
        return x.inputs[0]
    return ops.subtract(x.inputs[1], x.inputs[0]) if is_op(x, "subtract") else None


@rule("negative")
def negate_product(n: Node) -> Node | None:
    """-(x * c) -> x * (-c)"""
    x = n.inputs[0]
    if not is_op(x, "multiply") or x.inputs[1].op is not CONSTANT:
        return None
    return rebuild(x, (x.inputs[0], constant(np.negative(x.inputs[1].attrs["value"]), n.dtype)))


@rule("multiply", "divide")
def negatives_out_of_products(n: Node) -> Node | None:
    """(-x) * (-y) -> x * y; (-x) * c -> x * (-c); the same for /"""
    x, y = n.inputs
    if not is_op(x, "negative"):
        return None
    if is_op(y, "negative"):
        return rebuild(n, (x.inputs[0], y.inputs[0]))
    if y.op is CONSTANT:
        return rebuild(n, (x.inputs[0], constant(np.negative(y.attrs["value"]), y.dtype)))
    return None


@rule("divide")
def divide_by_power_of_two(n: Node) -> Node | None:
    """x / c -> x * (1 / c), c a power of two: exact"""
    x, y = n.inputs
    value = uniform_value(y)
    if value is None or value == 0 or not math.isfinite(value) or abs(math.frexp(value)[0]) != 0.5:
        return None
    # Well inside the range of float16, so that the inverse is normal.
    return ops.multiply(x, constant(1.0 / value, n.dtype)) if 2**-14 <= abs(value) <= 2**14 else None


def implicit_broadcast(n: Node) -> Node | None:
    """broadcast_to(x, shape) + y -> x + y, where y or the others give the shape anyway"""
    if n.attrs or not any(is_op(i, "broadcast_to") for i in n.inputs):
        return None
    inputs = list(n.inputs)
    for position, x in enumerate(n.inputs):
        if not is_op(x, "broadcast_to"):
            continue
        narrowed = [*inputs[:position], x.inputs[0], *inputs[position + 1 :]]
        if _broadcast(narrowed) == n.shape:
            inputs = narrowed
    return rebuild(n, tuple(inputs))


def _broadcast(inputs: list[Node]) -> object:
    try:
        return broadcast_shapes(*(i.shape for i in inputs))
    except ShapeError:
        return None


for _name in (
    *COMMUTATIVE, "subtract", "divide", "floor_divide", "remainder", "power", "arctan2", "less", "less_equal", "where",
    "left_shift", "right_shift",
):  # fmt: skip
    rule(_name)(implicit_broadcast)
