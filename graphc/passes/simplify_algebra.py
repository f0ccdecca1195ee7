"""simplify_algebra: local algebra that keeps every value."""

from __future__ import annotations

import math

from graphc import dtypes, ops
from graphc.graph import CONSTANT, Graph, Node, constant, rebuild
from graphc.passes.canonicalise import RULES as CANONICAL
from graphc.passes.fold_constants import folded
from graphc.passes.patterns import is_nonnegative, is_op, is_uniform, uniform_value
from graphc.passes.rewriting import Rules, sweep
from graphc.passes.simplify_moves import RULES as MOVES
from graphc.symbolic import product

RULES = Rules()
rule = RULES.rule


def simplify_algebra(graph: Graph) -> Graph:
    """Apply local algebra until nothing changes, with the rules of `canonicalise` and `fold_constants` in between.

    Values stay what they are, inf and nan included, except the sign of a zero (`x + 0 -> x`) and the last bits of
    sums (`sum(sum(x))` adds in another order). So `x * 0` and `x - x` are left alone for floats: they are nan where
    x is not finite; `x / x` always.

        %2 = multiply(%0, %1)           %1 is constant 1.0
        %3 = negative(%2)
        %4 = negative(%3)         ->    %0
    """
    return sweep(graph, _match)


def _match(n: Node) -> Node | None:
    for rules in (CANONICAL, RULES, MOVES):
        result = rules.first_match(n)
        if result is not None:
            return result
    return folded(n)


def _uniform(value: float, n: Node) -> Node:
    """A number spread to n's type."""
    return ops.broadcast_to(constant(value, n.dtype), n.shape)


@rule("add")
def add_zero(n: Node) -> Node | None:
    """x + 0 -> x"""
    return n.inputs[0] if is_uniform(n.inputs[1], 0) else n.inputs[1] if is_uniform(n.inputs[0], 0) else None


@rule("subtract")
def subtract_zero(n: Node) -> Node | None:
    """x - 0 -> x; 0 - x -> -x; x - x -> 0 for integers"""
    x, y = n.inputs
    if is_uniform(y, 0):
        return x
    if is_uniform(x, 0):
        return ops.negative(y)
    return _uniform(0, n) if x is y and dtypes.is_integer(n.dtype) else None


@rule("add")
def merge_added_constants(n: Node) -> Node | None:
    """(x + a) + b -> x + (a + b) for integers: floats would round otherwise"""
    x, b = n.inputs
    if b.op is not CONSTANT or not is_op(x, "add") or x.inputs[1].op is not CONSTANT or dtypes.is_float(n.dtype):
        return None
    return ops.add(x.inputs[0], ops.add(x.inputs[1], b))


@rule("multiply")
def multiply_one(n: Node) -> Node | None:
    """x * 1 -> x; x * -1 -> -x; x * 0 -> 0 for integers"""
    for x, y in (n.inputs, n.inputs[::-1]):
        value = uniform_value(y)
        if value == 1:
            return x
        if value == -1:
            return ops.negative(x)
        if value == 0 and dtypes.is_integer(n.dtype):
            return _uniform(0, n)
    return None


@rule("multiply")
def multiply_negatives(n: Node) -> Node | None:
    """(-x) * y -> -(x * y), so that signs meet and cancel; x * (-y) likewise"""
    x, y = n.inputs
    if is_op(x, "negative") and not is_op(y, "negative") and y.op is not CONSTANT:
        return ops.negative(ops.multiply(x.inputs[0], y))
    if is_op(y, "negative") and not is_op(x, "negative") and x.op is not CONSTANT:
        return ops.negative(ops.multiply(x, y.inputs[0]))
    return None


@rule("multiply")
def merge_multiplied_constants(n: Node) -> Node | None:
    """(x * a) * b -> x * (a * b), a or b a power of two within range, or integers: exact"""
    x, b = n.inputs
    if b.op is not CONSTANT or not is_op(x, "multiply") or x.inputs[1].op is not CONSTANT:
        return None
    a = x.inputs[1]
    if dtypes.is_float(n.dtype) and not (_is_small_power_of_two(a) or _is_small_power_of_two(b)):
        return None
    return ops.multiply(x.inputs[0], ops.multiply(a, b))


