"""State: an array that lives between calls of compiled programs (a weight, a counter)."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

import numpy as np

from graphc import dtypes
from graphc.errors import ShapeError
from graphc.graph.node import Node, make_node
from graphc.graph.op import STATE
from graphc.graph.types import TensorType

_identity = itertools.count()
_ALIGNMENT = 64


def aligned_copy(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a C-contiguous copy whose data starts on a 64-byte line, so that vector loads never straddle one."""
    raw = np.empty(value.nbytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    copy: np.ndarray[Any, Any] = raw[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


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

    `default_update`, where set, maps the state's node to its next value; `graphc.function` adds that update to
    every program that reads the state (random counters advance so). `lock`, one for all states, is held while a
    value is read or replaced, and `version`, a number, changes where one is replaced: what programs keep from call to
    call depends on it. The runtime puts those that compiled programs use in their place. Programs of the CPU read and
    write `storage` in place: it is never replaced. Where a device holds a copy that may be newer, `mirror` is it;
    `is_shared` tells that programs of the CPU use the storage unasked.
    """

    __slots__ = ("__weakref__", "default_update", "identity", "is_shared", "mirror", "name", "node", "storage")

    lock: ClassVar[AbstractContextManager[Any]] = threading.Lock()
    version: ClassVar[ctypes.c_int64] = ctypes.c_int64(0)

    def __init__(
        self,
        value: Any,
        name: str | None = None,
        dtype: str | None = None,
        default_update: Callable[[Node], Node] | None = None,
    ) -> None:
        array = np.asarray(value, None if dtype is None else dtypes.numpy_dtype(dtype))
        self.identity = next(_identity)
        self.name = name or f"state_{self.identity}"
        self.storage = aligned_copy(array)
        self.default_update = default_update
        self.mirror: Mirror | None = None
        self.is_shared = False
        type_ = TensorType(array.shape, dtypes.canonical(array.dtype))
        self.node = make_node(STATE, (), {"state": self, "name": self.name, "identity": self.identity}, type_)

    def get_value(self) -> np.ndarray[Any, Any]:
        """Return a copy of the value."""
        with self.lock:
            if self.mirror is not None:
                self.mirror.fetch()
            return self.storage.copy()

    def share_storage(self) -> np.ndarray[Any, Any]:
        """Return the storage, up to date, for a program that will read and write it without asking."""
        with self.lock:
            if self.mirror is not None:
                self.mirror.fetch()
            self.is_shared = True
            return self.storage

    def set_value(self, value: Any) -> None:
        """Replace the value. Raises ShapeError where its shape differs, and then changes nothing."""
        array = np.asarray(value)
        if array.shape != self.storage.shape:
            raise ShapeError(f"state '{self.name}' has shape {self.storage.shape}; got a value of shape {array.shape}")
        converted = array.astype(self.storage.dtype, copy=False)
        with self.lock:
            self.storage[...] = converted
            if self.mirror is not None:
                self.mirror.replaced()
            self.version.value += 1

    def __repr__(self) -> str:
        return f"<State {self.name}: {self.node.type}>"
