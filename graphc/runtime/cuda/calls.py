"""A library's call for a launch: its operands as addresses and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphc import symbolic
from graphc.loopir import Images, LibraryConvolution, LibraryProduct, Matrix
from graphc.runtime.protocol import Convolution, Operand, Pictures, Product
from graphc.symbolic import Symbol

_FLOAT32_BYTES = 4


def product_call(
    product: LibraryProduct, symbols: Mapping[Symbol, int], address: Callable[[int | None], int]
) -> Product | None:
    """Return a product with its addresses; None where it is empty, or a matrix has lines that overlap.

    `address` tells where the argument of a number starts, or scratch memory.
    """
    rows, columns, depth = (symbolic.evaluate(d, symbols) for d in (product.rows, product.columns, product.depth))

    def operand(matrix: Matrix) -> Operand:
        offset, stride = (symbolic.evaluate(dim, symbols) for dim in (matrix.offset, matrix.stride))
        return Operand(address(matrix.parameter) + offset * _FLOAT32_BYTES, stride, matrix.is_transposed)

    left, right, result = (operand(m) for m in (product.left, product.right, product.result))
    has_lines = (
        min(rows, columns, depth) > 0
        and left.stride >= (rows if left.is_transposed else depth)
        and right.stride >= (depth if right.is_transposed else columns)
    )
    if not has_lines:
        return None
    bias = None if product.bias is None else operand(product.bias).address
    return Product(left, right, result, rows, columns, depth, bias, product.precision)


def convolution_call(
    convolution: LibraryConvolution, symbols: Mapping[Symbol, int], address: Callable[[int | None], int]
) -> Convolution | None:
    """Return a convolution with its addresses; None where it is empty. `address` is as for products."""

    def pictures(images: Images) -> Pictures:
        offset = symbolic.evaluate(images.offset, symbols)
        shape, strides = (tuple(symbolic.evaluate(d, symbols) for d in dims) for dims in (images.shape, images.strides))
        return Pictures(address(images.parameter) + offset * _FLOAT32_BYTES, shape, strides)

    c = convolution
    operands = pictures(c.image), pictures(c.other), pictures(c.result)
    if any(min(p.shape) <= 0 for p in operands):
        return None
    return Convolution(c.kind, *operands, c.strides, c.dilations, c.precision)
