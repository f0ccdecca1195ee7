"""State: an array that lives between calls of compiled programs (a weight, a counter)."""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

import numpy as np

from graphc import dtypes
from graphc.errors import ShapeError
from graphc.graph.node import Node, make_node
from graphc.graph.op import STATE
from graphc.graph.types import TensorType

Array = np.ndarray[Any, Any]
_identity = itertools.count()
_ALIGNMENT = 64


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a C-contiguous array whose data starts on a 64-byte line, so that vector loads never straddle one."""
    count = math.prod(shape) * dtype.itemsize
    raw = np.empty(count + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + count].view(dtype).reshape(shape)


def aligned_copy(value: Array) -> Array:
    """Return a copy of an array that is `aligned_empty`."""
    copy = aligned_empty(value.shape, value.dtype)
    copy[...] = value
    return copy


class FirstValue(ABC):
    """A value of this shape that a state starts with, and that is computed when it is first needed."""

    shape: tuple[int, ...]

    @abstractmethod
    def fill(self, storage: Array) -> None:
        """Write the value; it is cast to the array's dtype."""


class _Settling:
    """The lock under which first values are computed; free in a forked child, whoever held it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        self.lock = threading.Lock()


_settling = _Settling()


class Mirror(Protocol):
    """A copy of a state's value on a device. Its methods are called with the states' lock held."""

    def fetch(self) -> None:
        """Bring the state's storage up to date with the copy."""
        ...

    def replaced(self) -> None:
        """Take notice that the storage holds a new value."""
        ...


class State:
    """A named array of fixed shape and dtype, its node in graphs (`state.node`), and its value.

    `default_update`, where set, maps the state's node to its next value; `graphc.function` adds that update to every
    program that reads the state (random counters advance so). `lock`, one for all states, is held while a value is read
    or replaced, and `version`, a number, changes where one is replaced: what programs keep from call to call depends on
    it. The runtime puts those that compiled programs use in their place. Programs of the CPU read and write `storage`
    in place: it is never replaced. A FirstValue is computed when somebody asks for the storage. Where a device holds a
    copy that may be newer, `mirror` is it; `is_shared` tells that programs of the CPU use the storage unasked.
    """

    __slots__ = (
        "__weakref__", "_first", "_storage", "default_update", "identity", "is_shared", "mirror", "name", "node",
    )  # fmt: skip

    lock: ClassVar[AbstractContextManager[Any]] = threading.Lock()
    version: ClassVar[ctypes.c_int64] = ctypes.c_int64(0)

    def __init__(
        self,
        value: Any,
        name: str | None = None,
        dtype: str | None = None,
        default_update: Callable[[Node], Node] | None = None,
    ) -> None:
        self._first: FirstValue | None = None
        if isinstance(value, FirstValue):
            self._first = value
            self._storage = aligned_empty(value.shape, dtypes.numpy_dtype(dtype or "float32"))
        else:
            self._storage = aligned_copy(np.asarray(value, None if dtype is None else dtypes.numpy_dtype(dtype)))
        self.identity = next(_identity)
        self.name = name or f"state_{self.identity}"
        self.default_update = default_update
        self.mirror: Mirror | None = None
        self.is_shared = False
        type_ = TensorType(self._storage.shape, dtypes.canonical(self._storage.dtype))
        self.node = make_node(STATE, (), {"state": self, "name": self.name, "identity": self.identity}, type_)

    @property
    def storage(self) -> Array:
        """The value on the host, in memory of its own."""
        if self._first is not None:
            with _settling.lock:
                # Another thread may have been here first.
                if self._first is not None:
                    self._first.fill(self._storage)
                    self._first = None
        return self._storage

    def get_value(self) -> Array:
        """Return a copy of the value."""
        storage = self.storage
        with self.lock:
            if self.mirror is not None:
                self.mirror.fetch()
            return storage.copy()

    def share_storage(self) -> Array:
        """Return the storage, up to date, for a program that will read and write it without asking."""
        storage = self.storage
        with self.lock:
            if self.mirror is not None:
                self.mirror.fetch()
            self.is_shared = True
            return storage

    def set_value(self, value: Any) -> None:
        """Replace the value. Raises ShapeError where its shape differs, and then changes nothing."""
        array = np.asarray(value)
        if array.shape != self._storage.shape:
            raise ShapeError(f"state '{self.name}' has shape {self._storage.shape}; got a value of shape {array.shape}")
        converted = array.astype(self._storage.dtype, copy=False)
        with _settling.lock:
            self._first = None
        with self.lock:
            self._storage[...] = converted
            if self.mirror is not None:
                self.mirror.replaced()
            self.version.value += 1

    def __repr__(self) -> str:
        return f"<State {self.name}: {self.node.type}>"
