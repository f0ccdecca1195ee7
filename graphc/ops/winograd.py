"""Winograd's minimal filtering of 3 x 3 windows: fewer products for the same sums.

F(m x m, 3 x 3) computes m x m results of a convolution from a tile of a x a elements, a = m + 2, with a * a products a
pair of channels instead of 9 * m * m:

    Y = A^T [ (G g G^T) . (B^T d B) ] A

d is the tile, g the kernel; the products are summed over the channels in, which makes a * a matrix products. The
matrices of F(2 x 2) are those of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015): they add
and halve alone, and the rounding is that of the direct sum. Those of F(4 x 4) follow in the same way from polynomials'
values at other points: 0, +-1/sqrt(2), +-sqrt(2) and infinity instead of 0, +-1, +-2 and infinity. Elements that are
nearer to each other halve the error, which is then about twice that of the direct sum.
"""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import ops, symbolic
from graphc.errors import ShapeError
from graphc.graph import Node, TensorType, apply, constant
from graphc.loopir import Call, Expr
from graphc.ops.define import Array, Primitive, builder, in_compute_dtype, operands
from graphc.ops.lowering import LoadInput, Position, both, equal, guarded, less, literal
from graphc.symbolic import Dim

Matrix = tuple[tuple[float, ...], ...]

_ROOT = math.sqrt(2)

