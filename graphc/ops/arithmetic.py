"""Elementwise arithmetic on broadcasting operands, and cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc import dtypes, ops
from graphc.graph import Node, Op, TensorType, apply, as_node, constant_value, register
from graphc.loopir import Call, Expr
from graphc.ops.define import Array, Operand, Unary, between, binary, builder, operands, promoted, unary
from graphc.ops.lift import lift_broadcasting
from graphc.ops.lowering import LoadInput, Position


def _multiply_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, y = n.inputs
    return g * y, g * x


def _divide_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    y = n.inputs[1]
    return g / y, -g * n / y


def _power_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, y = n.inputs
    # x ** -1 at x == 0 must not turn the zero gradient of x ** 0 into nan.
    lowered = ops.power(x, ops.where(ops.equal(y, 0), 1, y - 1))
    if constant_value(y) is not None:
        return g * y * lowered, None
    return g * y * lowered, g * n * ops.log(ops.where(x > 0, x, 1))


def _maximum_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    first = ops.greater_equal(*n.inputs)
    return ops.where(first, g, 0), ops.where(first, 0, g)


def _minimum_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    first = ops.less_equal(*n.inputs)
    return ops.where(first, g, 0), ops.where(first, 0, g)


def _remainder_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, y = n.inputs
    return g, -g * ops.floor_divide(x, y)


def _arctan2_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    y, x = n.inputs
    scaled = g / (x * x + y * y)
    return scaled * x, -scaled * y


def _power_ref(x: Array, y: Array) -> Any:
    return np.power(x, np.maximum(y, 0) if x.dtype.kind in "iu" else y)


add = binary("add", np.add, "x + y.", lambda n, g: (g, g))
subtract = binary("subtract", np.subtract, "x - y.", lambda n, g: (g, -g))
multiply = binary("multiply", np.multiply, "x * y.", _multiply_grad)
divide = binary("divide", np.divide, "x / y; integers are divided as float32.", _divide_grad, "float", cost=4)
floor_divide = binary("floor_divide", np.floor_divide, "x / y rounded down, in the operands' dtype.", cost=8)
remainder = binary("remainder", np.remainder, "x - floor(x / y) * y: it has y's sign.", _remainder_grad, cost=10)
minimum = binary(
    "minimum", np.minimum, "The lesser; nan where either is. Ties send their gradient to x.", _minimum_grad
)
maximum = binary(
    "maximum", np.maximum, "The greater; nan where either is. Ties send their gradient to x.", _maximum_grad
)
power = binary(
    "power", _power_ref, "x to the power y; a negative exponent of an integer counts as 0.", _power_grad, cost=25,
    samples=(between(0.5, 2.0, (3, 5), (3, 5)), between(0.5, 2.0, (2, 1, 4), (3, 1)),
             *operands("integer", (3, 5), (5,))[:1]),
)  # fmt: skip
arctan2 = binary(
    "arctan2", np.arctan2, "The angle of the point (y, x), given y first.", _arctan2_grad, "float", cost=25
)

negative = unary("negative", np.negative, "-x.", lambda n, g: (-g,), "number")
absolute = unary("absolute", np.absolute, "|x|.", lambda n, g: (g * ops.sign(n.inputs[0]),), "number")
sign: Unary = unary("sign", np.sign, "-1, 0 or 1 as x is below, at or above zero; nan for nan.", accepts="number")
floor = unary("floor", np.floor, "The greatest integer not above x.")
ceil = unary("ceil", np.ceil, "The least integer not below x.")
rint = unary("rint", np.rint, "The nearest integer; halves go to the even one.")


def _cast_infer(x: TensorType, dtype: str) -> TensorType:
    return TensorType(x.shape, dtypes.canonical(dtype))


def _cast_ref(x: Array, dtype: str) -> Array:
    with np.errstate(all="ignore"):
        return x.astype(dtypes.numpy_dtype(dtype))


def _cast_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    source = n.inputs[0].dtype
    return (cast(g, source) if dtypes.is_float(source) else None,)


def _cast_lower(n: Node, index: Position, load: LoadInput) -> Expr:
    return Call("cast", (load(0, index),), n.dtype)


_CAST = register(
    Op(
        "cast",
        "elementwise",
        "x as another dtype: floats to integers are cut towards zero (undefined outside the range), to bool is x != 0.",
        _cast_infer,
        _cast_ref,
        _cast_grad,
        _cast_lower,
        lift_broadcasting,
        samples=(
            *operands("float", (3, 5), dtype="float32"),
            *operands("any", (3, 5), dtype="int32"),
            *operands("integer", (3, 5), dtype="float64"),
            *operands("number", (3, 5), dtype="bool"),
            *operands("float", (3, 5), dtype="float16"),
            *operands("float", (3, 5), dtype="bfloat16"),
        ),
    )
)


@builder
def cast(x: Operand, dtype: Any) -> Node:
    """Return x as another dtype; x itself where it has it. Raises DTypeError for a dtype that is not supported."""
    n = as_node(x)
    name = dtypes.canonical(dtype)
    return n if n.dtype == name else apply(_CAST, n, dtype=name)


@builder
def square(x: Operand) -> Node:
    """Return x * x."""
    n = as_node(x)
    return multiply(n, n)


@builder
def reciprocal(x: Operand) -> Node:
    """Return 1 / x."""
    return divide(1.0, x)


@builder
def clip(x: Operand, low: Operand, high: Operand) -> Node:
    """Return x brought into [low, high]; the gradient is 1 from low to high inclusive, 0 outside."""
    return minimum(maximum(x, low), high)


@builder
def round(x: Operand) -> Node:
    """Return the nearest integer, halves to the even one; integers and booleans stay as they are."""
    n = as_node(x)
    return rint(n) if dtypes.is_float(n.dtype) else n


@builder
def add_n(values: Any) -> Node:
    """Return the sum of one or more operands, from the first to the last."""
    first, *others = promoted(*values, accepts="number")
    for other in others:
        first = add(first, other)
    return first
