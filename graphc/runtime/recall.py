"""Programs that the cache knows: what running one takes besides its object code, as bytes.

An entry is a line of JSON and then the bytes of the program's constants. Run-time sizes and states are numbers in it,
which each process gives its own meaning; names are not in it at all. It is data: reading it runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc import dtypes
from graphc.loopir import Argument, Buffer, Interface, Procedure, Requirement, Result
from graphc.records import record
from graphc.runtime.encoding import decode_dim, decode_record, encode_dim, encode_record
from graphc.symbolic import Dim, Symbol


@record
class Identity:
    """A program as the cache knows it, and what its numbers stand for in this process.

    `key` tells it from every other program. `sizes` and `states` are in the order that equal keys have in common;
    `arguments` are names and origins.
    """

    key: str
    sizes: tuple[Symbol, ...]
    states: tuple[Any, ...]
    arguments: tuple[tuple[str, str], ...]


def encode_program(
    interface: Interface, procedure: Procedure | None, code_key: str, identity: Identity
) -> bytes | None:
    """Return an entry: an interface, what is started where kernels are, and the key of the object code.

    None where there is a size or a state that the identity does not number.
    """
    sizes = {s: position for position, s in enumerate(identity.sizes)}
    states = {id(s): position for position, s in enumerate(identity.states)}
    constants = [_constant_bytes(b) for b in interface.buffers if b.role == "constant"]

    def dim(value: Dim | None) -> Any:
        return None if value is None else encode_dim(value, sizes)

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
            "procedure": encode_record(procedure, dict(sizes)),
        }
    except KeyError:
        return None
    return b"\n".join((json.dumps(header).encode(), b"".join(constants)))


def decode_program(
    entry: bytes, identity: Identity, origin_of: Callable[[int], object]
) -> tuple[Interface, Procedure | None, str]:
    """Return what `encode_program` was given.

    `origin_of(i)` is what requirement i tells of itself; it is asked when an error is told.
    """
    line, _, constants = entry.partition(b"\n")
    header: dict[str, Any] = json.loads(line)

    def dim(value: Any) -> Any:
        return None if value is None else decode_dim(value, identity.sizes)

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
    return interface, decode_record(header["procedure"], list(identity.sizes)), header["code"]


def _constant_bytes(buffer: Buffer) -> bytes:
    assert buffer.value is not None
    return np.ascontiguousarray(buffer.value, dtypes.numpy_dtype(buffer.dtype)).tobytes()
