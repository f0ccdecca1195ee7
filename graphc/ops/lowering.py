"""What `lower` rules share: element indices, guards and integer arithmetic as loop-IR expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from graphc import dtypes, symbolic
from graphc.loopir import Call, Const, Expr, Index, Load
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Polynomial, Value

Position: TypeAlias = tuple[Dim, ...]
LoadInput: TypeAlias = Callable[[int, Position], Expr]


def broadcast_index(shape: Sequence[Dim], index: Position) -> Position:
    """Return the index of an input of this shape that broadcasts to the output's `index`."""
    lead = len(index) - len(shape)
    return tuple(0 if d == 1 else index[lead + axis] for axis, d in enumerate(shape))


def literal(value: bool | int | float, dtype: str) -> Const:
    """Return the number as a Const of the dtype, with the Python type that the dtype's kind asks for."""
    if dtype == "bool":
        return Const(bool(value), dtype)
    return Const(float(value) if dtypes.is_float(dtype) else int(value), dtype)


def as_value(dim: Dim, dtype: str = "int64") -> Expr:
    """Return an integer expression over loop and size symbols as a value of the dtype."""
    if isinstance(dim, int):
        return literal(dim, dtype)
    index = Index(dim)
    return index if dtype == "int64" else Call("cast", (index,), dtype)


def less(a: Dim, b: Dim) -> Expr:
    """Return the condition a < b; a Const where the algebra decides it."""
    if symbolic.is_less(a, b):
        return Const(True, "bool")
    if isinstance(a, int) and isinstance(b, int):
        return Const(a < b, "bool")
    return Call("less", (as_value(a), as_value(b)), "bool")


def at_least(a: Dim, b: Dim) -> Expr:
    """Return the condition a >= b."""
    return Call("less_equal", (as_value(b), as_value(a)), "bool")


def equal(a: Dim, b: Dim) -> Expr:
    """Return the condition a == b; a Const where the algebra decides it."""
    if a == b:
        return Const(True, "bool")
    if isinstance(a, int) and isinstance(b, int):
        return Const(False, "bool")
    return Call("equal", (as_value(a), as_value(b)), "bool")


def both(*conditions: Expr) -> Expr:
    """Return the conjunction of conditions, without those that are always true."""
    result: Expr = Const(True, "bool")
    for condition in conditions:
        if result == Const(True, "bool"):
            result = condition
        elif condition != Const(True, "bool"):
            result = Call("logical_and", (result, condition), "bool")
    return result


def clamped(position: Expr, extent: Dim) -> Dim:
    """Return a computed position as a Dim, brought into [0, extent)."""
    wide = position if position.dtype == "int64" else Call("cast", (position,), "int64")
    below = Call("minimum", (wide, as_value(extent - 1)), "int64")
    return symbolic.value(Call("maximum", (below, Const(0, "int64")), "int64"))


def guarded(condition: Expr, e: Expr, otherwise: Const) -> Expr:
    """Return `e` where the condition holds, else `otherwise`; loads inside `e` read nothing where it does not hold."""
    if condition == Const(True, "bool"):
        return e
    return Call("where", (condition, _guard(e, condition), otherwise), otherwise.dtype)


def _guard(e: Expr, condition: Expr) -> Expr:
    match e:
        case Load(buffer, offset, dtype, guard, other):
            combined = condition if guard is None else both(condition, _guard(guard, condition))
            return Load(buffer, _guard_dim(offset, condition), dtype, combined, other or literal(0, dtype))
        case Call(primitive, arguments, dtype):
            return Call(primitive, tuple(_guard(a, condition) for a in arguments), dtype)
        case Index(dim, dtype):
            return Index(_guard_dim(dim, condition), dtype)
        case _:
            return e


def _guard_dim(dim: Dim, condition: Expr) -> Dim:
    """Guard the loads of computed positions inside a dim."""
    if not isinstance(dim, Polynomial) or not any(isinstance(atom, Value) for atom in symbolic.atoms(dim)):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms.items():
        term: Dim = coefficient
        for atom in monomial:
            term = term * _guard_atom(atom, condition)
        total = total + term
    return total


def _guard_atom(atom: Atom, condition: Expr) -> Dim:
    match atom:
        case Value(payload):
            return symbolic.value(_guard(payload, condition))  # type: ignore[arg-type]
        case FloorDiv(numerator, divisor):
            return symbolic.floordiv(_guard_dim(numerator, condition), _guard_dim(divisor, condition))
        case Modulo(numerator, divisor):
            return symbolic.modulo(_guard_dim(numerator, condition), _guard_dim(divisor, condition))
        case _:
            return Polynomial({(atom,): 1})
