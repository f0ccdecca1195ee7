"""What code generation must know of an expression, found once for each: equal expressions are one Fact."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Union

from graphc.codegen.llvm.convert import COMPUTE
from graphc.codegen.llvm.vector import ELEMENTS
from graphc.loopir import Call, Const, Expr, Index, Load, Local
from graphc.records import record
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Polynomial, Symbol, Value

# What a value can depend on: a loop or size symbol, or the name of a Let or Fold.
Dependency = Union[Symbol, str]

_NOTHING: frozenset[str] = frozenset()
_NO_DEPENDENCY: frozenset[Dependency] = frozenset()

# Rough costs of primitives in instructions; those not named cost 1.
_COSTS = {
    "exp": 10, "expm1": 14, "log": 20, "log1p": 30, "tanh": 18, "sigmoid": 14, "erf": 26, "erfinv": 50, "sin": 30,
    "cos": 30, "tan": 35, "arcsin": 20, "arccos": 20, "arctan": 22, "arctan2": 30, "sinh": 30, "cosh": 25, "power": 90,
    "divide": 2, "floor_divide": 20, "remainder": 20, "philox": 100, "sqrt": 2, "rsqrt": 3,
}  # fmt: skip


@record(eq=False)
class Fact:
    """An expression: its number, its children, what it depends on, which writable buffers it reads.

    `cost` is a rough number of instructions, the children's not included; `bits` is the width of its element in a
    register.
    """

    number: int
    expression: Expr
    children: tuple[Fact, ...]
    depends: frozenset[Dependency]
    reads: frozenset[str]
    cost: int
    bits: int


class Facts:
    """The facts of all expressions and dims of one kernel; `writable` names the buffers that it writes."""

    def __init__(self, writable: frozenset[str] = frozenset()) -> None:
        self._writable = writable
        # Expressions by identity, so that deep ones are not hashed again; each is kept alive beside its fact.
        self._by_identity: dict[int, tuple[Expr, Fact]] = {}
        self._by_key: dict[Hashable, Fact] = {}
        self._dims: dict[Dim, tuple[frozenset[Dependency], frozenset[str]]] = {}

    def of(self, e: Expr) -> Fact:
        """Return the fact of an expression."""
        found = self._by_identity.get(id(e))
        if found is not None:
            return found[1]
        fact = self._make(e)
        self._by_identity[id(e)] = e, fact
        return fact

    def of_dim(self, dim: Dim) -> tuple[frozenset[Dependency], frozenset[str]]:
        """Return what a dim depends on and which writable buffers it reads."""
        if isinstance(dim, int):
            return _NO_DEPENDENCY, _NOTHING
        found = self._dims.get(dim)
        if found is None:
            depends, reads = _NO_DEPENDENCY, _NOTHING
            for monomial in dim.terms:
                for atom in monomial:
                    more, also = self.of_atom(atom)
                    depends, reads = depends | more, reads | also
            found = self._dims[dim] = depends, reads
        return found

    def of_atom(self, atom: Atom) -> tuple[frozenset[Dependency], frozenset[str]]:
        """Return what an atom of a dim depends on and which writable buffers it reads."""
        match atom:
            case Symbol():
                return frozenset((atom,)), _NOTHING
            case FloorDiv(numerator, divisor) | Modulo(numerator, divisor):
                first, second = self.of_dim(numerator), self.of_dim(divisor)
                return first[0] | second[0], first[1] | second[1]
            case Value(payload):
                fact = self.of(payload)  # type: ignore[arg-type]
                return fact.depends, fact.reads

    def _make(self, e: Expr) -> Fact:
        children: tuple[Fact, ...] = ()
        depends, reads = _NO_DEPENDENCY, _NOTHING
        cost = 1
        key: Hashable
        match e:
            case Const(value, dtype):
                key, cost = (Const, repr(value), dtype), 0
            case Index(dim, dtype):
                key = Index, dim, dtype
                depends, reads = self.of_dim(dim)
            case Load(buffer, offset, dtype, guard, other):
                children = () if guard is None else (self.of(guard),)
                key = Load, buffer, offset, dtype, tuple(c.number for c in children), other
                depends, reads = self.of_dim(offset)
                if buffer in self._writable:
                    reads |= {buffer}
            case Local(name, dtype):
                key, depends, cost = (Local, name, dtype), frozenset((name,)), 0
            case Call(primitive, arguments, dtype):
                children = tuple(self.of(argument) for argument in arguments)
                key = Call, primitive, tuple(c.number for c in children), dtype
                cost = _COSTS.get(primitive, 1)
        found = self._by_key.get(key)
        if found is not None:
            return found
        for child in children:
            depends, reads = depends | child.depends, reads | child.reads
        bits = ELEMENTS[COMPUTE[e.dtype]][1]
        fact = self._by_key[key] = Fact(len(self._by_key), e, children, depends, reads, cost, bits)
        return fact


def part_of_dim(terms: dict[tuple[Atom, ...], int]) -> Dim:
    """Return the dim of some terms of a polynomial."""
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Polynomial(terms)
