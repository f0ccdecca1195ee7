"""What a program consists of as JSON, which reading runs nothing of: dims, and the records of a procedure.

Run-time sizes are numbers in it, which each process gives its own meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import symbolic
from graphc.loopir import (
    Geometry,
    Images,
    LibraryConvolution,
    LibraryProduct,
    LongFold,
    Matrix,
    Place,
    Procedure,
    Repeated,
    StandingGrid,
    Started,
)
from graphc.records import as_dict
from graphc.symbolic import Dim, FloorDiv, Modulo, Polynomial, Symbol

_RECORDS: dict[str, Any] = {
    record.__name__: record
    for record in (
        Geometry, Images, LibraryConvolution, LibraryProduct, LongFold, Matrix, Place, Procedure, Repeated,
        StandingGrid, Started,
    )
}  # fmt: skip


def encode_record(value: Any, sizes: dict[Symbol, int]) -> Any:
    """Return a record, or what its fields hold, as JSON. The symbol of a loop gets the next number.

    Raises KeyError for a symbol that has no number where it is met.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case tuple():
            return [encode_record(v, sizes) for v in value]
        case Polynomial():
            return {"dim": encode_dim(value, sizes)}
        case Symbol():
            return {"size": sizes[value]}
        case Repeated(symbol):
            sizes[symbol] = len(sizes)
    return {"is": type(value).__name__, "of": [encode_record(v, sizes) for v in as_dict(value).values()]}


def decode_record(value: Any, sizes: list[Symbol]) -> Any:
    """Return what `encode_record` was given; the symbols of loops are new, and appended to the sizes."""
    match value:
        case list():
            return tuple(decode_record(v, sizes) for v in value)
        case {"dim": dim}:
            return decode_dim(dim, sizes)
        case {"size": number}:
            return sizes[number]
        case {"is": name, "of": content}:
            if name == Repeated.__name__:
                sizes.append(Symbol(f"loop {len(sizes)}"))
            return _RECORDS[name](*(decode_record(v, sizes) for v in content))
    return value


def encode_dim(value: Dim, sizes: dict[Symbol, int]) -> Any:
    """Return an int, or a list of terms: each its coefficient and its atoms. KeyError for what has no number."""
    if not isinstance(value, Polynomial):
        return int(value)
    return [[c, *(_encode_atom(atom, sizes) for atom in monomial)] for monomial, c in value.terms.items()]


def _encode_atom(atom: object, sizes: dict[Symbol, int]) -> Any:
    match atom:
        case Symbol():
            return sizes[atom]
        case FloorDiv(numerator, divisor):
            return ["//", encode_dim(numerator, sizes), encode_dim(divisor, sizes)]
        case Modulo(numerator, divisor):
            return ["%", encode_dim(numerator, sizes), encode_dim(divisor, sizes)]
    raise KeyError(atom)


def decode_dim(value: Any, sizes: Sequence[Symbol]) -> Dim:
    """Return what `encode_dim` was given."""
    if isinstance(value, int):
        return value
    total: Dim = 0
    for coefficient, *atoms in value:
        total = total + symbolic.product((coefficient, *(_decode_atom(atom, sizes) for atom in atoms)))
    return total


def _decode_atom(atom: Any, sizes: Sequence[Symbol]) -> Dim:
    if isinstance(atom, int):
        return symbolic.of_atom(sizes[atom])
    operator, numerator, divisor = atom
    left, right = decode_dim(numerator, sizes), decode_dim(divisor, sizes)
    return left // right if operator == "//" else left % right
