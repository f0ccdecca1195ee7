"""Sizes of a plan while it runs: loaded from memory, and dims computed from them."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.loopir import Plan
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, atoms, of_atom, symbols

# The values of symbols, and of quotients of them that are known already.
Sizes = Mapping[Atom, Operand]


def emit_dim(f: FunctionBuilder, dim: Dim, sizes: Sizes) -> Operand:
    """Return the i64 that a dim over these symbols is; a Python int where it is static."""
    if isinstance(dim, int):
        return dim
    total: Operand = 0
    for monomial, coefficient in dim.terms.items():
        term: Operand = coefficient
        for atom in monomial:
            match atom:
                case _ if atom in sizes:
                    factor = sizes[atom]
                case FloorDiv(numerator, divisor):
                    factor = f.divide(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case Modulo(numerator, divisor):
                    factor = f.remainder(emit_dim(f, numerator, sizes), emit_dim(f, divisor, sizes))
                case _:
                    raise ValueError(f"{dim} cannot be computed from {', '.join(map(str, sizes))}")
            term = f.multiply(term, factor)
        total = f.add(total, term)
    return total


def load_sizes(f: FunctionBuilder, plan: Plan, pointer: str) -> dict[Atom, Operand]:
    """Load the plan's sizes from the array at `pointer`, and divide once what offsets and costs divide again."""
    sizes: dict[Atom, Operand] = {
        s: f.value(f"load i64, ptr {f.gep(pointer, i, 'i64')}") for i, s in enumerate(plan.sizes)
    }
    dims = [b.slot or 0 for b in plan.buffers] + [dim for x in plan.launches for dim in (x.work, x.bytes)]
    # Inner quotients first. Positions in loops are not known here.
    for atom in (atom for dim in dict.fromkeys(dims) for atom in reversed(list(atoms(dim)))):
        if isinstance(atom, (FloorDiv, Modulo)) and atom not in sizes and symbols(of_atom(atom)) <= sizes.keys():
            sizes[atom] = emit_dim(f, of_atom(atom), sizes)
    return sizes
