"""Programs that the cache knows: what running one takes besides its object code, as bytes.

An entry is a line of JSON and then the bytes of the program's constants. Run-time sizes and states are numbers in it,
which each process gives its own meaning; names are not in it at all. It is data: reading it runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc import dtypes, symbolic
from graphc.loopir import Argument, Buffer, Interface, Requirement, Result
from graphc.symbolic import Dim, FloorDiv, Modulo, Polynomial, Symbol


@dataclass(frozen=True, slots=True)
class Identity:
    """A program as the cache knows it, and what its numbers stand for in this process.

    `key` tells it from every other program. `sizes` and `states` are in the order that equal keys have in common;
    `arguments` are names and origins.
    """

    key: str
    sizes: tuple[Symbol, ...]
    states: tuple[Any, ...]
    arguments: tuple[tuple[str, str], ...]


def encode_interface(interface: Interface, code_key: str, identity: Identity) -> bytes | None:
    """Return an entry: an interface and the key of its object code.

    None where the interface has a size or a state that the identity does not number.
    """
    sizes = {s: position for position, s in enumerate(identity.sizes)}
    states = {id(s): position for position, s in enumerate(identity.states)}
    constants = [_constant_bytes(b) for b in interface.buffers if b.role == "constant"]

    def dim(value: Dim | None) -> Any:
        return None if value is None else _encode_dim(value, sizes)

    def dims(values: Sequence[Dim]) -> list[Any]:
        return [dim(value) for value in values]

    try:
        header = {
            "code": code_key,
            "sizes": [sizes[s] for s in interface.sizes],
            "buffers": [
                (b.name, b.dtype, dim(b.size), b.role, states[id(b.source)] if b.role == "state" else None, dim(b.slot))
                for b in interface.buffers
            ],
            "arguments": [(a.buffer, dims(a.shape), a.dtype) for a in interface.arguments],
            "results": [(r.buffer, dims(r.shape), r.dtype) for r in interface.results],
            "arena": dim(interface.arena),
            "requirements": [(dim(r.left), dim(r.right)) for r in interface.requirements],
        }
    except KeyError:
        return None
    return b"\n".join((json.dumps(header).encode(), b"".join(constants)))


def decode_interface(entry: bytes, identity: Identity, origin_of: Callable[[int], object]) -> tuple[Interface, str]:
    """Return the interface of an entry and the key of its object code.

    `origin_of(i)` is what requirement i tells of itself; it is asked when an error is told.
    """
    line, _, constants = entry.partition(b"\n")
    header: dict[str, Any] = json.loads(line)

    def dim(value: Any) -> Any:
        return None if value is None else _decode_dim(value, identity.sizes)

    def dims(values: Sequence[Any]) -> tuple[Dim, ...]:
        return tuple(dim(value) for value in values)

    buffers: list[Buffer] = []
    start = 0
    for name, dtype, size, role, state, slot in header["buffers"]:
        value = None
        if role == "constant":
            value = np.frombuffer(constants, dtypes.numpy_dtype(dtype), size, start)
            start += value.nbytes
        source = None if state is None else identity.states[state]
        buffers.append(Buffer(name, dtype, dim(size), role, value, source, dim(slot)))
    arguments = (
        Argument(buffer, name, dims(shape), dtype, origin)
        for (buffer, shape, dtype), (name, origin) in zip(header["arguments"], identity.arguments, strict=True)
    )
    results = (Result(buffer, dims(shape), dtype) for buffer, shape, dtype in header["results"])
    requirements = (
        Requirement(dim(left), dim(right), origin_of(i)) for i, (left, right) in enumerate(header["requirements"])
    )
    sizes = tuple(identity.sizes[i] for i in header["sizes"])
    interface = Interface(
        sizes, tuple(buffers), tuple(arguments), tuple(results), dim(header["arena"]), tuple(requirements)
    )
    return interface, header["code"]


def _constant_bytes(buffer: Buffer) -> bytes:
    assert buffer.value is not None
    return np.ascontiguousarray(buffer.value, dtypes.numpy_dtype(buffer.dtype)).tobytes()


def _encode_dim(value: Dim, sizes: Mapping[Symbol, int]) -> Any:
    """Return an int, or a list of terms: each its coefficient and its atoms. KeyError for what has no number."""
    if not isinstance(value, Polynomial):
        return int(value)
    return [[c, *(_encode_atom(atom, sizes) for atom in monomial)] for monomial, c in value.terms.items()]


def _encode_atom(atom: object, sizes: Mapping[Symbol, int]) -> Any:
    match atom:
        case Symbol():
            return sizes[atom]
        case FloorDiv(numerator, divisor):
            return ["//", _encode_dim(numerator, sizes), _encode_dim(divisor, sizes)]
        case Modulo(numerator, divisor):
            return ["%", _encode_dim(numerator, sizes), _encode_dim(divisor, sizes)]
    raise KeyError(atom)


def _decode_dim(value: Any, sizes: Sequence[Symbol]) -> Dim:
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
    left, right = _decode_dim(numerator, sizes), _decode_dim(divisor, sizes)
    return left // right if operator == "//" else left % right
