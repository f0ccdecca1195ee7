"""Integer algebra over symbols: tensor dimensions, loop bounds and buffer offsets.

A `Dim` is an `int` or a `Polynomial` over atoms. Polynomials are canonical: two dims that are equal by
algebra compare and hash equal. Atoms are

- `Symbol`: a run-time dimension (`batch`) or, with an `extent`, a loop variable in `[0, extent)`;
- `FloorDiv(numerator, divisor)` and `Modulo(numerator, divisor)`, where no exact division was found;
- `Value(payload)`: an integer computed by the program (a loop-IR expression), opaque to the algebra.

Every atom is assumed to be nonnegative; dimensions are assumed to be at least 1 where an order must be proven.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Union

from graphc.records import record


class Symbol:
    """A named integer; `extent` is set for loop variables, which run over `[0, extent)`."""

    __slots__ = ("_hash", "extent", "name")
    __match_args__ = ("name", "extent")

    def __init__(self, name: str, extent: Dim | None = None) -> None:
        self.name, self.extent = name, extent
        # Symbols are looked up more than anything else while a program is compiled.
        self._hash = hash((name, extent))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Symbol) and self.name == other.name and self.extent == other.extent)

    def __repr__(self) -> str:
        return f"Symbol(name={self.name!r}, extent={self.extent!r})"

    def __str__(self) -> str:
        return self.name


@record
class FloorDiv:
    """`numerator // divisor`, not further reducible."""

    numerator: Dim
    divisor: Dim

    def __str__(self) -> str:
        return f"({_operand(self.numerator)} // {_operand(self.divisor)})"


@record
class Modulo:
    """`numerator % divisor`, not further reducible."""

    numerator: Dim
    divisor: Dim

    def __str__(self) -> str:
        return f"({_operand(self.numerator)} % {_operand(self.divisor)})"


@record
class Value:
    """An integer that the program computes; `payload` is a hashable loop-IR expression."""

    payload: Hashable

    def __str__(self) -> str:
        return f"[{self.payload}]"


Atom = Union[Symbol, FloorDiv, Modulo, Value]
Monomial = tuple[Atom, ...]
Dim = Union[int, "Polynomial"]


class Polynomial:
    """A canonical sum of integer multiples of products of atoms; build it with arithmetic on `symbol(...)`."""

    __slots__ = ("_hash", "terms")

    terms: dict[Monomial, int]

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash: int | None = None  # Most are steps on the way to another one, and never looked up.

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Polynomial) and self.terms == other.terms)

    def __add__(self, other: Dim) -> Dim:
        return add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return add(self, multiply(other, -1))

    def __rsub__(self, other: Dim) -> Dim:
        return add(other, multiply(self, -1))

    def __mul__(self, other: Dim) -> Dim:
        return multiply(self, other)

    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return multiply(self, -1)

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return modulo(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return modulo(other, self)

    def __str__(self) -> str:
        ordered = sorted(
            ((tuple(str(a) for a in m), c) for m, c in self.terms.items()), key=lambda t: (-len(t[0]), t[0])
        )
        text = ""
        for names, coefficient in ordered:
            factors = list(names) if abs(coefficient) == 1 and names else [str(abs(coefficient)), *names]
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {'*'.join(factors)}" if text else ("-" if coefficient < 0 else "") + "*".join(factors)
        return text

    def __repr__(self) -> str:
        return f"Dim({self})"


_counter = itertools.count(1)


def symbol(name: str, extent: Dim | None = None) -> Dim:
    """Return the dim that is the symbol of this name; two symbols of one name and extent are the same."""
    return of_atom(Symbol(name, extent))


def fresh_symbol(hint: str, extent: Dim | None = None) -> Dim:
    """Return a symbol that no other call returned."""
    return symbol(f"{hint}_{next(_counter)}", extent)


def value(payload: Hashable) -> Dim:
    """Return the dim that the program computes as `payload`."""
    return of_atom(Value(payload))


def of_atom(atom: Atom) -> Polynomial:
    """Return the dim that an atom is."""
    return Polynomial({(atom,): 1})


def _terms(a: Dim) -> dict[Monomial, int]:
    return a.terms if isinstance(a, Polynomial) else ({(): a} if a else {})


def normal(terms: dict[Monomial, int]) -> Dim:
    """Return the dim of these terms, whose coefficients may be 0."""
    terms = {m: c for m, c in terms.items() if c} if 0 in terms.values() else terms
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Polynomial(terms)


def add(a: Dim, b: Dim) -> Dim:
    """Return a + b."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0 or b == 0:
        return b if a == 0 else a
    terms = dict(_terms(a))
    for monomial, coefficient in _terms(b).items():
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return normal(terms)


@lru_cache(maxsize=65536)
def _atom_order(atom: Atom) -> tuple[str, str]:
    return type(atom).__name__, str(atom)