def _is_small_power_of_two(n: Node) -> bool:
    """2 ** -4 to 2 ** 4: an intermediate result that overflows or loses bits is then next to one that does."""
    value = uniform_value(n)
    return value is not None and value in (0.0625, 0.125, 0.25, 0.5, 2, 4, 8, 16)


@rule("divide")
def divide_one(n: Node) -> Node | None:
    """x / 1 -> x; x / -1 -> -x; 1 / sqrt(x) -> rsqrt(x)"""
    x, y = n.inputs
    if is_uniform(y, 1):
        return x
    if is_uniform(y, -1):
        return ops.negative(x)
    return ops.rsqrt(y.inputs[0]) if is_uniform(x, 1) and is_op(y, "sqrt") else None


@rule("floor_divide")
def floor_divide_one(n: Node) -> Node | None:
    """x // 1 -> x for integers"""
    x, y = n.inputs
    return x if dtypes.is_integer(n.dtype) and is_uniform(y, 1) else None


@rule("power")
def power_of_constant(n: Node) -> Node | None:
    """x ** 0 -> 1; x ** 1 -> x; x ** 2 -> x * x, up to 4; x ** -1 -> 1 / x; x ** 0.5 -> sqrt(x) where x >= 0"""
    x, y = n.inputs
    value = uniform_value(y)
    if value is None or x.shape != n.shape:
        return None
    if value == 0:
        return _uniform(1, n)
    if value == 1:
        return x
    if value in (2, 3, 4):
        squared = ops.multiply(x, x)
        return squared if value == 2 else ops.multiply(squared, x if value == 3 else squared)
    if not dtypes.is_float(n.dtype):
        return None
    if value in (-1, -2):
        return ops.divide(1.0, x if value == -1 else ops.multiply(x, x))
    if abs(value) == 0.5 and is_nonnegative(x):
        return ops.sqrt(x) if value > 0 else ops.rsqrt(x)
    return None


@rule("absolute")
def absolute_of_nonnegative(n: Node) -> Node | None:
    """|-x| -> |x|; |x| -> x where x >= 0"""
    x = n.inputs[0]
    if is_op(x, "negative"):
        return ops.absolute(x.inputs[0])
    return x if is_nonnegative(x) else None


@rule("sqrt")
def sqrt_of_square(n: Node) -> Node | None:
    """sqrt(x * x) -> |x|, which does not overflow"""
    x = n.inputs[0]
    return ops.absolute(x.inputs[0]) if is_op(x, "multiply") and x.inputs[0] is x.inputs[1] else None


@rule("maximum", "minimum", "logical_and", "logical_or", "bitwise_and", "bitwise_or")
def same_operands(n: Node) -> Node | None:
    """max(x, x) -> x; and so min, and, or"""
    return n.inputs[0] if n.inputs[0] is n.inputs[1] else None


@rule("maximum", "minimum")
def merge_bounds(n: Node) -> Node | None:
    """max(max(x, a), b) -> max(x, max(a, b)); max(x, -inf) -> x; max(x, 0) -> x where x >= 0; min likewise"""
    x, bound = n.inputs
    if bound.op is not CONSTANT:
        return None
    if is_op(x, n.op.name) and x.inputs[1].op is CONSTANT:
        return rebuild(n, (x.inputs[0], rebuild(n, (x.inputs[1], bound))))
    value = uniform_value(bound)
    if value == (-math.inf if is_op(n, "maximum") else math.inf):
        return x
    return x if is_op(n, "maximum") and value is not None and value <= 0 and is_nonnegative(x) else None


@rule("logical_and", "logical_or")
def logic_of_constants(n: Node) -> Node | None:
    """x and true -> x; x and false -> false; x or false -> x; x or true -> true"""
    for x, y in (n.inputs, n.inputs[::-1]):
        value = uniform_value(y)
        if value is not None:
            return x if value == is_op(n, "logical_and") else _uniform(value, n)
    return None


