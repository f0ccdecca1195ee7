"""Reductions over any axes: the folds that are ops, and what is composed of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node, Op, TensorType, apply, as_node, rebuild, register
from graphc.loopir import Expr
from graphc.ops.axes import normalize_axes
from graphc.ops.define import (
    Accepts,
    Array,
    Gradient,
    Operand,
    acceptable,
    builder,
    composite,
    in_compute_dtype,
    operands,
)
from graphc.ops.lowering import LoadInput, Position
from graphc.symbolic import Dim, product

Axis: TypeAlias = int | Sequence[int] | None


def reduced_shape(shape: tuple[Dim, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[Dim, ...]:
    """Return the shape left after folding the axes; they stay as 1 with `keepdims`."""
    if keepdims:
        return tuple(1 if axis in axes else d for axis, d in enumerate(shape))
    return tuple(d for axis, d in enumerate(shape) if axis not in axes)


def spread(folded: Node, n: Node) -> Node:
    """Return a value of a reduction's output shape, with the folded axes back as 1, so that it meets the input."""
    x, axes = n.inputs[0], n.attrs["axes"]
    return ops.reshape(folded, reduced_shape(x.shape, axes, keepdims=True))


def _lower(n: Node, index: Position, load: LoadInput) -> Expr:
    return load(0, index)


def _lift(n: Node, inputs: tuple[Node, ...]) -> Node:
    return rebuild(n, inputs, {**n.attrs, "axes": tuple(axis + 1 for axis in n.attrs["axes"])})


def _fold(
    name: str,
    doc: str,
    ref: Callable[..., Any],
    needs_one: bool = False,
    dtype: str | None = None,
    grad: Gradient | None = None,
) -> Op:
    """Register the reduction whose combiner is `name`; `needs_one`: it has no value over no elements."""

    def infer(x: TensorType, axes: tuple[int, ...], keepdims: bool) -> TensorType:
        if needs_one and 0 in (x.shape[axis] for axis in axes):
            raise ShapeError(f"has no value over no elements: axes {axes} of {x}")
        return TensorType(reduced_shape(x.shape, axes, keepdims), dtype or x.dtype)

    accepts: Accepts = "bool" if dtype == "bool" else "number"
    samples = (
        *operands(accepts, (3, 5), axes=(1,), keepdims=False),
        *operands(accepts, (2, 3, 5), axes=(0, 2), keepdims=True),
        *operands(accepts, (2, 3, 5), axes=(0, 1, 2), keepdims=False),
        *operands(accepts, (3, 1), axes=(1,), keepdims=False),
    )
    rules = infer, in_compute_dtype(ref), grad, _lower, _lift
    return register(Op(name, "reduction", doc, *rules, fold=name, samples=samples))


