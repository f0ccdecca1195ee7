"""What a library may do for a contraction: where it finds operands and puts sums, and the kernels around it."""

from __future__ import annotations

from graphc.codegen.cuda.form import loads_of
from graphc.codegen.cuda.split import SCRATCH
from graphc.loopir import (
    ContractKernel,
    Expr,
    For,
    Let,
    LibraryConvolution,
    LibraryProduct,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Statement,
    Store,
)
from graphc.records import record
from graphc.symbolic import Dim, Symbol, Value, affine, atoms, symbols

# What kernels have more where they meet a library in scratch memory.
SCRATCH_PARAMETER = Parameter(SCRATCH, "float32", writable=True)


@record
class LibraryWay:
    """A library's call that does a contraction's sums, and the kernels of ours before and after it.

    They have scratch memory of so many bytes in common with it: a further parameter of the kernels.
    """

    call: LibraryProduct | LibraryConvolution
    prepare: LoopKernel | None = None
    finish: LoopKernel | None = None
    scratch: int = 0


@record
class Line:
    """An offset as a sum: a multiple of each of some symbols, and the rest."""

    factors: tuple[Dim, ...]
    rest: Dim


def linear(kernel: ContractKernel, offset: Dim, over: tuple[Symbol, ...]) -> Line | None:
    """Return an offset as multiples of symbols; None where anything but sizes of the kernel is left of it."""
    factors = []
    for symbol in over:
        parts = affine(offset, symbol)
        if parts is None:
            return None
        factors.append(parts[0])
        offset = parts[1]
    known = set(kernel.sizes)
    is_known = all(symbols(dim) <= known for dim in (*factors, offset))
    return Line(tuple(factors), offset) if is_known and not _is_computed(offset) else None


def has_computed_places(kernel: ContractKernel) -> bool:
    """Tell whether a kernel goes to places that the program computes.

    It cannot be tried out before there is anything in its operands.
    """
    offsets = [load.offset for load in (kernel.left, *kernel.rights, *loads_of(kernel.epilogue))]
    offsets += [s.offset for s in kernel.epilogue if isinstance(s, Store)]
    return any(map(_is_computed, offsets))


def _is_computed(offset: Dim) -> bool:
    return any(isinstance(atom, Value) for atom in atoms(offset))


def store_for_sums(kernel: ContractKernel) -> tuple[Store, Line] | None:
    """Return the first store that gives each sum a place of its own, which nothing of the kernel reads, and the places.

    They are multiples of the symbols of batch, row and column, columns side by side.
    """
    over = tuple(symbol for symbol, _ in (*kernel.batch, kernel.row, kernel.column))
    kinds = {p.name: p.dtype for p in kernel.parameters}
    read = {load.buffer for load in loads_of(kernel.epilogue)}
    for s in kernel.epilogue:
        if not isinstance(s, Store) or s.accumulate or s.buffer in read or kinds[s.buffer] != "float32":
            continue
        line = linear(kernel, s.offset, over)
        if line is not None and line.factors[-1] == 1 and 0 not in line.factors:
            return s, line
    return None


def only_value(kernel: ContractKernel) -> Expr | None:
    """Return the value that a kernel stores, where it stores but one."""
    stores = [s for s in kernel.epilogue if isinstance(s, Store)]
    if len(stores) > 1:
        return None
    known = {s.name: s.value for s in kernel.epilogue if isinstance(s, Let)}
    value = stores[0].value
    return known.get(value.name, value) if isinstance(value, Local) else value


def finishing_kernel(kernel: ContractKernel, sums: Load, more: tuple[Parameter, ...] = ()) -> LoopKernel:
    """Return the kernel that runs the epilogue on sums in memory; `more` are parameters beside the kernel's."""
    body: tuple[Statement, ...] = (Let(kernel.sums[0].name, sums), *kernel.epilogue)
    loops = (*kernel.batch, kernel.row, kernel.column)
    for depth, (symbol, extent) in enumerate(reversed(loops)):
        body = (For(symbol, extent, body, parallel=depth == len(loops) - 1, vector=depth == 0),)
    return LoopKernel((*kernel.parameters, *more), kernel.sizes, body, f"{kernel.label}: the epilogue")
