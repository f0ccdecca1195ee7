"""Data and dictionaries in HDF5 files. h5py is imported when the first one is opened: it is slow to start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphc.errors import MissingPackageError, OptionError, UsageError
from graphc.keras.utils.location import located

__all__ = ["H5Dict", "HDF5Matrix", "ask_to_proceed_with_overwrite", "h5dict"]

# What one HDF5 object header can hold; the library allows 64 KiB with its own fields.
ATTRIBUTE_LIMIT = 64512


def import_h5py() -> Any:
    """Return the module h5py. Raises MissingPackageError where it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise MissingPackageError(located("HDF5 files need h5py: pip install h5py")) from error
    return h5py


def is_hdf5_group(x: Any) -> bool:
    """Whether `x` is an open h5py file or group."""
    h5py = sys.modules.get("h5py")
    return h5py is not None and isinstance(x, h5py.Group)


def attribute_pieces(values: Sequence[bytes]) -> list[np.ndarray[Any, Any]]:
    """Return a list of bytes as arrays that each fit into an HDF5 attribute; one where that is enough.

    Raises OptionError where a single entry is too long.
    """
    longest = max(map(len, values), default=0)
    if longest > ATTRIBUTE_LIMIT:
        raise OptionError(located(f"a name of {longest} bytes is longer than HDF5 can hold ({ATTRIBUTE_LIMIT})"))
    whole = np.asarray(values)
    count = 1
    while any(piece.nbytes > ATTRIBUTE_LIMIT for piece in np.array_split(whole, count)):
        count += 1
    return np.array_split(whole, count)


def ask_to_proceed_with_overwrite(filepath: str) -> bool:
    """Ask on the terminal whether to overwrite a file, until the answer is y or n, and return whether it was y."""
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "y":
        print("[TIP] Next time specify overwrite=True!")
    return answer == "y"


class HDF5Matrix:
    """Rows `start` to `end` of a dataset in an HDF5 file, read as they are asked for.

    Takes the place of an array in `fit`, `evaluate` and `predict` (with `shuffle` False or "batch"). `normalizer` is
    applied to the rows that are read. Rows are asked for by number, slice, list or array; IndexError beyond `end`.
    """

    refs: dict[str, Any] = {}

    def __init__(
        self,
        datapath: str,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        if datapath not in self.refs:
            self.refs[datapath] = import_h5py().File(datapath, "r")
        self.data = self.refs[datapath][dataset]
        self.start = start
        self.end: int = self.data.shape[0] if end is None else end
        self.normalizer = normalizer
        first = self._normalized(self.data[0:1])
        self._base_shape: tuple[int, ...] = first.shape[1:]
        self._base_dtype = first.dtype

    def _normalized(self, rows: Any) -> Any:
        return rows if self.normalizer is None else self.normalizer(rows)

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        return self._normalized(self.data[self._place(key)])

    def _place(self, key: Any) -> Any:
        """Return where in the dataset the rows are."""
        if isinstance(key, slice):
            first, after = key.start or 0, len(self) if key.stop is None else key.stop
            self._check(after - 1)
            return slice(first + self.start, after + self.start)
        if isinstance(key, (int, np.integer)):
            self._check(key)
            return key + self.start
        rows = np.asarray(list(key))
        self._check(rows.max())
        return (rows + self.start).tolist()

    def _check(self, row: Any) -> None:
        if row + self.start >= self.end:
            raise IndexError(f"row {row} of {len(self)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the rows, normalized."""
        return (len(self), *self._base_shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the rows, normalized."""
        return self._base_dtype

    @property
    def ndim(self) -> int:
        """The number of axes of the dataset."""
        return int(self.data.ndim)

    @property
    def size(self) -> int:
        """The number of elements of the rows, normalized."""
        return int(np.prod(self.shape))


class H5Dict:
    """A dictionary of text, lists of bytes, arrays and dictionaries, kept in an HDF5 file, a group, or a dict.

    `d[name]` makes a dictionary where there is nothing of the name, unless `mode` is "r". Raises OptionError for
    writing in mode "r", KeyError for a value under the name of a dictionary, TypeError for another kind of `path`.
    """

    def __init__(self, path: Any, mode: str = "a") -> None:
        self._is_file = isinstance(path, str)
        self.data: Any
        if self._is_file:
            self.data = import_h5py().File(path, mode)
        elif isinstance(path, dict) or is_hdf5_group(path):
            self.data = path
        else:
            raise UsageError(located(f"Required Group, str or dict. Received: {type(path)}."))
        if isinstance(path, dict) and mode == "w":
            path.clear()
        self.read_only = mode == "r"

    def __setitem__(self, name: str, value: Any) -> None:
        if self.read_only:
            raise OptionError(located("Cannot set item in read only mode."))
        if isinstance(self.data, dict):
            self.data[name] = value
        elif name in self.data:
            raise KeyError(f'Cannot set attribute. Group with name "{name}" exists.')
        elif isinstance(value, (np.ndarray, np.generic)):
            self.data.create_dataset(name, data=value)
        elif isinstance(value, list):
            pieces = attribute_pieces([x.encode("utf-8") if isinstance(x, str) else x for x in value])
            for i, piece in enumerate(pieces):
                self.data.attrs[name if len(pieces) == 1 else f"{name}{i}"] = piece
        else:
            self.data.attrs[name] = value

    def __getitem__(self, name: str) -> Any:
        if isinstance(self.data, dict):
            value = self.data[name] if name in self.data else self._made({}, name)
            return self._below(value) if isinstance(value, dict) else value
        if name in self.data.attrs:
            value = self.data.attrs[name]
            return value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind == "S" else value
        if name in self.data:
            value = self.data[name]
            return self._below(value) if is_hdf5_group(value) else np.asarray(value)
        if f"{name}0" in self.data.attrs:
            return self._joined(name)
        return self._below(self._made(None, name))

    def _made(self, value: Any, name: str) -> Any:
        if self.read_only:
            raise OptionError(located("Cannot create group in read only mode."))
        if value is None:
            return self.data.create_group(name)
        self.data[name] = value
        return value

    def _below(self, data: Any) -> H5Dict:
        return H5Dict(data, "r" if self.read_only else "a")

    def _joined(self, name: str) -> list[Any]:
        found: list[Any] = []
        count = 0
        while f"{name}{count}" in self.data.attrs:
            found += self.data.attrs[f"{name}{count}"].tolist()
            count += 1
        return found

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __contains__(self, name: object) -> bool:
        return name in self.data or (not isinstance(self.data, dict) and name in self.data.attrs)

    def get(self, name: str, default: Any = None) -> Any:
        """Return what is under the name, `default` where there is nothing."""
        return self[name] if name in self else default  # noqa: SIM401  this is that method

    def close(self) -> None:
        """Write what is left to the file, and close it where this opened it."""
        if not isinstance(self.data, dict):
            self.data.file.flush()
            if self._is_file:
                self.data.close()


h5dict = H5Dict
