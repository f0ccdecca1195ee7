"""Groups as HDF5 files, and open h5py files as groups. h5py is imported when it is needed: it is slow to start."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from graphc.keras.saving.atomic import replacing
from graphc.keras.saving.errors import UnsafeFileError
from graphc.keras.saving.tree import Group
from graphc.keras.utils.io_utils import attribute_pieces, import_h5py


def write_hdf5(tree: Group, path: str | os.PathLike[str]) -> None:
    """Write a group as an HDF5 file, atomically. Raises ExecutionError without h5py, OSError where it cannot write."""
    h5py = import_h5py()
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        write_group(tree, file)


def write_group(tree: Group, target: Any) -> None:
    """Write a group into an open h5py group, replacing members and attributes of the same names."""
    for name in target.attrs:
        # A shorter list of names must not leave the pieces of a longer one behind.
        if name.rstrip("0123456789") in tree.attributes:
            del target.attrs[name]
    for name, value in tree.attributes.items():
        _write_attribute(target, name, value)
    for name, member in tree.members.items():
        if name in target:
            del target[name]
        if isinstance(member, Group):
            write_group(member, target.create_group(name))
        else:
            target.create_dataset(name, data=member)


def _write_attribute(target: Any, name: str, value: Any) -> None:
    if isinstance(value, str):
        # Bytes become text of variable length, which is what old versions of h5py give Keras back as bytes.
        target.attrs[name] = value.encode("utf-8")
        return
    if not isinstance(value, list):
        target.attrs[name] = value
        return
    pieces = attribute_pieces([item.encode("utf-8") for item in value])
    for i, piece in enumerate(pieces):
        target.attrs[name if len(pieces) == 1 else f"{name}{i}"] = piece


def read_group(source: Any) -> Group:
    """Return what an open h5py group holds. Raises UnsafeFileError for links and data outside its file."""
    return _read(source, source.name or "/", source.file.id.get_filesize(), set())


def _read(source: Any, name: str, file_size: int, above: set[Any]) -> Group:
    h5py = import_h5py()
    identity = h5py.h5o.get_info(source.id).addr
    if identity in above:
        raise UnsafeFileError(f"the group {name} contains itself")
    found = Group(name, {key: _plain(value) for key, value in source.attrs.items()})
    for key in source:
        path = f"{name.rstrip('/')}/{key}"
        link = source.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise UnsafeFileError(f"{path} is a {type(link).__name__}: a model file may not point elsewhere")
        member = source[key]
        if isinstance(member, h5py.Group):
            found.members[key] = _read(member, path, file_size, above | {identity})
        elif isinstance(member, h5py.Dataset):
            found.members[key] = _read_dataset(member, path, file_size)
    return found


def _read_dataset(source: Any, path: str, file_size: int) -> np.ndarray[Any, Any]:
    if source.external or source.is_virtual:
        raise UnsafeFileError(f"the data of {path} lie in another file")
    if source.nbytes > (64 << 20) + 200 * file_size:
        raise UnsafeFileError(f"{path} is declared far larger than its file can fill: {source.nbytes} bytes")
    return np.asarray(source[()])


def _plain(value: Any) -> Any:
    """Return an attribute's value as text, a list of text, or an array."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in value.ravel().tolist()]
    return value