# By m: B^T, which makes a tile ready; G, which makes a kernel ready; A^T, which gathers the results. B^T and A^T are
# products of factors, the last of which comes first: what pairs of rows have in common is computed once.
TILE: dict[int, tuple[Matrix, ...]] = {
    2: (((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),),
    4: (
        (
            (1, 0, 0, 0, 0, 0),
            (0, 1, 1 / _ROOT, 0, 0, 0),
            (0, 1, -1 / _ROOT, 0, 0, 0),
            (0, 0, 0, 1, _ROOT, 0),
            (0, 0, 0, 1, -_ROOT, 0),
            (0, 0, 0, 0, 0, 1),
        ),
        (
            (1, 0, -5 / 2, 0, 1, 0),
            (0, 0, -2, 0, 1, 0),
            (0, -2, 0, 1, 0, 0),
            (0, 0, -1 / 2, 0, 1, 0),
            (0, -1 / 2, 0, 1, 0, 0),
            (0, 1, 0, -5 / 2, 0, 1),
        ),
    ),
}
KERNEL: dict[int, Matrix] = {
    2: ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    4: (
        (1, 0, 0),
        (-2 / 3, -_ROOT / 3, -1 / 3),
        (-2 / 3, _ROOT / 3, -1 / 3),
        (1 / 6, _ROOT / 6, 1 / 3),
        (1 / 6, -_ROOT / 6, 1 / 3),
        (0, 0, 1),
    ),
}
RESULT: dict[int, tuple[Matrix, ...]] = {
    2: (((1, 1, 1, 0), (0, 1, -1, -1)),),
    4: (
        (
            (1, 1, 0, 1, 0, 0),
            (0, 0, 1 / _ROOT, 0, _ROOT, 0),
            (0, 1 / 2, 0, 2, 0, 0),
            (0, 0, 1 / (2 * _ROOT), 0, 2 * _ROOT, 1),
        ),
        (
            (1, 0, 0, 0, 0, 0),
            (0, 1, 1, 0, 0, 0),
            (0, 1, -1, 0, 0, 0),
            (0, 0, 0, 1, 1, 0),
            (0, 0, 0, 1, -1, 0),
            (0, 0, 0, 0, 0, 1),
        ),
    ),
}


def _combination(matrix: Matrix, row: Dim, terms: Sequence[Expr | None]) -> Expr | None:
    """Return the sum of terms times a row of a matrix; None (nothing) where all of them vanish."""
    if not isinstance(row, int):
        result = _combination(matrix, len(matrix) - 1, terms)
        for number in range(len(matrix) - 2, -1, -1):
            chosen = _combination(matrix, number, terms)
            assert chosen is not None and result is not None
            result = Call("where", (equal(row, number), chosen, result), chosen.dtype)
        return result
    total: Expr | None = None
    for factor, term in zip(matrix[row], terms):
        if factor == 0 or term is None:
            continue
        size = abs(factor)
        scaled = term if size == 1 else Call("multiply", (term, literal(size, term.dtype)), term.dtype)
        if total is None:
            total = scaled if factor > 0 else Call("negative", (scaled,), term.dtype)
        else:
            total = Call("add" if factor > 0 else "subtract", (total, scaled), term.dtype)
    return total


def _product(factors: Sequence[Matrix], row: Dim, terms: Sequence[Expr | None]) -> Expr | None:
    """Return the sum of terms times a row of a product of matrices."""
    first, *others = factors
    for matrix in reversed(others):
        terms = [_combination(matrix, number, terms) for number in range(len(matrix))]
    return _combination(first, row, terms)


def _both_ways(factors: Sequence[Matrix], row: Dim, column: Dim, element: Sequence[Sequence[Expr | None]]) -> Expr:
    """Return an element of M E M^T; M is the product of the factors."""
    down = [_product(factors, column, line) for line in element]
    result = _product(factors, row, down)
    assert result is not None
    return result


def _whole(factors: Sequence[Matrix], dtype: Any) -> Array:
    """Return a product of matrices."""
    return np.asarray(functools.reduce(np.matmul, map(np.asarray, factors)), dtype)


class WinogradTiles(Primitive, name="winograd_tiles", kind="movement", cost=6):
    """(n, h, w, c) -> (a, a, n, th, tw, c): the tiles of a elements, m apart, made ready: B^T d B.

    `counts` are (th, tw); what a tile has beyond the array is zero.
    """

    def infer(x: TensorType, m: int, counts: tuple[int, int]) -> TensorType:
        if x.rank != 4 or not all(isinstance(d, int) for d in x.shape[1:3]):
            raise ShapeError(f"takes images of a known size, not {x}")
        return TensorType((m + 2, m + 2, x.shape[0], *counts, x.shape[3]), x.dtype)

    @in_compute_dtype
    def ref(x: Array, m: int, counts: tuple[int, int]) -> Array:
        ends = [max(0, (count - 1) * m + m + 2 - d) for count, d in zip(counts, x.shape[1:3])]
        padded = np.pad(x, ((0, 0), (0, ends[0]), (0, ends[1]), (0, 0)))
        tiles = np.lib.stride_tricks.sliding_window_view(padded, (m + 2, m + 2), (1, 2))[:, ::m, ::m]
        tiles = tiles[:, : counts[0], : counts[1]]
        matrix = _whole(TILE[m], x.dtype)
        return np.asarray(np.einsum("ai,bj,nyxcij->abnyxc", matrix, matrix, tiles))

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        a, b, image, down, across, channel = index
        m, (height, width) = n.attrs["m"], n.inputs[0].shape[1:3]

        def element(i: int, j: int) -> Expr:
            y, x = down * m + i, across * m + j
            inside = both(less(y, height), less(x, width))
            return guarded(inside, load(0, (image, y, x, channel)), literal(0, n.dtype))

        return _both_ways(TILE[m], a, b, [[element(i, j) for j in range(m + 2)] for i in range(m + 2)])

    def together(n: Node) -> tuple[int, ...]:
        return (n.attrs["m"] + 2, n.attrs["m"] + 2, 1, 1, 1, 1)

    samples = (
        *operands("float", (2, 6, 8, 3), m=2, counts=(2, 3)),
        *operands("float", (3, 5, 7, 2), m=2, counts=(2, 3)),
        *operands("float", (2, 10, 7, 3), m=4, counts=(2, 2)),
    )


class WinogradJoin(Primitive, name="winograd_join", kind="movement", cost=6):
    """(a, a, n, th, tw, c) -> (n, *shape, c): the results of every tile, A^T M A, side by side."""

    def infer(x: TensorType, m: int, shape: tuple[int, int]) -> TensorType:
        wanted = (m + 2, m + 2, *(-(-d // m) for d in shape))
        if x.rank != 6 or (*x.shape[:2], *x.shape[3:5]) != wanted:
            raise ShapeError(f"takes (a, a, n, th, tw, c) with a, a, th, tw = {wanted}, not {x}")
        return TensorType((x.shape[2], *shape, x.shape[5]), x.dtype)

    @in_compute_dtype
    def ref(x: Array, m: int, shape: tuple[int, int]) -> Array:
        matrix = _whole(RESULT[m], x.dtype)
        tiles = np.einsum("pa,qb,abnyxc->nypxqc", matrix, matrix, x)
        images = tiles.reshape(x.shape[2], x.shape[3] * m, x.shape[4] * m, x.shape[5])
        return np.ascontiguousarray(images[:, : shape[0], : shape[1]], x.dtype)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        image, y, x, channel = index
        m = n.attrs["m"]
        down, across = symbolic.floordiv(y, m), symbolic.floordiv(x, m)
        places = range(m + 2)
        element = [[load(0, (a, b, image, down, across, channel)) for b in places] for a in places]
        return _both_ways(RESULT[m], symbolic.modulo(y, m), symbolic.modulo(x, m), element)

    def together(n: Node) -> tuple[int, ...]:
        return (1, n.attrs["m"], n.attrs["m"], 1)

    samples = (
        *operands("float", (4, 4, 2, 2, 3, 5), m=2, shape=(4, 6)),
        *operands("float", (4, 4, 2, 2, 3, 5), m=2, shape=(3, 5)),
        *operands("float", (6, 6, 2, 2, 1, 3), m=4, shape=(7, 3)),
    )


@builder
def winograd_convolution(x: Node, w: Node, m: int, channels: int = 2) -> Node:
    """Return the contraction of the 3 x 3 windows of x with w, by tiles of m x m results.

    x is (n, h, w, c) with h and w known and padding in place; w is (3, 3, ci, co), of which the axis `channels` goes
    with x's c.
    """
    shape = tuple(d - 2 for d in x.shape[1:3])
    counts = tuple(symbolic.ceildiv(d, m) for d in shape)
    ready = constant(np.asarray(KERNEL[m]), w.dtype)
    # Along each axis of the window in turn: (3, 3, ci, co) -> (a, 3, ci, co) -> (b, a, ci, co).
    kernels = ops.contract(ready, ops.contract(ready, w, depth=[(1, 0)]), depth=[(1, 1)])
    tiles = apply(WinogradTiles.op, x, m=m, counts=counts)
    products = ops.contract(tiles, kernels, depth=[(5, channels)], batch=[(0, 1), (1, 0)])
    return apply(WinogradJoin.op, products, m=m, shape=shape)
