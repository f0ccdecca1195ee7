"""Contractions that a library of matrix products may do: which they are, and what is left to a kernel of ours.

    result[row, column] = bias[column] + sum over k of left[row, k] * right[k, column]

Any other epilogue is a kernel that reads the sums where the library put them: in the result.
"""

from __future__ import annotations

from graphc.codegen.cuda.sums import (
    LibraryWay,
    finishing_kernel,
    has_computed_places,
    linear,
    only_value,
    store_for_sums,
)
from graphc.loopir import Call, ContractKernel, Expr, LibraryProduct, Load, Matrix
from graphc.symbolic import Symbol, of_atom


def describe_product(kernel: ContractKernel, precision: str) -> LibraryWay | None:
    """Return a contraction as a library's product.

    None where it is no product of two plain matrices in float32 with lines for a result.
    """
    if kernel.batch or kernel.beside or len(kernel.depth) != 1 or kernel.dtype != "float32":
        return None
    row, column, deep = kernel.row[0], kernel.column[0], kernel.depth[0][0]
    left, right = _matrix(kernel, kernel.left, row, deep), _matrix(kernel, kernel.right, deep, column)
    found = store_for_sums(kernel)
    if left is None or right is None or found is None or has_computed_places(kernel):
        return None
    store, line = found
    result = Matrix(kernel.number(store.buffer), line.rest, line.factors[0], False)
    shape = kernel.row[1], kernel.column[1], kernel.depth[0][1]
    value = only_value(kernel)
    bias = _bias(kernel, value)
    if bias is not None:
        added = Matrix(kernel.number(bias.buffer), 0, 0, False)
        return LibraryWay(LibraryProduct(left, right, result, *shape, added, precision))
    product = LibraryProduct(left, right, result, *shape, None, precision)
    if value == kernel.sums[0]:
        return LibraryWay(product)
    return LibraryWay(product, finish=finishing_kernel(kernel, Load(store.buffer, store.offset, kernel.dtype)))


def _matrix(kernel: ContractKernel, operand: Load, down: Symbol, across: Symbol) -> Matrix | None:
    """Return an operand as a matrix whose lines lie side by side, or whose columns do."""
    line = linear(kernel, operand.offset, (down, across))
    if operand.dtype != "float32" or line is None:
        return None
    number, (far, near) = kernel.number(operand.buffer), line.factors
    if near == 1:
        return Matrix(number, line.rest, far, False)
    return Matrix(number, line.rest, near, True) if far == 1 else None


def _bias(kernel: ContractKernel, value: Expr | None) -> Load | None:
    """Return what is added to the sum, if that is all and it is a number for each column."""
    if not isinstance(value, Call) or value.primitive != "add" or kernel.sums[0] not in value.arguments:
        return None
    other = next((e for e in value.arguments if e != kernel.sums[0]), None)
    if isinstance(other, Load) and other.guard is None and other.dtype == "float32":
        return other if other.offset == of_atom(kernel.column[0]) else None
    return None
