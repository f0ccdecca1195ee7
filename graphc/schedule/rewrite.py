"""Rewriting of loop-IR expressions: buffers to parameters, results to locals, nested loops to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphc.loopir import Call, Const, Expr, Fold, For, Index, Let, Load, Local, Statement, Store
from graphc.symbolic import (
    Dim,
    FloorDiv,
    Modulo,
    Symbol,
    Value,
    affine,
    atoms,
    floordiv,
    modulo,
    multiply,
    of_atom,
    product,
    substitute,
    value,
)

Replace = Callable[[Load], Expr | None]


class Rewriter:
    """Maps expressions: `replace(load)` first (None keeps it), then buffer names, local names and symbols."""

    def __init__(
        self,
        buffers: Mapping[str, str] | None = None,
        symbols: Mapping[Symbol, Dim] | None = None,
        replace: Replace | None = None,
        local_names: Mapping[str, str] | None = None,
    ) -> None:
        self.buffers, self.symbols, self.replace = buffers or {}, symbols or {}, replace
        self.local_names = local_names or {}
        self._memo: dict[int, tuple[Expr, Expr]] = {}

    def expr(self, e: Expr) -> Expr:
        """Return the expression mapped; shared parts stay shared."""
        found = self._memo.get(id(e))
        if found is not None:
            return found[1]
        result = self._expr(e)
        self._memo[id(e)] = (e, result)
        return result

    def _expr(self, e: Expr) -> Expr:
        match e:
            case Const():
                return e
            case Local(name, dtype):
                return Local(self.local_names[name], dtype) if name in self.local_names else e
            case Index(dim, dtype):
                return Index(self.dim(dim), dtype)
            case Call(primitive, arguments, dtype):
                return Call(primitive, tuple(map(self.expr, arguments)), dtype)
            case Load(buffer, offset, dtype, guard, other):
                if self.replace is not None:
                    replaced = self.replace(e)
                    if replaced is not None:
                        return replaced
                name = self.buffers.get(buffer, buffer)
                return Load(name, self.dim(offset), dtype, None if guard is None else self.expr(guard), other)

    def dim(self, a: Dim) -> Dim:
        """Return the dim mapped, expressions inside it too."""
        if isinstance(a, int):
            return a
        if not self.symbols and not any(isinstance(atom, Value) for atom in atoms(a)):
            return a
        if not any(not isinstance(atom, Symbol) for monomial in a.terms for atom in monomial):
            return substitute(a, self.symbols)
        result: Dim = 0
        for monomial, coefficient in a.terms.items():
            factors: list[Dim] = [coefficient]
            for atom in monomial:
                match atom:
                    case Symbol():
                        factors.append(self.symbols[atom] if atom in self.symbols else of_atom(atom))
                    case Value(payload):
                        factors.append(value(self.expr(payload)))  # type: ignore[arg-type]
                    case FloorDiv(numerator, divisor):
                        factors.append(floordiv(self.dim(numerator), self.dim(divisor)))
                    case Modulo(numerator, divisor):
                        factors.append(modulo(self.dim(numerator), self.dim(divisor)))
            result = result + product(factors)
        return result

    def load(self, e: Expr) -> Load:
        """Return a load mapped, which stays one."""
        mapped = self.expr(e)
        assert isinstance(mapped, Load)
        return mapped

    def straight(self, s: Let | Store) -> Let | Store:
        """Return a statement of straight-line code mapped."""
        mapped = self.statement(s)
        assert isinstance(mapped, (Let, Store))
        return mapped

    def statement(self, s: Statement) -> Statement:
        """Return the statement mapped; extents of loops are left alone."""
        match s:
            case Let(name, e):
                return Let(self.local_names.get(name, name), self.expr(e))
            case Store(buffer, offset, e, accumulate):
                return Store(self.buffers.get(buffer, buffer), self.dim(offset), self.expr(e), accumulate)
            case Fold(name, combine, loops, e, dtype, body):
                lets = tuple(Let(self.local_names.get(let.name, let.name), self.expr(let.value)) for let in body)
                return Fold(self.local_names.get(name, name), combine, loops, self.expr(e), dtype, lets)
            case For(variable, extent, inner, parallel, vector):
                return For(variable, extent, tuple(map(self.statement, inner)), parallel, vector)


def dims_of(statements: Iterable[Statement | Expr]) -> set[Dim]:
    """Return every dim that offsets and index values in the statements use."""
    found: set[Dim] = set()
    seen: set[int] = set()
    stack: list[Statement | Expr] = list(statements)
    keep: list[object] = []

    def visit_dim(a: Dim) -> None:
        if isinstance(a, int) or a in found:
            return
        found.add(a)
        for monomial in a.terms:
            for atom in monomial:
                if isinstance(atom, Value):
                    stack.append(atom.payload)  # type: ignore[arg-type]

    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        keep.append(item)
        match item:
            case Index(dim, _):
                visit_dim(dim)
            case Call(_, arguments, _):
                stack.extend(arguments)
            case Load(_, offset, _, guard, _):
                visit_dim(offset)
                if guard is not None:
                    stack.append(guard)
            case Let(_, e):
                stack.append(e)
            case Store(_, offset, e, _):
                visit_dim(offset)
                stack.append(e)
            case Fold(_, _, _, e, _, body):
                stack.append(e)
                stack.extend(body)
            case For(_, _, body, _, _):
                stack.extend(body)
    return found


Loops = list[tuple[Symbol, Dim]]
# So many iterations are shared well by any number of threads.
MANY_ITERATIONS = 256


def collapse(loops: Loops, dims: set[Dim]) -> tuple[Loops, dict[Symbol, Dim]]:
    """Merge nested loops that every dim walks through as one: (i, E1), (j, E2) -> (j, E1*E2) where i counts E2 times j.

    Returns the loops left, and what the old loop variables become.
    """
    result: Loops = []
    replaced: dict[Symbol, Dim] = {}
    for variable, extent in reversed(loops):
        if result:
            inner, inner_extent = result[0]
            if all(_walks_as_one(d, variable, inner, inner_extent) for d in dims):
                merged = Symbol(inner.name, multiply(extent, inner_extent))
                step: dict[Symbol, Dim] = {variable: 0, inner: of_atom(merged)}
                dims = {substitute(d, step) for d in dims}
                replaced = {old: substitute(new, step) for old, new in replaced.items()} | step
                result[0] = (merged, multiply(extent, inner_extent))
                continue
        result.insert(0, (variable, extent))
    return result, replaced


def _walks_as_one(d: Dim, outer: Symbol, inner: Symbol, inner_extent: Dim) -> bool:
    if isinstance(d, int):
        return True
    outer_parts, inner_parts = affine(d, outer), affine(d, inner)
    if outer_parts is None or inner_parts is None:
        return False
    return outer_parts[0] == multiply(inner_parts[0], inner_extent)


def share_first(loops: Loops) -> tuple[Loops, dict[Symbol, Dim]]:
    """Make the first two of several loops one, which threads share well where the first has few iterations.

    Returns the loops, and what the two old loop variables become.
    """
    (first, outer), (second, inner), *rest = loops
    if isinstance(outer, int) and outer >= MANY_ITERATIONS:
        return loops, {}
    shared = Symbol(second.name, multiply(outer, inner))
    variable = of_atom(shared)
    return [(shared, multiply(outer, inner)), *rest], {
        first: floordiv(variable, inner),
        second: modulo(variable, inner),
    }