@rule("logical_not")
def double_not(n: Node) -> Node | None:
    """not not x -> x; not (x == y) -> x != y; not (x != y) -> x == y"""
    x = n.inputs[0]
    if is_op(x, "logical_not"):
        return x.inputs[0]
    opposite = {"equal": ops.not_equal, "not_equal": ops.equal}.get(x.op.name)
    return None if opposite is None else opposite(*x.inputs)


@rule("where")
def where_decided(n: Node) -> Node | None:
    """where(true, x, y) -> x; where(false, x, y) -> y; where(c, x, x) -> x"""
    condition, x, y = n.inputs
    value = uniform_value(condition)
    if value is None and x is not y:
        return None
    return ops.broadcast_to(y if value is not None and not value else x, n.shape)


@rule("where")
def where_not(n: Node) -> Node | None:
    """where(not c, x, y) -> where(c, y, x)"""
    condition, x, y = n.inputs
    return rebuild(n, (condition.inputs[0], y, x)) if is_op(condition, "logical_not") else None


@rule("where")
def where_again(n: Node) -> Node | None:
    """where(c, where(c, x, y), z) -> where(c, x, z); where(c, x, where(c, y, z)) -> where(c, x, z)"""
    condition, x, y = n.inputs
    if is_op(x, "where") and x.inputs[0] is condition:
        return rebuild(n, (condition, x.inputs[1], y))
    if is_op(y, "where") and y.inputs[0] is condition:
        return rebuild(n, (condition, x, y.inputs[2]))
    return None


@rule("floor", "ceil", "rint", "sign")
def rounded_twice(n: Node) -> Node | None:
    """floor(floor(x)) -> floor(x), for any two of floor, ceil, rint; sign(sign(x)) -> sign(x)"""
    x = n.inputs[0]
    rounding = ("floor", "ceil", "rint")
    is_whole = x.op.name in rounding and n.op.name in rounding
    return x if is_whole or (is_op(n, "sign") and is_op(x, "sign")) else None


@rule("sum", "prod", "max", "min", "any", "all")
def merge_folds(n: Node) -> Node | None:
    """sum(sum(x, a), b) -> sum(x, a and b), both with or both without keepdims; and so every other fold"""
    x = n.inputs[0]
    if x.op is not n.op or x.attrs["keepdims"] != n.attrs["keepdims"]:
        return None
    source, first, second = x.inputs[0], x.attrs["axes"], n.attrs["axes"]
    if not n.attrs["keepdims"]:
        kept = [axis for axis in range(source.rank) if axis not in first]
        second = tuple(kept[axis] for axis in second)
    return rebuild(n, (source,), {**n.attrs, "axes": tuple(sorted({*first, *second}))})


@rule("sum", "prod", "max", "min", "any", "all")
def fold_of_one(n: Node) -> Node | None:
    """sum(x) -> reshape(x), over axes of size 1 alone; and so every other fold"""
    x = n.inputs[0]
    return ops.reshape(x, n.shape) if all(x.shape[axis] == 1 for axis in n.attrs["axes"]) else None


@rule("max", "min", "sum")
def fold_of_broadcast(n: Node) -> Node | None:
    """sum(broadcast_to(x)) -> x * count, over axes that were broadcast alone; max and min -> x"""
    x, axes = n.inputs[0], n.attrs["axes"]
    if not is_op(x, "broadcast_to"):
        return None
    source = x.inputs[0]
    lead = x.rank - source.rank
    if any(axis >= lead and source.shape[axis - lead] != 1 for axis in axes):
        return None
    kept = [axis for axis in range(x.rank) if axis not in axes]
    narrow = tuple(1 if axis < lead else source.shape[axis - lead] for axis in kept)
    result = ops.reshape(source, narrow)
    if is_op(n, "sum"):
        result = ops.multiply(result, ops.dimension(product(x.shape[axis] for axis in axes), n.dtype))
    return ops.reshape(ops.broadcast_to(result, tuple(x.shape[axis] for axis in kept)), n.shape)


@rule("sum")
def sum_of_negative(n: Node) -> Node | None:
    """sum(-x) -> -sum(x)"""
    x = n.inputs[0]
    return ops.negative(rebuild(n, (x.inputs[0],))) if is_op(x, "negative") else None