def multiply(a: Dim, b: Dim) -> Dim:
    """Return a * b."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(b, int):
        a, b = b, a
    if isinstance(a, int) and isinstance(b, Polynomial):
        return b if a == 1 else Polynomial({m: a * c for m, c in b.terms.items()}) if a else 0
    terms: dict[Monomial, int] = {}
    for ma, ca in _terms(a).items():
        for mb, cb in _terms(b).items():
            monomial = ma + mb if not ma or not mb else tuple(sorted(ma + mb, key=_atom_order))
            terms[monomial] = terms.get(monomial, 0) + ca * cb
    return normal(terms)


def product(dims: Iterable[Dim]) -> Dim:
    """Return the product of dims; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = multiply(result, dim)
    return result


def floordiv(a: Dim, b: Dim) -> Dim:
    """Return a // b, reduced where part of `a` divides exactly and the rest is provably in [0, b)."""
    if b == 1:
        return a
    quotient, remainder = (0, a) if isinstance(a, int) else _split(a, b)
    if isinstance(remainder, int) and isinstance(b, int):
        return add(quotient, remainder // b)
    if remainder == 0 or (is_nonnegative(remainder) and is_less(remainder, b)):
        return quotient
    inner = bare_atom(remainder)
    if isinstance(inner, FloorDiv):
        return add(quotient, floordiv(inner.numerator, multiply(inner.divisor, b)))
    reduced = _without_common_factor(remainder, b)
    if reduced is not None:
        _, high, _, divisor = reduced
        return add(quotient, floordiv(high, divisor))
    return add(quotient, of_atom(FloorDiv(remainder, b)))


def _without_common_factor(a: Dim, b: Dim) -> tuple[Dim, Dim, Dim, Dim] | None:
    """Return (g, high, low, b / g) with a = g * high + low, g dividing b, low provably in [0, g); else None.

    Then a // b = high // (b / g) and a % b = g * (high % (b / g)) + low.
    """
    if isinstance(a, int):
        return None
    for monomial, coefficient in a.terms.items():
        sizes = tuple(x for x in monomial if isinstance(x, Symbol) and x.extent is None)
        if len(sizes) == len(monomial):
            continue
        g = normal({sizes: abs(coefficient)})
        divisor = divide_exactly(b, g) if g not in (0, 1) and g != b else None
        if divisor is None:
            continue
        high, low = _split(a, g)
        if low == 0 or (is_nonnegative(low) and is_less(low, g)):
            return g, high, low, divisor
    return None


def bare_atom(a: Dim) -> Atom | None:
    """Return the atom that a is, None for anything else."""
    if isinstance(a, int) or list(a.terms.values()) != [1]:
        return None
    [monomial] = a.terms
    return monomial[0] if len(monomial) == 1 else None


def bare_symbol(dim: Dim) -> Symbol | None:
    """Return the symbol that a dim is, None for ints and for expressions."""
    if isinstance(dim, int) or len(dim.terms) != 1:
        return None
    [(monomial, coefficient)] = dim.terms.items()
    if coefficient != 1 or len(monomial) != 1 or not isinstance(monomial[0], Symbol):
        return None
    return monomial[0]


def _operand(dim: Dim) -> str:
    return str(dim) if isinstance(dim, int) or bare_atom(dim) is not None else f"({dim})"


def modulo(a: Dim, b: Dim) -> Dim:
    """Return a % b, reduced as `floordiv` is."""
    if b == 1:
        return 0
    remainder = a if isinstance(a, int) else _split(a, b)[1]
    if isinstance(remainder, int) and isinstance(b, int):
        return remainder % b
    if remainder == 0 or (is_nonnegative(remainder) and is_less(remainder, b)):
        return remainder
    reduced = _without_common_factor(remainder, b)
    if reduced is not None:
        g, high, low, divisor = reduced
        return add(multiply(g, modulo(high, divisor)), low)
    return of_atom(Modulo(remainder, b))


def ceildiv(a: Dim, b: Dim) -> Dim:
    """Return the least integer not below a / b."""
    return floordiv(add(a, add(b, -1)), b)


def _split(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Split a = quotient * b + remainder, moving every term that a leading monomial of b divides exactly."""
    if isinstance(b, int):
        quotient = {m: c // b for m, c in _terms(a).items() if c % b == 0}
        return normal(quotient), normal({m: c for m, c in _terms(a).items() if c % b})
    lead, lead_coefficient = max(b.terms.items(), key=lambda t: (len(t[0]), tuple(_atom_order(x) for x in t[0])))
    quotient_dim: Dim = 0
    rest: Dim = a
    done: set[Monomial] = set()
    while True:
        for monomial, coefficient in _terms(rest).items():
            factor = _divide_monomial(monomial, lead)
            if factor is not None and coefficient % lead_coefficient == 0 and monomial not in done:
                break
        else:
            return quotient_dim, rest
        done.add(monomial)
        part: Dim = normal({factor: coefficient // lead_coefficient})
        quotient_dim = add(quotient_dim, part)
        rest = add(rest, multiply(multiply(part, b), -1))


def _divide_monomial(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    rest = list(monomial)
    for atom in divisor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def divide_exactly(a: Dim, b: Dim) -> Dim | None:
    """Return a / b where it is exact by algebra, else None."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b and a % b == 0 else None
    quotient, remainder = _split(a, b)
    return quotient if remainder == 0 else None


@lru_cache(maxsize=65536)
def is_nonnegative(a: Dim) -> bool:
    """Tell whether a >= 0 is provable from every symbol and remainder being nonnegative (dims: at least 1)."""
    if isinstance(a, int):
        return a >= 0
    if _adds_nonnegatives(a):
        return True
    # Runtime dims are at least 1: shift each by one and look again.
    shifts: dict[Symbol, Dim] = {s: add(symbol(s.name), 1) for s in symbols(a) if s.extent is None}
    return bool(shifts) and _adds_nonnegatives(substitute(a, shifts))


def _adds_nonnegatives(a: Dim) -> bool:
    """Tell whether a adds nothing but products of what is at least 0: symbols, remainders, quotients of such sums."""
    quotients = (x for monomial in _terms(a) for x in monomial if isinstance(x, FloorDiv))
    return all(c >= 0 for c in _terms(a).values()) and all(_adds_nonnegatives(x.numerator) for x in quotients)


@lru_cache(maxsize=65536)
def is_less(a: Dim, b: Dim) -> bool:
    """Tell whether a < b is provable from the extents of loop variables."""
    return is_nonnegative(add(add(b, multiply(upper_bound(a), -1)), -1))


def upper_bound(a: Dim) -> Dim:
    """Return a bound of `a` free of loop variables (replaced by their last value where they count positively)."""
    for _ in range(8):
        if isinstance(a, int):
            return a
        replacements: dict[Symbol, Dim] = {}
        for atom in {x for m in a.terms for x in m}:
            if isinstance(atom, Symbol) and atom.extent is not None:
                positive = all(c > 0 for m, c in a.terms.items() if atom in m)
                replacements[atom] = add(atom.extent, -1) if positive else 0
        bounded = substitute(a, replacements) if replacements else a
        bounded = _bound_divisions(bounded)
        if bounded == a:
            return a
        a = bounded
    return a


def _bound_divisions(a: Dim) -> Dim:
    """Replace positively counted Modulo atoms by divisor - 1."""
    result: Dim = 0
    for monomial, coefficient in _terms(a).items():
        term: Dim = coefficient
        for atom in monomial:
            bound: Dim = of_atom(atom)
            if isinstance(atom, Modulo) and coefficient > 0:
                bound = add(atom.divisor, -1)
            elif isinstance(atom, FloorDiv) and coefficient > 0:
                bound = floordiv(upper_bound(atom.numerator), atom.divisor)
            term = multiply(term, bound)
        result = add(result, term)
    return result


def atoms(a: Dim) -> Iterator[Atom]:
    """Yield the atoms of a, those inside divisions too."""
    if isinstance(a, int):
        return
    for monomial in a.terms:
        for atom in monomial:
            yield atom
            if isinstance(atom, (FloorDiv, Modulo)):
                yield from atoms(atom.numerator)
                yield from atoms(atom.divisor)


def symbols(a: Dim) -> set[Symbol]:
    """Return every symbol that occurs in a."""
    return {atom for atom in atoms(a) if isinstance(atom, Symbol)}


def substitute(a: Dim, replacements: Mapping[Symbol, Dim]) -> Dim:
    """Return `a` with symbols replaced, inside divisions too, and simplified again."""
    if isinstance(a, int) or not replacements:
        return a
    kept = {m: c for m, c in a.terms.items() if all(isinstance(x, Symbol) and x not in replacements for x in m)}
    result = normal(kept) if len(kept) < len(a.terms) else a
    for monomial in (m for m in a.terms if m not in kept):
        term: Dim = a.terms[monomial]
        for atom in monomial:
            term = multiply(term, _substitute_atom(atom, replacements))
        result = add(result, term)
    return result


def _substitute_atom(atom: Atom, replacements: Mapping[Symbol, Dim]) -> Dim:
    match atom:
        case Symbol():
            return replacements[atom] if atom in replacements else of_atom(atom)
        case FloorDiv(numerator, divisor):
            return floordiv(substitute(numerator, replacements), substitute(divisor, replacements))
        case Modulo(numerator, divisor):
            return modulo(substitute(numerator, replacements), substitute(divisor, replacements))
        case Value():
            return of_atom(atom)


def evaluate(a: Dim, environment: Mapping[Symbol, int]) -> int:
    """Return the integer that `a` is, given every symbol's value. KeyError where one is missing."""
    found = substitute(a, environment)
    if not isinstance(found, int):
        raise KeyError(f"{found} is not known")
    return found
