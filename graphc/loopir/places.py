"""Expressions at one place of loops: the loops' symbols become numbers, and what that decides is decided.

where(1 <= i + r, x[i + r - 1] if 1 <= i + r else 0, 0)    at r = 1    x[i]
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.loopir.nodes import Call, Const, Expr, Index, Load, Local
from graphc.symbolic import (
    Dim,
    FloorDiv,
    Modulo,
    Symbol,
    Value,
    floordiv,
    is_less,
    is_nonnegative,
    modulo,
    of_atom,
    product,
    value,
)

_TRUE = Const(True, "bool")


def at_places(e: Expr, places: Mapping[Symbol, int]) -> Expr:
    """Return the expression with these symbols replaced by numbers, without conditions that then always hold.

    Shared parts stay shared.
    """
    return _Placing(places).expr(e)


class _Placing:
    def __init__(self, places: Mapping[Symbol, int]) -> None:
        self._places = places
        self._memo: dict[int, Expr] = {}

    def expr(self, e: Expr) -> Expr:
        if id(e) not in self._memo:
            self._memo[id(e)] = self._expr(e)
        return self._memo[id(e)]

    def _expr(self, e: Expr) -> Expr:
        match e:
            case Const() | Local():
                return e
            case Index(dim, dtype):
                return Index(self._dim(dim), dtype)
            case Call(primitive, arguments, dtype):
                return _decided(primitive, tuple(map(self.expr, arguments)), dtype)
            case Load(buffer, offset, dtype, guard, other):
                here = None if guard is None else self.expr(guard)
                if here is None or here == _TRUE:
                    return Load(buffer, self._dim(offset), dtype)
                return Load(buffer, self._dim(offset), dtype, here, other)

    def _dim(self, dim: Dim) -> Dim:
        if isinstance(dim, int):
            return dim
        total: Dim = 0
        for monomial, coefficient in dim.terms.items():
            factors: list[Dim] = [coefficient]
            for atom in monomial:
                match atom:
                    case Symbol():
                        factors.append(self._places[atom] if atom in self._places else of_atom(atom))
                    case FloorDiv(numerator, divisor):
                        factors.append(floordiv(self._dim(numerator), self._dim(divisor)))
                    case Modulo(numerator, divisor):
                        factors.append(modulo(self._dim(numerator), self._dim(divisor)))
                    case Value(payload):
                        factors.append(value(self.expr(payload)))  # type: ignore[arg-type]
            total = total + product(factors)
        return total


def _decided(primitive: str, arguments: tuple[Expr, ...], dtype: str) -> Expr:
    match primitive, arguments:
        case "less", (Index(a), Const(int(b)) | Index(b)) if is_less(a, b):
            return _TRUE
        case "less_equal", (Const(int(a)) | Index(a), Index(b)) if is_nonnegative(b - a):
            return _TRUE
        case "logical_and", (a, b) if _TRUE in (a, b):
            return b if a == _TRUE else a
        case "where", (condition, chosen, _) if condition == _TRUE:
            return chosen
        case "where", (condition, Load(guard=guard, other=other) as load, otherwise) if (guard, other) == (
            condition,
            otherwise,
        ):
            return load
    return Call(primitive, arguments, dtype)
