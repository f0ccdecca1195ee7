"""Contractions that a library of matrix products may do: which they are, and what is left to a kernel of ours.

    result[row, column] = bias[column] + sum over k of left[row, k] * right[k, column]

Any other epilogue is a kernel that reads the sums where the library put them: in the result.
"""

from __future__ import annotations

from graphc.codegen.cuda.form import loads_of
from graphc.loopir import (
    Call,
    ContractKernel,
    Expr,
    For,
    Let,
    LibraryProduct,
    Load,
    Local,
    LoopKernel,
    Matrix,
    Statement,
    Store,
)
from graphc.symbolic import Symbol, Value, affine, atoms, of_atom


def describe_product(kernel: ContractKernel, precision: str) -> tuple[LibraryProduct, LoopKernel | None] | None:
    """Return a contraction as a library's product, and the kernel that finishes it, where there is more to do.

    None where it is no product of two plain matrices in float32 with a dense result, and where it goes to places that
    the program computes: it is tried out before there is anything in its operands.
    """
    if kernel.batch or kernel.beside or len(kernel.depth) != 1 or kernel.dtype != "float32":
        return None
    if _has_computed_places(kernel):
        return None
    row, column, deep = kernel.row[0], kernel.column[0], kernel.depth[0][0]
    left, right = _matrix(kernel, kernel.left, row, deep), _matrix(kernel, kernel.right, deep, column)
    store = _dense_store(kernel)
    if left is None or right is None or store is None:
        return None
    numbers = {p.name: i for i, p in enumerate(kernel.parameters)}
    result = Matrix(numbers[store.buffer], 0, kernel.column[1], False)
    shape = kernel.row[1], kernel.column[1], kernel.depth[0][1]
    known = {s.name: s.value for s in kernel.epilogue if isinstance(s, Let)}
    stores = [s for s in kernel.epilogue if isinstance(s, Store)]
    value = known.get(store.value.name, store.value) if isinstance(store.value, Local) else store.value
    if len(stores) == 1 and value == kernel.sums[0]:
        return LibraryProduct(left, right, result, *shape, None, (), precision), None
    bias = _bias(kernel, value)
    if len(stores) == 1 and bias is not None:
        added = Matrix(numbers[bias.buffer], 0, 0, False)
        return LibraryProduct(left, right, result, *shape, added, (), precision), None
    product = LibraryProduct(left, right, result, *shape, None, (), precision)
    return product, _finishing_kernel(kernel, store)


def _has_computed_places(kernel: ContractKernel) -> bool:
    offsets = [load.offset for load in (kernel.left, *kernel.rights, *loads_of(kernel.epilogue))]
    offsets += [s.offset for s in kernel.epilogue if isinstance(s, Store)]
    return any(isinstance(atom, Value) for offset in offsets for atom in atoms(offset))


def _matrix(kernel: ContractKernel, operand: Load, down: Symbol, across: Symbol) -> Matrix | None:
    """Return an operand as a matrix whose lines lie side by side, or whose columns do."""
    if operand.dtype != "float32":
        return None
    parts = affine(operand.offset, down)
    rest = None if parts is None else affine(parts[1], across)
    if parts is None or rest is None:
        return None
    number = [p.name for p in kernel.parameters].index(operand.buffer)
    if rest[0] == 1:
        return Matrix(number, rest[1], parts[0], False)
    return Matrix(number, rest[1], rest[0], True) if parts[0] == 1 else None


def _dense_store(kernel: ContractKernel) -> Store | None:
    """Return the first store that fills a matrix of float32 line by line, which nothing of the kernel reads."""
    dense = of_atom(kernel.row[0]) * kernel.column[1] + of_atom(kernel.column[0])
    kinds = {p.name: p.dtype for p in kernel.parameters}
    read = {load.buffer for load in loads_of(kernel.epilogue)}
    for s in kernel.epilogue:
        if not isinstance(s, Store) or s.accumulate or s.buffer in read:
            continue
        if s.offset == dense and kinds[s.buffer] == "float32":
            return s
    return None


def _bias(kernel: ContractKernel, value: Expr) -> Load | None:
    """Return what is added to the sum, if that is all and it is a number for each column."""
    if not isinstance(value, Call) or value.primitive != "add" or kernel.sums[0] not in value.arguments:
        return None
    other = next((e for e in value.arguments if e != kernel.sums[0]), None)
    if isinstance(other, Load) and other.guard is None and other.dtype == "float32":
        return other if other.offset == of_atom(kernel.column[0]) else None
    return None


def _finishing_kernel(kernel: ContractKernel, store: Store) -> LoopKernel:
    """Return the kernel that runs the epilogue on the sums, which lie where `store` will put its values."""
    total = kernel.sums[0]
    body: tuple[Statement, ...] = (Let(total.name, Load(store.buffer, store.offset, kernel.dtype)), *kernel.epilogue)
    row, column = kernel.row, kernel.column
    inside: tuple[Statement, ...] = (For(*column, body, vector=True),)
    loops = (For(*row, inside, parallel=True),)
    return LoopKernel(kernel.parameters, kernel.sizes, loops, f"{kernel.label}: the epilogue")
