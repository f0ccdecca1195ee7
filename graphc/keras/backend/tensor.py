"""Tensor and Variable: what Keras code holds in its hands. Thin wrappers of graph nodes and states.

Nodes are interned, so equal expressions are one object; Keras code tells tensors apart by identity and hangs
attributes on them (`_keras_history`), hence a wrapper object for each result of a K function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc import dtypes, graph, ops
from graphc.errors import UsageError
from graphc.graph import Node, State
from graphc.keras.backend import phase
from graphc.keras.backend.common import floatx
from graphc.keras.utils.location import located
from graphc.symbolic import Dim


class Shape(tuple[Any, ...]):
    """A static shape: a tuple with None for sizes that are known at run time only."""

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list."""
        return list(self)

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)


def static_shape(dims: tuple[Dim, ...]) -> Shape:
    """Return dims with None in the place of symbolic ones."""
    return Shape(d if isinstance(d, int) else None for d in dims)


class Tensor:
    """A symbolic value: `node` is its place in the graph.

    Arithmetic, comparison (but `==`, which is identity) and slicing build new tensors. Layers add `_keras_history`.
    """

    __array_ufunc__ = None  # a NumPy array on the left of an operator leaves it to the tensor

    _keras_history: Any
    is_sparse = False  # set where Keras's TensorFlow backend would hold a sparse tensor; values are dense all the same

    _name: str | None = None
    _shape: tuple[int | None, ...] | None = None
    _phase: bool | None = None

    def __init__(self, node: Node, name: str | None = None) -> None:
        self.node = node
        self._name = name

    @property
    def name(self) -> str:
        """The name, ending in `:0`; made from the layer and the op where none was given."""
        if self._name is not None:
            return self._name
        own = self.node.attrs.get("name") or f"{self.node.op.name}_{self.node.serial}"
        layer = self.node.provenance.layer
        return f"{layer}/{own}:0" if layer else f"{own}:0"

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.node.dtype

    @property
    def shape(self) -> Shape:
        """The static shape; None where a size is known at run time only."""
        return static_shape(self.node.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.node.rank

    def get_shape(self) -> Shape:
        """Return `shape`."""
        return self.shape

    @property
    def _keras_shape(self) -> tuple[int | None, ...]:
        return tuple(self.shape) if self._shape is None else self._shape

    @_keras_shape.setter
    def _keras_shape(self, shape: tuple[int | None, ...]) -> None:
        self._shape = shape

    @property
    def _uses_learning_phase(self) -> bool:
        return phase.reached_from(self.node) if self._phase is None else self._phase

    @_uses_learning_phase.setter
    def _uses_learning_phase(self, value: bool) -> None:
        self._phase = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} shape={tuple(self.shape)} dtype={self.dtype}>"

    def __bool__(self) -> bool:
        raise UsageError(located(f"{self!r} has no truth value before it is computed; use K.switch or K.any"))

    def __iter__(self) -> Any:
        if not self.shape or self.shape[0] is None:
            raise UsageError(located(f"{self!r} has no known length to iterate over"))
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise UsageError(located(f"{self!r} has no known length"))
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> Tensor:
        keys = key if isinstance(key, tuple) else (key,)
        return Tensor(ops.get_item(self.node, tuple(_index(k) for k in keys)))

    def __neg__(self) -> Tensor:
        return Tensor(ops.negative(self.node))

    def __abs__(self) -> Tensor:
        return Tensor(ops.absolute(self.node))

    def __invert__(self) -> Tensor:
        return Tensor(ops.logical_not(self.node))

    def __add__(self, other: Any) -> Tensor:
        return binary(ops.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return binary(ops.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return binary(ops.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return binary(ops.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return binary(ops.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return binary(ops.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return binary(ops.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return binary(ops.divide, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return binary(ops.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return binary(ops.floor_divide, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return binary(ops.remainder, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return binary(ops.remainder, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return binary(ops.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return binary(ops.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return binary(ops.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return binary(ops.matmul, other, self)

    def __and__(self, other: Any) -> Tensor:
        return binary(ops.logical_and, self, other)

    def __rand__(self, other: Any) -> Tensor:
        return binary(ops.logical_and, other, self)

    def __or__(self, other: Any) -> Tensor:
        return binary(ops.logical_or, self, other)

    def __ror__(self, other: Any) -> Tensor:
        return binary(ops.logical_or, other, self)

    def __xor__(self, other: Any) -> Tensor:
        return binary(ops.logical_xor, self, other)

    def __rxor__(self, other: Any) -> Tensor:
        return binary(ops.logical_xor, other, self)

    def __lt__(self, other: Any) -> Tensor:
        return binary(ops.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        return binary(ops.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return binary(ops.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return binary(ops.greater_equal, self, other)


class Variable(Tensor):
    """A tensor with a value of its own that lives between calls: `state` holds it.

    `constraint`, where set, is applied to the new value when an optimizer updates the variable; `draw`, set for the
    weights of layers, returns a first value again.
    """

    draw: Callable[[], Any] | None = None

    def __init__(self, state: State, name: str, constraint: Any = None) -> None:
        super().__init__(state.node, name)
        self.state = state
        self.constraint = constraint

    def get_value(self) -> np.ndarray[Any, Any]:
        """Return a copy of the value."""
        return self.state.get_value()

    def set_value(self, value: Any) -> None:
        """Replace the value. Raises ShapeError where the shape differs, and then changes nothing."""
        self.state.set_value(value)

    @property
    def initializer(self) -> Initialization:
        """What gives the variable a first value again: for weights of layers only."""
        if self.draw is None:
            raise AttributeError(f"{self!r} was made from a value, which is not kept: it has no initializer")
        return Initialization(self, self.draw)


class Initialization:
    """How a weight got its first value: `run()` gives it one again, another one where it is random."""

    def __init__(self, variable: Variable, draw: Callable[[], Any]) -> None:
        self.variable = variable
        self.draw = draw

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Set the variable to a first value; the arguments are TensorFlow's, and have no effect."""
        self.variable.set_value(value_of(self.draw()))


def value_of(x: Any) -> Any:
    """Return the value of a tensor, computed here and now; what is no tensor is its own value."""
    return graph.evaluate_node(as_node(x)) if isinstance(x, (Tensor, Node)) else x


def _index(key: Any) -> Any:
    """Return an entry of the brackets as `ops.get_item` takes it; a slice may have sizes of K.shape(x) as its ends."""
    if isinstance(key, slice):
        return slice(*(getattr(end, "dim", end) for end in (key.start, key.stop, key.step)))
    return key.node if isinstance(key, Tensor) else key


def as_node(value: Any, like: Node | None = None) -> Node:
    """Return the node of a tensor, or a constant of an array or a number.

    Numbers and arrays are weak beside `like`: they take its dtype, but floats never become integers. Alone, floats
    become `floatx()` and Python ints int32.
    """
    if isinstance(value, Tensor):
        return value.node
    if isinstance(value, Node):
        return value
    if isinstance(value, State):
        return value.node
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Tensor, Node)) for v in value):
        return ops.stack([as_node(v, like) for v in value], axis=0)
    return graph.constant(value, _weak_dtype(value, like))


def _weak_dtype(value: Any, like: Node | None) -> str:
    own = np.asarray(value).dtype
    kind = dtypes.TABLE[dtypes.canonical(own)].kind
    if like is not None and dtypes.is_float(like.dtype):
        return like.dtype
    if kind == "float":
        return floatx() if like is not None or own == np.float64 else dtypes.canonical(own)
    if like is not None and (dtypes.is_integer(like.dtype) or kind == "bool"):
        return like.dtype
    return "int32" if kind == "int" and not isinstance(value, (np.ndarray, np.generic)) else dtypes.canonical(own)


def as_nodes(*values: Any) -> tuple[Node, ...]:
    """Return nodes of operands that meet: numbers and arrays take the dtype of the first tensor among them."""
    like = next((as_node(v) for v in values if isinstance(v, (Tensor, Node, State))), None)
    return tuple(as_node(v, like) for v in values)


def binary(build: Any, x: Any, y: Any) -> Tensor:
    """Return the tensor `build(x, y)`, numbers and arrays being weak."""
    return Tensor(build(*as_nodes(x, y)))
