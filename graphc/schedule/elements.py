"""Elements: the scalar expression of one element of a node, with everything cheap written out in place.

An *anchored* node is computed once by some kernel and read back from its buffer; every other node is substituted
into its readers. Buffers are named after nodes here (`buffer_name`); `kernels` renames them to parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from graphc.graph import Node, constant_value
from graphc.loopir import Const, Expr, Load, parts
from graphc.symbolic import Dim, Symbol, floordiv, modulo, recombine, symbol, symbols

IndexTuple = tuple[Dim, ...]


def buffer_name(n: Node) -> str:
    """Return the name of the buffer that holds an anchored node."""
    return f"n{n.serial}"


@lru_cache(maxsize=4096)
def strides(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Return the row-major strides of a shape, in elements."""
    result: list[Dim] = []
    stride: Dim = 1
    for dim in reversed(shape):
        result.append(stride)
        stride = stride * dim
    return tuple(reversed(result))


@lru_cache(maxsize=16384)
def linear(index: IndexTuple, shape: tuple[Dim, ...]) -> Dim:
    """Return the offset of an element in a row-major buffer of this shape."""
    offset: Dim = 0
    for position, dim, stride in zip(index, shape, strides(shape)):
        if dim != 1:
            offset = offset + position * stride
    return recombine(offset)


def unravel(offset: Dim, shape: tuple[Dim, ...]) -> IndexTuple:
    """Return the index of the element at this offset of a row-major buffer."""
    if 0 in shape:
        return (0,) * len(shape)
    index: list[Dim] = []
    for position, (dim, stride) in enumerate(zip(shape, strides(shape))):
        quotient = floordiv(offset, stride)
        index.append(0 if dim == 1 else quotient if position == 0 else modulo(quotient, dim))
    return tuple(index)


def squeezed(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Return the shape without its axes of length one."""
    return tuple(d for d in shape if d != 1)


@lru_cache(maxsize=4096)
def loop_symbols(extents: tuple[Dim, ...], letter: str) -> tuple[Dim, ...]:
    """Return one loop variable per extent: `letter0`, `letter1`, ... Equal extents at equal places share a symbol."""
    return tuple(symbol(f"{letter}{i}", extent) for i, extent in enumerate(extents))


def as_symbol(dim: Dim) -> Symbol:
    """Return the Symbol that a bare-symbol dim is."""
    [found] = symbols(dim) if isinstance(dim, int) or len(dim.terms) > 1 else [next(iter(dim.terms))[0]]
    assert isinstance(found, Symbol)
    return found


def spread(shape: tuple[Dim, ...], variables: tuple[Dim, ...]) -> IndexTuple:
    """Return an index into `shape`: the variables in order, 0 on axes of length one."""
    remaining = iter(variables)
    return tuple(0 if d == 1 else next(remaining) for d in shape)


class Elements:
    """Builds element expressions; `anchored` is the set of nodes that are read from buffers (sources always are)."""

    def __init__(self, anchored: set[Node]) -> None:
        self.anchored = anchored
        self._memo: dict[tuple[Node, IndexTuple], Expr] = {}
        self._loads: dict[int, tuple[Expr, list[Load]]] = {}

    def is_read(self, n: Node) -> bool:
        """Tell whether n is read from a buffer rather than written out."""
        return n in self.anchored or (n.op.kind == "source" and scalar_constant(n) is None)

    def read(self, n: Node, index: IndexTuple) -> Expr:
        """Return the element of n at `index`, for use inside a reader of n."""
        if self.is_read(n):
            return Load(buffer_name(n), linear(index, n.shape), n.dtype)
        return self.compute(n, index)

    def compute(self, n: Node, index: IndexTuple) -> Expr:
        """Return the element of n at `index` (of its input's index, for reductions) from its inputs' elements."""
        literal = scalar_constant(n)
        if literal is not None:
            return literal
        if n.op.kind == "source":
            return Load(buffer_name(n), linear(index, n.shape), n.dtype)
        return self.lowered(n, index)

    def lowered(self, n: Node, index: IndexTuple) -> Expr:
        """Return what n's `lower` gives at an index; its inputs' elements are read."""
        key = (n, index)
        found = self._memo.get(key)
        if found is None:
            assert n.op.lower is not None

            def load(i: int, index_i: Iterable[Dim]) -> Expr:
                return self.read(n.inputs[i], tuple(index_i))

            lower: Callable[..., Expr] = n.op.lower
            found = self._memo[key] = lower(n, index, load)
        return found

    def loads(self, e: Expr) -> list[Load]:
        """Return every Load inside an expression that this builder made, each once."""
        found = self._loads.get(id(e))
        if found is None:
            found = self._loads[id(e)] = (e, loads(e))
        return found[1]


def scalar_constant(n: Node) -> Const | None:
    """Return the literal that a one-element constant is, None for other nodes."""
    value = constant_value(n)
    if value is None or value.size != 1:
        return None
    item: Any = value.reshape(-1)[0]
    if n.dtype in ("bfloat16", "float16"):
        item = float(item)
    return Const(item.item() if hasattr(item, "item") else item, n.dtype)


def loads(e: Expr) -> list[Load]:
    """Return every Load inside e, those in offsets and guards too, each once."""
    seen: dict[int, Expr] = {}
    found: dict[Load, None] = {}
    stack = [e]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen[id(current)] = current
        if isinstance(current, Load):
            found[current] = None
        stack.extend(parts(current))
    return list(found)
