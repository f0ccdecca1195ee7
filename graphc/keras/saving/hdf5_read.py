"""Reading HDF5 files without the HDF5 library: what Keras writes, and nothing else.

The C library follows whatever a file says, into other files and beyond its own memory; a damaged file can crash it.
This reader knows groups, attributes and arrays inside one file held in memory. It checks every size against what the
file can fill, visits each block once, and so ends, within bounded memory, on any bytes whatever.
Written from the HDF5 File Format Specification, version 3.0.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.saving import hdf5_types
from graphc.keras.saving.errors import MissingFileError, ModelFileError, UnsafeFileError
from graphc.keras.saving.hdf5_types import Buffer, Datatype
from graphc.keras.saving.tree import Group
from graphc.records import record

SIGNATURE = b"\x89HDF\r\n\x1a\n"

_UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
_MAX_DEPTH = 64
_FREE_BYTES, _EXPANSION = 64 << 20, 200

_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL, _LAYOUT = 1, 2, 3, 6, 7, 8
_FILTERS, _ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE, _ATTRIBUTE_INFO = 0xB, 0xC, 0x10, 0x11, 0x15

Messages = dict[int, list[Buffer]]


def read_hdf5(path: str | Path) -> Group:
    """Return what the HDF5 file at `path` holds. Raises MissingFileError, ModelFileError, UnsafeFileError."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {path}") from error
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error}") from error
    return parse_hdf5(data, str(path))


def parse_hdf5(data: bytes, source: str) -> Group:
    """Return what the bytes of an HDF5 file hold; arrays are views of them. `source` names them in errors.

    Raises UnsafeFileError for links and data outside the file, for more data than the bytes can fill, and for
    structures that contain themselves; ModelFileError for anything else that cannot be read.
    """
    if not data.startswith(SIGNATURE):
        raise ModelFileError(f"{source} is no HDF5 file")
    try:
        return _Reader(data).root()
    except ModelFileError as error:
        raise type(error)(f"{source}: {error}") from error
    except (struct.error, ValueError, IndexError, OverflowError, zlib.error) as error:
        raise ModelFileError(f"{source} is damaged or truncated: {error}") from error


