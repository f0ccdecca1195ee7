"""The HDF5 messages that say what data are: datatype, dataspace, filters; and the elements themselves.

Written from the HDF5 File Format Specification, version 3.0. All numbers in a file are little-endian.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.keras.saving.errors import ModelFileError, UnsafeFileError
from graphc.records import record

Buffer = bytes | memoryview

_FIXED, _FLOAT, _STRING, _ENUM, _VARIABLE = 0, 1, 3, 8, 9
_MAX_TEXT = 1 << 24
_CLASS_NAMES = {2: "time", 4: "bit field", 5: "opaque", 6: "compound", 7: "reference", 10: "array"}


@record
class Datatype:
    """The type of an element: `numpy` of its bytes; `kind` is "number", "text" (fixed) or "variable text"."""

    kind: str
    numpy: np.dtype[Any]


def read_datatype(data: Buffer) -> Datatype:
    """Return the type that a datatype message describes. Raises ModelFileError for those that no model has."""
    class_and_version, flags, _, _, size = struct.unpack_from("<BBBBI", data)
    kind = class_and_version & 15
    if kind == _FIXED:
        if size not in (1, 2, 4, 8):
            raise ModelFileError(f"integers of {size} bytes")
        return Datatype("number", np.dtype(f"{_order(flags)}{'i' if flags & 8 else 'u'}{size}"))
    if kind == _FLOAT:
        if size not in (2, 4, 8):
            raise ModelFileError(f"floating point numbers of {size} bytes")
        exponent_bits = struct.unpack_from("<B", data, 13)[0]
        if (size, exponent_bits) not in ((2, 5), (4, 8), (8, 11)):
            raise ModelFileError(f"floating point numbers of {size} bytes with {exponent_bits} bits of exponent")
        return Datatype("number", np.dtype(f"{_order(flags)}f{size}"))
    if kind == _STRING:
        if not 0 < size <= _MAX_TEXT:
            raise ModelFileError(f"text of {size} bytes")
        return Datatype("text", np.dtype(f"S{size}"))
    if kind == _ENUM:
        if size != 1 or data[8] & 15 != _FIXED:
            raise ModelFileError("an enumeration that is no truth value")
        return Datatype("number", np.dtype(np.bool_))
    if kind == _VARIABLE and flags & 15 == 1:
        return Datatype("variable text", np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")]))
    raise ModelFileError(f"elements of the class {_CLASS_NAMES.get(kind, kind)!r}, which no model file has")


def _order(flags: int) -> str:
    return ">" if flags & 1 else "<"


def read_dataspace(data: Buffer) -> tuple[int, ...] | None:
    """Return the shape that a dataspace message describes, None for no elements at all."""
    version, rank = struct.unpack_from("<BB", data)
    if version == 2 and struct.unpack_from("<B", data, 3)[0] == 2:
        return None
    if version not in (1, 2) or rank > 32:
        raise ModelFileError(f"a dataspace of version {version} with {rank} dimensions")
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)


def byte_count(shape: Sequence[int], datatype: Datatype) -> int:
    """Return how many bytes the elements take."""
    return math.prod(shape) * datatype.numpy.itemsize


def elements(
    data: Buffer, shape: tuple[int, ...] | None, datatype: Datatype, heap: Callable[[int, int, int], bytes]
) -> Any:
    """Return the elements in `data`: text, a list of text (in C order), or an array of numbers, not copied.

    `heap(address, index, length)` returns the bytes of variable text. Raises ModelFileError where data is too short.
    """
    if shape is None:
        return np.zeros((0,), np.float64)
    if len(data) < byte_count(shape, datatype):
        raise ModelFileError(f"{len(data)} bytes where shape {shape} of {datatype.numpy} needs more")
    raw = np.frombuffer(data, datatype.numpy, count=math.prod(shape)).reshape(shape)
    if datatype.kind == "number":
        return raw if raw.dtype.isnative else raw.astype(raw.dtype.newbyteorder("="))
    if datatype.kind == "text":
        found = [bytes(item).rstrip(b"\0").decode("utf-8") for item in raw.ravel().tolist()]
    else:
        found = [heap(address, index, length).decode("utf-8") for length, address, index in raw.ravel().tolist()]
    return found[0] if shape == () else found


@record
class Filter:
    """One step that chunks went through when they were written."""

    identifier: int
    values: tuple[int, ...]


def read_filters(data: Buffer) -> list[Filter]:
    """Return the filters of a filter pipeline message, in the order of writing."""
    version, count = struct.unpack_from("<BB", data)
    if version not in (1, 2):
        raise ModelFileError(f"a filter pipeline of version {version}")
    at, found = 8 if version == 1 else 2, []
    for _ in range(count):
        (identifier,) = struct.unpack_from("<H", data, at)
        has_name = version == 1 or identifier >= 256
        name_length, _, value_count = struct.unpack_from("<HHH", data, at + 2) if has_name else (
            0, *struct.unpack_from("<HH", data, at + 2)
        )  # fmt: skip
        at += (8 if has_name else 6) + name_length
        found.append(Filter(identifier, struct.unpack_from(f"<{value_count}I", data, at)))
        at += 4 * (value_count + (value_count & 1 if version == 1 else 0))
    return found


def undo_filters(data: bytes, filters: Sequence[Filter], mask: int, size: int) -> bytes:
    """Return the `size` bytes of a chunk as they were before its filters, of which bit i of `mask` skips filter i.

    Raises ModelFileError for other filters than deflate, shuffle and checksum, UnsafeFileError where more come out.
    """
    for position, step in reversed(list(enumerate(filters))):
        if mask >> position & 1:
            continue
        if step.identifier == 1:
            inflater = zlib.decompressobj()
            data = inflater.decompress(data, size + 4)
            if inflater.unconsumed_tail:
                raise UnsafeFileError(f"a chunk of {size} bytes that unpacks to more")
        elif step.identifier == 2:
            width = step.values[0] if step.values else 1
            if width < 1 or len(data) % width:
                raise ModelFileError(f"a chunk of {len(data)} bytes shuffled by {width}")
            data = np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes()
        elif step.identifier == 3:
            data = data[:-4]
        else:
            raise ModelFileError(f"data packed with filter {step.identifier}: rewrite the file without it (h5repack)")
    if len(data) != size:
        raise ModelFileError(f"a chunk of {len(data)} bytes where {size} were declared")
    return data
