"""stabilise: the same value by a formula that neither overflows nor loses digits."""

from __future__ import annotations

import math

import numpy as np

from graphc import dtypes, ops
from graphc.graph import Graph, Node
from graphc.passes.patterns import is_op, is_uniform, uniform_value
from graphc.passes.rewriting import Rules

RULES = Rules()
rule = RULES.rule


def stabilise(graph: Graph) -> Graph:
    """Replace formulas by ones that are exact in the same places and sound in more.

    Expects the spellings of `canonicalise` (constants on the right, `x - c` as `x + (-c)`), and composites as nodes.
    Clips are never dropped: what a clip bounded stays bounded.

        %1 = softmax(%0, axis=1)
        %2 = log(%1)                ->    %1 = log_softmax(%0, axis=1)
    """
    return RULES.rewrite(graph)


@rule("log")
def log_of_softmax(n: Node) -> Node | None:
    """log(softmax(x)) -> log_softmax(x)"""
    x = n.inputs[0]
    return ops.log_softmax(x.inputs[0], axis=x.attrs["axis"]) if is_op(x, "softmax") else None


@rule("log")
def log_of_sum_of_exp(n: Node) -> Node | None:
    """log(sum(exp(x))) -> logsumexp(x)"""
    x = n.inputs[0]
    if not is_op(x, "sum") or not is_op(x.inputs[0], "exp"):
        return None
    axes, source = x.attrs["axes"], x.inputs[0].inputs[0]
    if any(source.shape[axis] == 0 for axis in axes):
        return None
    return ops.logsumexp(source, axis=axes, keepdims=x.attrs["keepdims"])


@rule("log")
def log_of_one_plus(n: Node) -> Node | None:
    """log(1 + exp(x)) -> softplus(x); log(1 - sigmoid(x)) -> -softplus(x); log(1 + x) -> log1p(x)"""
    x = n.inputs[0]
    if is_op(x, "subtract") and is_uniform(x.inputs[0], 1) and x.inputs[1].shape == n.shape:
        if is_op(x.inputs[1], "sigmoid"):
            return ops.negative(ops.softplus(x.inputs[1].inputs[0]))
        return ops.log1p(ops.negative(x.inputs[1]))
    if not is_op(x, "add") or not is_uniform(x.inputs[1], 1) or x.inputs[0].shape != n.shape:
        return None
    added = x.inputs[0]
    return ops.softplus(added.inputs[0]) if is_op(added, "exp") else ops.log1p(added)


@rule("log1p")
def log1p_of_exp(n: Node) -> Node | None:
    """log1p(exp(x)) -> softplus(x), except inside softplus's own form, where x <= 0 already"""
    x = n.inputs[0]
    if not is_op(x, "exp") or _is_nonpositive(x.inputs[0]):
        return None
    return ops.softplus(x.inputs[0])


def _is_nonpositive(n: Node) -> bool:
    return is_op(n, "negative") and is_op(n.inputs[0], "absolute")


@rule("log")
def log_of_sigmoid(n: Node) -> Node | None:
    """log(sigmoid(x)) -> -softplus(-x)"""
    x = n.inputs[0]
    return ops.negative(ops.softplus(ops.negative(x.inputs[0]))) if is_op(x, "sigmoid") else None


@rule("log")
def log_of_exp(n: Node) -> Node | None:
    """log(exp(x)) -> x"""
    x = n.inputs[0]
    return x.inputs[0] if is_op(x, "exp") else None


@rule("log")
def log_of_sqrt(n: Node) -> Node | None:
    """log(sqrt(x)) -> log(x) * 0.5"""
    x = n.inputs[0]
    return ops.multiply(ops.log(x.inputs[0]), 0.5) if is_op(x, "sqrt") else None


@rule("add")
def exp_minus_one(n: Node) -> Node | None:
    """exp(x) - 1 -> expm1(x)"""
    x, y = n.inputs
    return ops.expm1(x.inputs[0]) if is_op(x, "exp") and is_uniform(y, -1) else None