@record
class _Link:
    """A member of a group: the address of its object header."""

    name: str
    address: int


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._visited: set[int] = set()
        self._heaps: dict[int, dict[int, Buffer]] = {}
        self._budget = _FREE_BYTES + _EXPANSION * len(data)

    def root(self) -> Group:
        version = self._data[8]
        if version in (0, 1):
            offsets, lengths = self._data[13], self._data[14]
            start = 24 if version == 0 else 28
            (address,) = struct.unpack_from("<Q", self._data, start + 40)
        elif version in (2, 3):
            offsets, lengths = self._data[9], self._data[10]
            (address,) = struct.unpack_from("<Q", self._data, 36)
        else:
            raise ModelFileError(f"an HDF5 superblock of version {version}")
        if (offsets, lengths) != (8, 8):
            raise ModelFileError(f"addresses of {offsets} and sizes of {lengths} bytes, not 8")
        found = self._object("/", address, 0)
        if not isinstance(found, Group):
            raise ModelFileError("the root of the file is no group")
        return found

    def _bytes(self, address: int, size: int) -> memoryview:
        """Return `size` bytes at an address of the file. Raises ModelFileError where they are not in it."""
        if address + size > len(self._data):
            raise ModelFileError(f"{size} bytes at {address} lie outside of the file's {len(self._data)}")
        return self._data[address : address + size]

    def _block(self, address: int, size: int) -> memoryview:
        """Return the bytes of a structure, which nothing else may refer to again."""
        if address in self._visited:
            raise UnsafeFileError(f"the structure at {address} is used twice: groups may not contain each other")
        self._visited.add(address)
        return self._bytes(address, size)

    def _spend(self, size: int) -> None:
        """Account for memory beyond the file's own bytes."""
        self._budget -= size
        if self._budget < 0:
            raise UnsafeFileError("arrays are declared far larger than the file's bytes can fill")

    # Objects

    def _object(self, name: str, address: int, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise UnsafeFileError(f"groups are nested deeper than {_MAX_DEPTH}")
        messages = self._messages(address)
        if _EXTERNAL in messages:
            raise UnsafeFileError(f"the data of {name} lie in another file (external storage)")
        if _LAYOUT in messages:
            return self._dataset(name, messages)
        group = Group(name, self._attributes(name, messages))
        for link in self._links(name, messages):
            if link.name in group.members or not link.name:
                raise ModelFileError(f"{name} has a member without a name of its own: {link.name!r}")
            group.members[link.name] = self._object(f"{name.rstrip('/')}/{link.name}", link.address, depth + 1)
        return group

    def _messages(self, address: int) -> Messages:
        """Return the messages of an object header by their type."""
        found: Messages = defaultdict(list)
        is_new = bytes(self._bytes(address, 4)) == b"OHDR"
        chunks = [self._new_header(address) if is_new else self._old_header(address)]
        while chunks:
            chunk, tracked = chunks.pop()
            for kind, flags, body in _split_new(chunk, tracked) if is_new else _split_old(chunk):
                if kind == _CONTINUATION:
                    start, size = struct.unpack_from("<QQ", body)
                    block = self._block(start, size)
                    chunks.append((block[4:-4] if is_new else block, tracked))
                elif flags & 2:
                    raise ModelFileError("a message shared between objects, as only committed datatypes need")
                else:
                    found[kind].append(body)
        return found

    def _old_header(self, address: int) -> tuple[memoryview, bool]:
        version, _, _, _, size = struct.unpack("<BBHII", self._bytes(address, 12))
        if version != 1:
            raise ModelFileError(f"an object header of version {version} at {address}")
        return self._block(address, 16 + size)[16:], False

    def _new_header(self, address: int) -> tuple[memoryview, bool]:
        version, flags = struct.unpack("<BB", self._bytes(address + 4, 2))
        if version != 2:
            raise ModelFileError(f"an object header of version {version} at {address}")
        start = 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(self._bytes(address + start, width), "little")
        return self._block(address, start + width + size)[start + width :], bool(flags & 4)

    # Groups

    def _links(self, name: str, messages: Messages) -> Iterator[_Link]:
        for body in messages.get(_SYMBOL_TABLE, ()):
            tree, heap = struct.unpack_from("<QQ", body)
            yield from self._symbols(name, tree, self._local_heap(heap))
        for body in messages.get(_LINK_INFO, ()):
            has_order = struct.unpack_from("<B", body, 1)[0] & 1
            if struct.unpack_from("<Q", body, 10 if has_order else 2)[0] != _UNDEFINED:
                raise ModelFileError(
                    f"{name} stores its members in a heap, as files written with libver='latest' do: "
                    "copy the file with h5py's defaults, or pass the open h5py.File"
                )
        for body in messages.get(_LINK, ()):
            yield _read_link(name, body)

    def _local_heap(self, address: int) -> memoryview:
        header = self._block(address, 32)
        if bytes(header[:4]) != b"HEAP":
            raise ModelFileError(f"no heap of names at {address}")
        size, _, start = struct.unpack_from("<QQQ", header, 8)
        return self._bytes(start, size)

    def _symbols(self, name: str, root: int, heap: memoryview) -> Iterator[_Link]:
        """Yield the links below a B-tree of symbol table nodes."""
        for address in self._tree_leaves(root, 0, 8):
            head = self._bytes(address, 8)
            if bytes(head[:4]) != b"SNOD":
                raise ModelFileError(f"no symbol table node at {address}")
            (count,) = struct.unpack_from("<H", head, 6)
            body = self._block(address, 8 + 40 * count)[8:]
            for position in range(count):
                offset, header, cache = struct.unpack_from("<QQI", body, 40 * position)
                link = _text(heap, offset)
                if cache == 2:
                    raise UnsafeFileError(f"{name} has a soft link, {link!r}")
                yield _Link(link, header)

    def _tree_leaves(self, root: int, kind: int, key_size: int) -> Iterator[int]:
        return (child for _, child in self._tree(root, kind, key_size))

    def _tree(self, root: int, kind: int, key_size: int) -> Iterator[tuple[memoryview, int]]:
        """Yield the keys and children of the leaves of a version 1 B-tree."""
        waiting = [root]
        while waiting:
            address = waiting.pop()
            head = self._bytes(address, 24)
            if bytes(head[:4]) != b"TREE" or head[4] != kind:
                raise ModelFileError(f"no B-tree of kind {kind} at {address}")
            level, count = head[5], struct.unpack_from("<H", head, 6)[0]
            step = key_size + 8
            body = self._block(address, 24 + step * count + key_size)[24:]
            entries = [
                (body[step * i : step * i + key_size], struct.unpack_from("<Q", body, step * i + key_size)[0])
                for i in range(count)
            ]
            if level == 0:
                yield from entries
            else:
                waiting += [child for _, child in reversed(entries)]

    # Attributes

    def _attributes(self, name: str, messages: Messages) -> dict[str, Any]:
        for body in messages.get(_ATTRIBUTE_INFO, ()):
            has_order = struct.unpack_from("<B", body, 1)[0] & 1
            if struct.unpack_from("<Q", body, 4 if has_order else 2)[0] != _UNDEFINED:
                raise ModelFileError(
                    f"{name} stores its attributes in a heap, as files written with libver='latest' do: "
                    "copy the file with h5py's defaults, or pass the open h5py.File"
                )
        return dict(self._attribute(body) for body in messages.get(_ATTRIBUTE, ()))

    def _attribute(self, body: Buffer) -> tuple[str, Any]:
        version, flags, name_size, type_size, space_size = struct.unpack_from("<BBHHH", body)
        if version not in (1, 2, 3) or (version > 1 and flags & 3):
            raise ModelFileError(f"an attribute of version {version} with flags {flags}")
        at, parts = (9 if version == 3 else 8), []
        for size in (name_size, type_size, space_size):
            parts.append(body[at : at + size])
            at += -(-size // 8) * 8 if version == 1 else size
        datatype, shape = hdf5_types.read_datatype(parts[1]), hdf5_types.read_dataspace(parts[2])
        name = bytes(parts[0]).rstrip(b"\0").decode("utf-8")
        try:
            return name, hdf5_types.elements(body[at:], shape, datatype, self._heap_item)
        except ModelFileError as error:
            raise type(error)(f"attribute {name!r}: {error}") from error

    def _heap_item(self, address: int, index: int, length: int) -> bytes:
        """Return the first `length` bytes of an object of a global heap."""
        if length == 0:
            return b""
        if address not in self._heaps:
            self._heaps[address] = dict(self._heap_items(address))
        item = self._heaps[address].get(index)
        if item is None or len(item) < length:
            raise ModelFileError(f"no text of {length} bytes at {index} of the heap at {address}")
        self._spend(length)
        return bytes(item[:length])

    def _heap_items(self, address: int) -> Iterator[tuple[int, Buffer]]:
        head = self._bytes(address, 16)
        if bytes(head[:4]) != b"GCOL":
            raise ModelFileError(f"no heap of text at {address}")
        body = self._block(address, struct.unpack_from("<Q", head, 8)[0])
        at = 16
        while at + 16 <= len(body):
            index, _, _, size = struct.unpack_from("<HHIQ", body, at)
            if index == 0:
                return
            yield index, body[at + 16 : at + 16 + size]
            at += 16 + -(-size // 8) * 8

    # Arrays

    def _dataset(self, name: str, messages: Messages) -> Any:
        if not messages.get(_DATATYPE) or not messages.get(_DATASPACE):
            raise ModelFileError(f"{name} has no type or no shape")
        try:
            datatype = hdf5_types.read_datatype(messages[_DATATYPE][0])
            shape = hdf5_types.read_dataspace(messages[_DATASPACE][0])
            if shape is None:
                return np.zeros((0,), np.float64)
            data = self._stored(messages, shape, datatype)
            value = hdf5_types.elements(data, shape, datatype, self._heap_item)
        except ModelFileError as error:
            raise type(error)(f"{name}: {error}") from error
        return value if isinstance(value, np.ndarray) else np.array(value, dtype=object)

    def _stored(self, messages: Messages, shape: tuple[int, ...], datatype: Datatype) -> Buffer:
        layout = messages[_LAYOUT][0]
        version, kind = struct.unpack_from("<BB", layout)
        if version not in (3, 4):
            raise ModelFileError(f"a data layout of version {version}")
        size = hdf5_types.byte_count(shape, datatype)
        if kind == 0:
            return layout[4 : 4 + struct.unpack_from("<H", layout, 2)[0]]
        if kind == 1:
            (address,) = struct.unpack_from("<Q", layout, 2)
            if address != _UNDEFINED:
                return self._bytes(address, size)
            self._spend(size)
            return bytes(size)
        if kind == 3:
            raise UnsafeFileError("a virtual dataset, which is made of other files")
        if kind != 2 or version != 3:
            raise ModelFileError(
                "chunks indexed as files written with libver='latest' do: copy the file with h5py's defaults, "
                "or pass the open h5py.File"
            )
        self._spend(size)
        return self._chunks(messages, layout, shape, datatype)

    def _chunks(self, messages: Messages, layout: Buffer, shape: tuple[int, ...], datatype: Datatype) -> Buffer:
        """Return the elements of a chunked array in C order."""
        rank, address = struct.unpack_from("<BQ", layout, 2)
        *chunk, _ = struct.unpack_from(f"<{rank}I", layout, 11)
        if len(chunk) != len(shape) or 0 in chunk:
            raise ModelFileError(f"chunks of {chunk} of an array of {shape}")
        filters = [step for body in messages.get(_FILTERS, ()) for step in hdf5_types.read_filters(body)]
        whole = np.zeros(shape, datatype.numpy)
        if address == _UNDEFINED:
            return whole.tobytes()
        size = math.prod(chunk) * datatype.numpy.itemsize
        for key, start in self._tree(address, 1, 8 + 8 * rank):
            stored, mask, *origin = struct.unpack(f"<II{rank}Q", key)
            self._spend(size)
            raw = hdf5_types.undo_filters(bytes(self._bytes(start, stored)), filters, mask, size)
            piece = np.frombuffer(raw, datatype.numpy).reshape(chunk)
            place = tuple(slice(at, at + width) for at, width in zip(origin, chunk))
            part = whole[place]
            part[...] = piece[tuple(slice(0, width) for width in part.shape)]
        return whole.tobytes()


def _text(heap: memoryview, offset: int) -> str:
    end = bytes(heap[offset : offset + 65536]).find(b"\0")
    if end < 0:
        raise ModelFileError("a name without an end")
    return bytes(heap[offset : offset + end]).decode("utf-8")


def _split_old(chunk: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    at = 0
    while at + 8 <= len(chunk):
        kind, size, flags = struct.unpack_from("<HHB", chunk, at)
        yield kind, flags, chunk[at + 8 : at + 8 + size]
        at += 8 + size


def _split_new(chunk: memoryview, has_order: bool) -> Iterator[tuple[int, int, memoryview]]:
    at, head = 0, 6 if has_order else 4
    while at + head <= len(chunk):
        kind, size, flags = struct.unpack_from("<BHB", chunk, at)
        yield kind, flags, chunk[at + head : at + head + size]
        at += head + size


def _read_link(group: str, body: Buffer) -> _Link:
    version, flags = struct.unpack_from("<BB", body)
    if version != 1:
        raise ModelFileError(f"a link of version {version}")
    at, kind = 2, 0
    if flags & 8:
        kind, at = struct.unpack_from("<B", body, at)[0], at + 1
    at += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(body[at : at + width], "little")
    name = bytes(body[at + width : at + width + size]).decode("utf-8")
    if kind:
        raise UnsafeFileError(f"{group} has a{' soft' if kind == 1 else 'n external'} link, {name!r}")
    return _Link(name, struct.unpack_from("<Q", body, at + width + size)[0])