def _plain(fold: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axes, keepdims: fold(x, axes, keepdims=keepdims)


def _typed(fold: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axes, keepdims: fold(x, axes, dtype=x.dtype, keepdims=keepdims)


def _position(find: Callable[..., Any]) -> Callable[..., Any]:
    """Return the reference of argmax or argmin over several axes: the row-major position within them."""

    def ref(x: Array, axes: tuple[int, ...], keepdims: bool) -> Any:
        kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
        rows = x.transpose(kept + axes).reshape([x.shape[axis] for axis in kept] + [-1])
        return find(rows, axis=-1).reshape(reduced_shape(x.shape, axes, keepdims)).astype(np.int64)

    return ref


def _sum_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (ops.broadcast_to(spread(g, n), n.inputs[0].shape),)


def _prod_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    # The product of the others: n / x, or where x is the only zero the product of the nonzero ones.
    x, axes = n.inputs[0], n.attrs["axes"]
    is_zero = ops.equal(x, 0)
    filled = ops.where(is_zero, 1, x)
    zeros = sum(ops.cast(is_zero, x.dtype), axes, keepdims=True)
    nonzero = prod(filled, axes, keepdims=True)
    others = ops.where(is_zero, ops.where(ops.equal(zeros, 1), nonzero, 0), spread(n, n) / filled)
    return (spread(g, n) * others,)


def _extremum_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, axes = n.inputs[0], n.attrs["axes"]
    chosen = ops.cast(ops.equal(x, spread(n, n)), x.dtype)
    return (chosen * (spread(g, n) / sum(chosen, axes, keepdims=True)),)


_SUM = _fold("sum", "The sum, in the operand's dtype.", _typed(np.sum), grad=_sum_grad)
_PROD = _fold("prod", "The product, in the operand's dtype.", _typed(np.prod), grad=_prod_grad)
_MAX = _fold(
    "max", "The greatest; nan where there is one. Ties share the gradient.", _plain(np.max), True, grad=_extremum_grad
)
_MIN = _fold(
    "min", "The least; nan where there is one. Ties share the gradient.", _plain(np.min), True, grad=_extremum_grad
)
_ANY = _fold("any", "Whether one is true.", _plain(np.any), dtype="bool")
_ALL = _fold("all", "Whether all are true.", _plain(np.all), dtype="bool")
_ARGMAX = _fold(
    "argmax",
    "The row-major position of the first greatest, or of the first nan.",
    _position(np.argmax),
    True,
    dtype="int64",
)
_ARGMIN = _fold(
    "argmin",
    "The row-major position of the first least, or of the first nan.",
    _position(np.argmin),
    True,
    dtype="int64",
)


def _reduce(op: Op, x: Operand, axis: Axis, keepdims: bool) -> Node:
    n = as_node(x)
    accepts: Accepts = "bool" if op.fold in ("any", "all") else "number"
    n = ops.cast(n, acceptable(n.dtype, accepts))
    axes = normalize_axes(axis, n.rank)
    if not axes and op.fold not in ("argmax", "argmin"):
        return n
    return apply(op, n, axes=axes, keepdims=bool(keepdims))


@builder
def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the sum over axes (None: all). The dtype stays; bool is counted as int32."""
    return _reduce(_SUM, x, axis, keepdims)


@builder
def prod(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the product over axes (None: all). The dtype stays; bool is taken as int32."""
    return _reduce(_PROD, x, axis, keepdims)


@builder
def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the greatest over axes (None: all). Raises ShapeError over an axis of size 0."""
    return _reduce(_MAX, x, axis, keepdims)


@builder
def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the least over axes (None: all). Raises ShapeError over an axis of size 0."""
    return _reduce(_MIN, x, axis, keepdims)


@builder
def any(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return whether an element is nonzero, over axes (None: all)."""
    return _reduce(_ANY, x, axis, keepdims)


@builder
def all(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return whether every element is nonzero, over axes (None: all)."""
    return _reduce(_ALL, x, axis, keepdims)


@builder
def argmax(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the int64 position of the first greatest, row-major over the axes (None: all)."""
    return _reduce(_ARGMAX, x, axis, keepdims)


@builder
def argmin(x: Operand, axis: Axis = None, keepdims: bool = False) -> Node:
    """Return the int64 position of the first least, row-major over the axes (None: all)."""
    return _reduce(_ARGMIN, x, axis, keepdims)


def _reduction_samples(*shapes_axes: tuple[tuple[int, ...], Axis, bool]) -> tuple[Any, ...]:
    return tuple(
        sample
        for shape, axis, keepdims in shapes_axes
        for sample in operands("float", shape, axis=axis, keepdims=keepdims)
    )


_SAMPLES = _reduction_samples(((3, 5), (1,), False), ((2, 3, 5), (0, 2), True), ((2, 3), (0, 1), False))


def _count(x: Node, axes: Axis) -> Node:
    return ops.dimension(product(x.shape[axis] for axis in normalize_axes(axes, x.rank)), x.dtype)


@composite(_SAMPLES, accepts="float")
def mean(x: Node, /, axis: Axis = None, keepdims: bool = False) -> Node:
    """The arithmetic mean over axes (None: all); integers are averaged as float32."""
    return sum(x, axis, keepdims) / _count(x, axis)


@composite(_SAMPLES, accepts="float")
def var(x: Node, /, axis: Axis = None, keepdims: bool = False) -> Node:
    """The mean squared distance from the mean over axes (None: all); no correction of the count."""
    return mean(ops.square(x - mean(x, axis, keepdims=True)), axis, keepdims)


@composite(_SAMPLES, accepts="float")
def std(x: Node, /, axis: Axis = None, keepdims: bool = False) -> Node:
    """The square root of `var`; its gradient is infinite where all elements are equal."""
    return ops.sqrt(var(x, axis, keepdims))


def _logsumexp_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x = n.inputs[0]
    kept = reduced_shape(x.shape, normalize_axes(n.attrs["axis"], x.rank), keepdims=True)
    return (ops.reshape(g, kept) * ops.exp(x - ops.reshape(n, kept)),)


@composite(_SAMPLES, _logsumexp_grad, accepts="float")
def logsumexp(x: Node, /, axis: Axis = None, keepdims: bool = False) -> Node:
    """log(sum(exp(x))) over axes (None: all), computed beside the greatest element, so that nothing overflows."""
    greatest = ops.stop_gradient(max(x, axis, keepdims=True))
    # Beside an infinite greatest the differences would be nan: it is left where it is.
    base = ops.where(ops.less(ops.absolute(greatest), math.inf), greatest, 0)
    folded = ops.log(sum(ops.exp(x - base), axis, keepdims=True)) + base
    return folded if keepdims else ops.reshape(folded, reduced_shape(x.shape, normalize_axes(axis, x.rank), False))


@builder
def sum_to(x: Operand, shape: tuple[Dim, ...]) -> Node:
    """Return x summed over the axes by which `shape` would broadcast to x's: the adjoint of broadcasting."""
    n = as_node(x)
    if n.shape == shape:
        return n
    lead = n.rank - len(shape)
    stretched = (lead + axis for axis, d in enumerate(shape) if d == 1 and n.shape[lead + axis] != 1)
    axes = (*range(lead), *stretched)
    return ops.reshape(sum(n, axes), shape) if axes else n
