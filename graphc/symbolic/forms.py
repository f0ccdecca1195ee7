"""Other forms of a dim: quotients and remainders put together again, and a dim as a multiple of a variable."""

from __future__ import annotations

from graphc.symbolic.algebra import (
    Atom,
    Dim,
    Modulo,
    Monomial,
    Polynomial,
    Symbol,
    Value,
    add,
    atoms,
    bare_atom,
    floordiv,
    multiply,
    normal,
    of_atom,
)


def recombine(a: Dim) -> Dim:
    """Return `a` with (n // d) * d + n % d put together as n, whatever they are both multiplied by."""
    while isinstance(a, Polynomial):
        for atom in {x for monomial in a.terms for x in monomial if isinstance(x, Modulo)}:
            quotient = bare_atom(floordiv(atom.numerator, atom.divisor))
            if quotient is None:
                continue
            count = _multiplier(a, atom)
            if count != 0 and _multiplier(a, quotient) == multiply(count, atom.divisor):
                parts = multiply(count, add(of_atom(atom), multiply(atom.divisor, of_atom(quotient))))
                a = add(add(a, multiply(parts, -1)), multiply(count, atom.numerator))
                break
        else:
            return a
    return a


def _multiplier(a: Polynomial, atom: Atom) -> Dim:
    """Return what the atom is multiplied by in a, over the terms that have it once."""
    found: dict[Monomial, int] = {}
    for monomial, coefficient in a.terms.items():
        if monomial.count(atom) == 1:
            rest = list(monomial)
            rest.remove(atom)
            found[tuple(rest)] = coefficient
    return normal(found)


def affine(a: Dim, variable: Symbol) -> tuple[Dim, Dim] | None:
    """Split a = coefficient * variable + rest with neither depending on it; None where `a` is not affine in it."""
    if isinstance(a, int):
        return 0, a
    coefficient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in a.terms.items():
        if variable in monomial:
            reduced = list(monomial)
            reduced.remove(variable)
            coefficient[tuple(reduced)] = c
        else:
            rest[monomial] = c
    parts = normal(coefficient), normal(rest)
    if any(atom == variable or _mentions(atom, variable) for part in parts for atom in atoms(part)):
        return None
    return parts


def _mentions(atom: Atom, variable: Symbol) -> bool:
    """Tell whether a Value's payload depends on the variable (payloads that can tell have `mentions`)."""
    if not isinstance(atom, Value):
        return False
    mentions = getattr(atom.payload, "mentions", None)
    return True if mentions is None else bool(mentions(variable))
