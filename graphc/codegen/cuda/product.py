"""Contractions that a library of matrix products may do: which they are, and what is left to a kernel of ours.

    result[row, column] = bias[column] + sum over k of left[row, k] * right[k, column]

Any other epilogue is a kernel that reads the sums where the library put them: in scratch memory where their number is
known, as that of a weight's gradient is, so that the result may lie where an operand does; in the result elsewhere.
"""

from __future__ import annotations

from graphc.codegen.cuda.split import SCRATCH
from graphc.codegen.cuda.sums import (
    SCRATCH_PARAMETER,
    LibraryWay,
    Line,
    finishing_kernel,
    has_computed_places,
    linear,
    only_value,
    store_for_sums,
)
from graphc.dtypes import itemsize
from graphc.loopir import Call, ContractKernel, Expr, LibraryProduct, Load, Matrix, Store
from graphc.symbolic import Symbol, of_atom


def describe_product(kernel: ContractKernel, precision: str) -> LibraryWay | None:
    """Return a contraction as a library's product.

    None where it is no product of two plain matrices in float32.
    """
    if kernel.batch or kernel.beside or len(kernel.depth) != 1 or kernel.dtype != "float32":
        return None
    row, column, deep = kernel.row[0], kernel.column[0], kernel.depth[0][0]
    left, right = _matrix(kernel, kernel.left, row, deep), _matrix(kernel, kernel.right, deep, column)
    if left is None or right is None or has_computed_places(kernel):
        return None
    (_, rows), (_, columns), (_, depth) = kernel.row, kernel.column, kernel.depth[0]
    found, value = store_for_sums(kernel), only_value(kernel)
    bias = _bias(kernel, value)
    if found is not None and (bias is not None or value == kernel.sums[0]):
        result = _result(kernel, *found)
        added = None if bias is None else Matrix(kernel.number(bias.buffer), 0, 0, False)
        return LibraryWay(LibraryProduct(left, right, result, rows, columns, depth, added, precision))
    if isinstance(rows, int) and isinstance(columns, int):
        apart = LibraryProduct(left, right, Matrix(None, 0, columns, False), rows, columns, depth, None, precision)
        sums = Load(SCRATCH, of_atom(row) * columns + of_atom(column), kernel.dtype)
        finish = finishing_kernel(kernel, sums, (SCRATCH_PARAMETER,))
        return LibraryWay(apart, finish=finish, scratch=rows * columns * itemsize(kernel.dtype))
    if found is None:
        return None
    store, _ = found
    product = LibraryProduct(left, right, _result(kernel, *found), rows, columns, depth, None, precision)
    return LibraryWay(product, finish=finishing_kernel(kernel, Load(store.buffer, store.offset, kernel.dtype)))


def _result(kernel: ContractKernel, store: Store, line: Line) -> Matrix:
    return Matrix(kernel.number(store.buffer), line.rest, line.factors[0], False)


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