@rule("multiply")
def quotient_times_divisor(n: Node) -> Node | None:
    """(x / y) * y -> x; (x / y) * (y * z) -> x * z; (x / y - z) * y -> x - z * y: the slopes of log(y)

    Where y is 0 or infinite, the left side is nan, the right side the limit.
    """
    for quotient, y in (n.inputs, n.inputs[::-1]):
        if is_op(quotient, "divide") and quotient.inputs[1] is y:
            return ops.broadcast_to(quotient.inputs[0], n.shape)
        if is_op(quotient, "divide") and is_op(y, "multiply") and quotient.inputs[1] in y.inputs:
            rest = y.inputs[1] if y.inputs[0] is quotient.inputs[1] else y.inputs[0]
            return ops.multiply(quotient.inputs[0], rest)
        if is_op(quotient, "subtract") and is_op(quotient.inputs[0], "divide") and quotient.inputs[0].inputs[1] is y:
            return ops.subtract(quotient.inputs[0].inputs[0], ops.multiply(quotient.inputs[1], y))
    return None


@rule("multiply")
def quotient_of_exp(n: Node) -> Node | None:
    """x / (exp(y) + 1) * exp(y) -> x * sigmoid(y): the slope of log(exp(y) + 1), which does not overflow"""
    for quotient, e in (n.inputs, n.inputs[::-1]):
        if is_op(e, "exp") and is_op(quotient, "divide") and _is_one_plus(quotient.inputs[1], e):
            return ops.multiply(quotient.inputs[0], ops.sigmoid(e.inputs[0]))
    return None


@rule("divide")
def quotient_is_sigmoid(n: Node) -> Node | None:
    """exp(x) / (exp(x) + 1) -> sigmoid(x); 1 / (exp(-x) + 1) -> sigmoid(x)"""
    x, y = n.inputs
    if is_op(x, "exp") and _is_one_plus(y, x):
        return ops.sigmoid(x.inputs[0])
    if is_uniform(x, 1) and is_op(y, "add") and is_uniform(y.inputs[1], 1) and is_op(y.inputs[0], "exp"):
        power = y.inputs[0].inputs[0]
        return ops.sigmoid(power.inputs[0]) if is_op(power, "negative") else None
    return None


def _is_one_plus(n: Node, e: Node) -> bool:
    return is_op(n, "add") and n.inputs[0] is e and is_uniform(n.inputs[1], 1)


@rule("log")
def logit_of_sigmoid(n: Node) -> Node | None:
    """log(p / (1 - p)) -> x, for p = sigmoid(x); clip(x, logit(a), logit(b)), for p = clip(sigmoid(x), a, b)

    The logit is monotone: clipping p between a and b is clipping x between their logits.
    """
    quotient = n.inputs[0]
    if not is_op(quotient, "divide"):
        return None
    p, rest = quotient.inputs
    if not is_op(rest, "subtract") or rest.inputs[1] is not p or not is_uniform(rest.inputs[0], 1):
        return None
    return p.inputs[0] if is_op(p, "sigmoid") else _clipped_logit(p)


def _clipped_logit(p: Node) -> Node | None:
    """clip(x, logit(a), logit(b)) for p = minimum(maximum(sigmoid(x), a), b), 0 < a < b < 1."""
    if not is_op(p, "minimum") or not is_op(p.inputs[0], "maximum"):
        return None
    lower, high = p.inputs
    inner, low = lower.inputs
    if not is_op(inner, "sigmoid") or inner.shape != p.shape:
        return None
    a, b = uniform_value(low), uniform_value(high)
    if a is None or b is None or not 0 < a < b < 1:
        return None
    return ops.minimum(ops.maximum(inner.inputs[0], _logit(a, p.dtype)), _logit(b, p.dtype))


def _logit(value: float, dtype: str) -> float:
    """The logit of the number that `value` is in this dtype."""
    rounded = float(np.asarray(value).astype(dtypes.numpy_dtype(dtype)))
    return math.log(rounded) - math.log1p(-rounded)
