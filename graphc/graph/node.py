"""Node: one immutable, interned value of the graph."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import UsageError
from graphc.graph import provenance as _provenance
from graphc.graph.builders import builder
from graphc.graph.provenance import Provenance
from graphc.graph.types import TensorType
from graphc.symbolic import Dim, Polynomial

if TYPE_CHECKING:
    from graphc.graph.op import Op

_serial = itertools.count()
_interned: weakref.WeakValueDictionary[object, Node] = weakref.WeakValueDictionary()
_lock = threading.Lock()
# Bytes of an array up to which equal constants become one node; larger ones are told apart by identity.
_LARGEST_COMPARED = 65536


class Node:
    """The value `op(*inputs, **attrs)` of type `type`. Equal nodes are the same object; `==` is identity.

    Arithmetic operators and indexing build nodes. `serial` numbers nodes in the order they were made.
    """

    __slots__ = ("__weakref__", "attrs", "inputs", "op", "provenance", "serial", "type")

    op: Op
    inputs: tuple[Node, ...]
    attrs: Mapping[str, Any]
    type: TensorType
    provenance: Provenance
    serial: int

    # NumPy arrays on the left of an operator leave it to the node.
    __array_ufunc__ = None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"nodes are immutable; '{name}' cannot be set")

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The dims of the value."""
        return self.type.shape

    @property
    def dtype(self) -> str:
        """The dtype name of the value."""
        return self.type.dtype

    @property
    def rank(self) -> int:
        """The number of axes of the value."""
        return len(self.type.shape)

    def __repr__(self) -> str:
        name = self.attrs.get("name")
        return f"<{self.op.name}{f' {name}' if name else ''}: {self.type}>"

    def __bool__(self) -> bool:
        raise UsageError("a node has no truth value before it is computed; use ops.where or ops.logical_and")

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise UsageError(f"{self!r} has no known length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def _call(self, name: str, *inputs: Any, **attrs: Any) -> Node:
        return builder(name)(*inputs, **attrs)

    def __add__(self, other: Any) -> Node:
        return self._call("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return self._call("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return self._call("subtract", self, other)

    def __rsub__(self, other: Any) -> Node:
        return self._call("subtract", other, self)

    def __mul__(self, other: Any) -> Node:
        return self._call("multiply", self, other)

    def __rmul__(self, other: Any) -> Node:
        return self._call("multiply", other, self)

    def __truediv__(self, other: Any) -> Node:
        return self._call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return self._call("divide", other, self)

    def __floordiv__(self, other: Any) -> Node:
        return self._call("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Node:
        return self._call("floor_divide", other, self)

    def __mod__(self, other: Any) -> Node:
        return self._call("remainder", self, other)

    def __rmod__(self, other: Any) -> Node:
        return self._call("remainder", other, self)

    def __pow__(self, other: Any) -> Node:
        return self._call("power", self, other)

    def __rpow__(self, other: Any) -> Node:
        return self._call("power", other, self)

    def __matmul__(self, other: Any) -> Node:
        return self._call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return self._call("matmul", other, self)

    def __neg__(self) -> Node:
        return self._call("negative", self)

    def __abs__(self) -> Node:
        return self._call("absolute", self)

    def __invert__(self) -> Node:
        return self._call("logical_not", self)

    def __and__(self, other: Any) -> Node:
        return self._call("logical_and", self, other)

    def __or__(self, other: Any) -> Node:
        return self._call("logical_or", self, other)

    def __xor__(self, other: Any) -> Node:
        return self._call("logical_xor", self, other)

    def __lt__(self, other: Any) -> Node:
        return self._call("less", self, other)

    def __le__(self, other: Any) -> Node:
        return self._call("less_equal", self, other)

    def __gt__(self, other: Any) -> Node:
        return self._call("greater", self, other)

    def __ge__(self, other: Any) -> Node:
        return self._call("greater_equal", self, other)

    def __getitem__(self, key: Any) -> Node:
        return self._call("get_item", self, key)


def make_node(
    op: Op,
    inputs: tuple[Node, ...],
    attrs: Mapping[str, Any],
    type_: TensorType,
    provenance: Provenance | None = None,
) -> Node:
    """Return the interned node; the first maker's provenance stays. `type_` is what the op's shape rule gave.

    A new node's provenance is the one given, or that of the caller.
    """
    key = (op.name, tuple(map(id, inputs)), _attrs_key(attrs), type_)
    with _lock:
        found = _interned.get(key)
        if found is not None:
            return found
        node = object.__new__(Node)
        values = op, inputs, dict(attrs), type_, provenance or _provenance.current(), next(_serial)
        for set_slot, value in zip(_SLOTS, values):
            set_slot(node, value)
        _interned[key] = node
        return node


# A slot's own setter does not ask `__setattr__`.
_SLOTS = tuple(vars(Node)[name].__set__ for name in ("op", "inputs", "attrs", "type", "provenance", "serial"))
_PLAIN = frozenset({bool, int, str, type(None)})


def _attrs_key(attrs: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple([(name, _value_key(attrs[name])) for name in sorted(attrs)]) if attrs else ()


def _value_key(value: Any) -> object:
    """A key that tells -0.0 from 0.0 and 1 from True, and makes nan equal to itself."""
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    match value:
        case np.ndarray() if value.nbytes > _LARGEST_COMPARED:
            return "array", id(value)
        case np.ndarray():
            return "array", value.dtype.str, value.shape, value.tobytes()
        case np.generic():
            return "scalar", value.dtype.str, value.tobytes()
        case float():
            return "float", value.hex()
        case tuple() | list():
            return (kind, *map(_value_key, value))
        case Polynomial():
            return value
        case _ if hasattr(value, "interning_key"):
            return value.interning_key
        case _:
            # The node keeps the object alive, so its id stays its own; the object itself in the key would keep
            # the node alive for ever.
            return kind, id(value)
