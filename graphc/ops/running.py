"""Running folds along an axis: cumsum and cumprod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc import ops
from graphc.graph import Node, Op, TensorType, apply, register
from graphc.ops.axes import normalize_axis
from graphc.ops.define import Array, Gradient, Operand, builder, in_compute_dtype, operands, promoted
from graphc.ops.lift import lift_along_axis


def _running(name: str, doc: str, accumulate: Callable[..., Any], grad: Gradient) -> Op:
    def infer(x: TensorType, axis: int, reverse: bool) -> TensorType:
        return x

    def ref(x: Array, axis: int, reverse: bool) -> Any:
        if reverse:
            return np.flip(accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
        return accumulate(x, axis, dtype=x.dtype)

    samples = (
        *operands("number", (3, 5), axis=1, reverse=False),
        *operands("float", (2, 3, 5), axis=1, reverse=True),
        *operands("float", (4, 1), axis=1, reverse=False),
        *operands("float", (0, 3), axis=0, reverse=False),
    )
    rules = infer, in_compute_dtype(ref), grad
    return register(Op(name, "structured", doc, *rules, lift=lift_along_axis, samples=samples))


def _cumsum_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (apply(_CUMSUM, g, axis=n.attrs["axis"], reverse=not n.attrs["reverse"]),)


def _cumprod_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x = n.inputs[0]
    behind = apply(_CUMSUM, g * n, axis=n.attrs["axis"], reverse=not n.attrs["reverse"])
    is_zero = ops.equal(x, 0)
    return (ops.where(is_zero, 0, behind / ops.where(is_zero, 1, x)),)


_CUMSUM = _running("cumsum", "Sums of the elements up to each, along an axis.", np.cumsum, _cumsum_grad)
_CUMPROD = _running(
    "cumprod", "Products of the elements up to each, along an axis; where x is 0 its gradient is taken as 0.",
    np.cumprod, _cumprod_grad,
)  # fmt: skip


def _run(op: Op, x: Operand, axis: int, reverse: bool) -> Node:
    (n,) = promoted(x, accepts="number")
    return apply(op, n, axis=normalize_axis(axis, n.rank), reverse=bool(reverse))


@builder
def cumsum(x: Operand, axis: int = 0, reverse: bool = False) -> Node:
    """Return the sums of the elements up to each one along the axis (from each one on, with `reverse`)."""
    return _run(_CUMSUM, x, axis, reverse)


@builder
def cumprod(x: Operand, axis: int = 0, reverse: bool = False) -> Node:
    """Return the products of the elements up to each one along the axis (from each one on, with `reverse`)."""
    return _run(_CUMPROD, x, axis, reverse)
