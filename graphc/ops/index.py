"""Indexing: slices, Python's brackets, gathering by computed positions and its adjoint."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes, ops, symbolic
from graphc.errors import DTypeError, ShapeError
from graphc.graph import Node, TensorType, apply, as_node, broadcast_shapes, require_at_least, same_dim, shape_text
from graphc.loopir import Expr
from graphc.ops.axes import as_dim, as_shape, normalize_axes, normalize_axis
from graphc.ops.define import Array, Operand, Primitive, Sample, builder, operands
from graphc.ops.lift import is_lifted
from graphc.ops.lowering import LoadInput, Position, clamped
from graphc.symbolic import Dim, ceildiv, product


class Slice(Primitive, name="slice", kind="movement"):
    """On each axis `sizes` elements from `starts`, `steps` apart; a negative step counts down."""

    def infer(x: TensorType, starts: tuple[Dim, ...], sizes: tuple[Dim, ...], steps: tuple[int, ...]) -> TensorType:
        if not len(starts) == len(sizes) == len(steps) == x.rank:
            raise ShapeError(f"needs a start, a size and a step for each axis of {x}")
        for d, start, size, step in zip(x.shape, starts, sizes, steps):
            if size != 0:
                last = start + (size - 1) * step
                what = f"elements {start} to {last} are outside an axis of size {d}"
                require_at_least(size, 0, what)
                # A count of unknown steps has been rounded to end inside, which the algebra does not see.
                if abs(step) == 1 or isinstance(size, int):
                    require_at_least(start if step > 0 else last, 0, what)
                    require_at_least(d, (last if step > 0 else start) + 1, what)
        return TensorType(sizes, x.dtype)

    def ref(x: Array, starts: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...]) -> Array:
        places = [start + step * np.arange(size) for start, size, step in zip(starts, sizes, steps)]
        return x[np.ix_(*places)] if places else x

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        x, attrs = n.inputs[0], n.attrs
        g = flip(g, [axis for axis, step in enumerate(attrs["steps"]) if step < 0])
        widths, interior = [], []
        for d, start, size, step in zip(x.shape, attrs["starts"], n.shape, attrs["steps"]):
            if size == 0:
                return (ops.zeros_like(x),)
            first = start if step > 0 else start + (size - 1) * step
            widths.append((first, d - first - (size - 1) * abs(step) - 1))
            interior.append(abs(step) - 1)
        return (ops.pad(g, widths, 0, interior),)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        return load(0, tuple(start + i * step for start, i, step in zip(n.attrs["starts"], index, n.attrs["steps"])))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        x, attrs = inputs[0], n.attrs
        return slice(x, (0, *attrs["starts"]), (x.shape[0], *attrs["sizes"]), (1, *attrs["steps"]))

    samples = (
        *operands("any", (4, 5), starts=(1, 0), sizes=(2, 5), steps=(1, 1)),
        *operands("float", (5, 7), starts=(4, 1), sizes=(5, 3), steps=(-1, 2)),
        *operands("float", (6, 4), starts=(5, 3), sizes=(2, 1), steps=(-3, 1)),
        *operands("float", (3, 5), starts=(0, 0), sizes=(3, 0), steps=(1, 1)),
    )


@builder
def slice(x: Operand, starts: Sequence[Dim], sizes: Sequence[Dim], steps: Sequence[int] | None = None) -> Node:
    """Return on each axis `sizes` elements from `starts`, `steps` apart (1 by default; negative counts down)."""
    n = as_node(x)
    strides = (1,) * n.rank if steps is None else tuple(steps)
    first, size = as_shape(starts), as_shape(sizes)
    if size == n.shape and not any(s != 0 for s in first) and strides == (1,) * n.rank:
        return n
    return apply(Slice.op, n, starts=first, sizes=size, steps=strides)


@builder
def flip(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """Return x with the order of elements reversed along the axes (None: all)."""
    n = as_node(x)
    axes = normalize_axes(axis, n.rank)
    starts = tuple(d - 1 if a in axes and d != 0 else 0 for a, d in enumerate(n.shape))
    return slice(n, starts, n.shape, tuple(-1 if a in axes else 1 for a in range(n.rank)))


@builder
def get_item(x: Operand, key: Any) -> Node:
    """Return x[key] as NumPy does, for ints, slices, ..., None and at most one integer array (or node).

    Ints out of range: IndexError's place is taken by ShapeError. On an axis of unknown size a slice's ends are not
    clamped: a call with fewer elements than the key names is a ShapeError.
    """
    n = as_node(x)
    keys = _full_key(key if isinstance(key, tuple) else (key,), n.rank)
    starts: list[Dim] = []
    sizes: list[Dim] = []
    steps: list[int] = []
    shape: list[Dim] = []
    gathered: tuple[int, Node] | None = None
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        d = n.shape[len(starts)]
        start: Dim = 0
        size, step, is_kept = d, 1, True
        if isinstance(k, builtins.slice):
            start, size, step = _resolve_slice(k, d)
            if abs(step) != 1 and not symbolic.is_nonnegative(size):
                # What the ends leave is cut out first: there the elements can be counted, and checked.
                reach = builtins.slice(k.start, k.stop, step // abs(step))
                whole = (builtins.slice(None),) * len(starts)
                n = get_item(n, (*whole, reach))
                start, size, step = _resolve_slice(builtins.slice(None, None, abs(step)), n.shape[len(starts)])
        elif _is_array(k):
            if gathered is not None:
                raise ShapeError("takes at most one array of positions")
            gathered = len(shape), as_node(k)
        else:
            start, size, is_kept = _resolve_position(k, d), 1, False
        starts.append(start)
        sizes.append(size)
        steps.append(step)
        if is_kept:
            shape.append(size)
    result = ops.reshape(slice(n, starts, sizes, steps), shape)
    return result if gathered is None else gather(result, gathered[1], gathered[0])


def _is_array(k: Any) -> bool:
    return isinstance(k, (Node, list)) or (isinstance(k, np.ndarray) and k.ndim > 0)


def _full_key(keys: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """Return the key with `...` spelled out. Raises ShapeError for too many positions."""
    used = sum(k is not None and k is not Ellipsis for k in keys)
    places = [i for i, k in enumerate(keys) if k is Ellipsis]
    if used > rank or len(places) > 1:
        raise ShapeError(f"too many indices: {used} for rank {rank}" if used > rank else "takes ... at most once")
    place = places[0] if places else len(keys)
    return (*keys[:place], *[builtins.slice(None)] * (rank - used), *keys[place + 1 :])


def _resolve_position(k: Any, d: Dim) -> Dim:
    position = as_dim(k)
    counted = position + d if isinstance(position, int) and position < 0 else position
    if isinstance(counted, int) and isinstance(d, int) and not 0 <= counted < d:
        raise ShapeError(f"position {k} is outside an axis of size {d}")
    return counted


def _resolve_slice(k: builtins.slice, d: Dim) -> tuple[Dim, Dim, int]:
    """Return (start, size, step) of a Python slice on an axis of size d."""
    step = 1 if k.step is None else int(k.step)
    if step == 0:
        raise ShapeError("a slice needs a step that is not 0")
    if isinstance(d, int) and not any(isinstance(e, symbolic.Polynomial) for e in (k.start, k.stop)):
        places = range(*k.indices(d))
        return (places.start if len(places) else 0), len(places), step
    start = _bound(k.start, d, 0 if step > 0 else d - 1)
    stop = _bound(k.stop, d, d if step > 0 else -1)
    size = ceildiv(stop - start, step) if step > 0 else ceildiv(start - stop, -step)
    return start, size, step


def _bound(value: Any, d: Dim, default: Dim) -> Dim:
    """Return a slice's end on an axis of unknown size as a position counted from the front."""
    if value is None:
        return default
    end = as_dim(value)
    return end + d if isinstance(end, int) and end < 0 else end


def _positions(*shapes: tuple[int, ...], limit: int, axis: int) -> Sample:
    """Return a sample: floats of the first shape, positions below `limit` of the second, floats of the third."""
    first, second, *others = shapes

    def sample(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        floats = (rng.standard_normal(s) for s in others)
        return (rng.standard_normal(first), rng.integers(0, limit, second).astype(np.int32), *floats), {"axis": axis}

    return sample


class Gather(Primitive, name="gather", kind="movement"):
    """The elements of x at integer positions along an axis, which the positions' axes replace.

    Positions out of range are brought to the nearest end.
    """

    def infer(x: TensorType, positions: TensorType, axis: int) -> TensorType:
        if not dtypes.is_integer(positions.dtype):
            raise DTypeError(f"takes integer positions, not {positions.dtype}")
        return TensorType((*x.shape[:axis], *positions.shape, *x.shape[axis + 1 :]), x.dtype)

    def ref(x: Array, positions: Array, axis: int) -> Array:
        return np.take(x, positions.astype(np.int64), axis, mode="clip")

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        x, positions = n.inputs
        return scatter_add(ops.zeros_like(x), positions, g, n.attrs["axis"]), None

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        (x, positions), axis = n.inputs, n.attrs["axis"]
        stop = axis + positions.rank
        place = clamped(load(1, index[axis:stop]), x.shape[axis])
        return load(0, (*index[:axis], place, *index[stop:]))

    def lift(n: Node, inputs: tuple[Node, ...]) -> Node:
        (x, positions), axis = inputs, n.attrs["axis"]
        if not is_lifted(n.inputs[1], positions):
            return gather(x, positions, axis + 1)
        if not is_lifted(n.inputs[0], x):
            return ops.moveaxis(gather(x, positions, axis), axis, 0)
        # The entries of both leading axes go together: x as one table, entry after entry.
        count, size = x.shape[0], x.shape[axis + 1]
        rows = ops.moveaxis(x, axis + 1, 1)
        table = ops.reshape(rows, (count * size, *rows.shape[2:]))
        inside = ops.clip(ops.cast(positions, "int64"), 0, ops.dimension(size) - 1)
        starts = ops.reshape(ops.arange(count), (count, *(1,) * (positions.rank - 1))) * ops.dimension(size)
        found = gather(table, inside + starts, 0)
        before, behind = range(positions.rank, positions.rank + axis), range(positions.rank + axis, found.rank)
        return ops.transpose(found, (0, *before, *range(1, positions.rank), *behind))

    samples = (
        _positions((4, 5), (3,), limit=4, axis=0),
        _positions((3, 5), (2, 4), limit=5, axis=1),
        _positions((2, 3, 5), (), limit=3, axis=1),
        _positions((4, 5), (0,), limit=4, axis=0),
    )


@builder
def gather(x: Operand, positions: Operand, axis: int = 0) -> Node:
    """Return NumPy's take: x's elements at these positions of an axis, brought into range.

    The result has shape x.shape[:axis] + positions.shape + x.shape[axis + 1:].
    """
    n = as_node(x)
    return apply(Gather.op, n, as_node(positions), axis=normalize_axis(axis, n.rank))


class ScatterAdd(Primitive, name="scatter_add", kind="structured"):
    """`base` with the updates added at integer positions along an axis: the adjoint of `gather`.

    Updates of one position are added in row-major order of the positions.
    """

    def infer(base: TensorType, positions: TensorType, updates: TensorType, axis: int) -> TensorType:
        if not dtypes.is_integer(positions.dtype) or base.dtype != updates.dtype:
            raise DTypeError(f"takes integer positions and one dtype, not {positions}, {base} and {updates}")
        expected = (*base.shape[:axis], *positions.shape, *base.shape[axis + 1 :])
        if len(expected) != updates.rank:
            raise ShapeError(f"needs updates of shape {shape_text(expected)}")
        for a, b in zip(expected, updates.shape):
            same_dim(a, b, f"updates of shape {shape_text(updates.shape)}, needed {shape_text(expected)}")
        return base

    def ref(base: Array, positions: Array, updates: Array, axis: int) -> Array:
        result = base.astype(np.float32 if base.dtype.itemsize == 2 and base.dtype.kind not in "iu" else base.dtype)
        places = np.clip(positions.astype(np.int64), 0, base.shape[axis] - 1)
        where: Any = (builtins.slice(None),) * axis + (places,)
        np.add.at(result, where, updates.astype(result.dtype))
        return result.astype(base.dtype)

    def grad(n: Node, g: Node) -> tuple[Node | None, ...]:
        return g, None, gather(g, n.inputs[1], n.attrs["axis"])

    samples = (
        _positions((4, 5), (3,), (3, 5), limit=4, axis=0),
        _positions((3, 5), (2, 4), (3, 2, 4), limit=5, axis=1),
        _positions((2, 3, 5), (), (2, 5), limit=3, axis=1),
        _positions((4, 5), (0,), (0, 5), limit=4, axis=0),
    )


@builder
def scatter_add(base: Operand, positions: Operand, updates: Operand, axis: int = 0) -> Node:
    """Return base with updates added at these positions of the axis, brought into range.

    `updates` has the shape that gather(base, positions, axis) has.
    """
    n = as_node(base)
    given = ops.cast(as_node(updates, n), n.dtype)
    return apply(ScatterAdd.op, n, as_node(positions), given, axis=normalize_axis(axis, n.rank))


@builder
def take_along_axis(x: Operand, positions: Operand, axis: int = -1) -> Node:
    """Return NumPy's take_along_axis: along the axis each row of x at its own row of positions, brought into range."""
    n, places = as_node(x), as_node(positions)
    a = normalize_axis(axis, n.rank)
    if places.rank != n.rank:
        raise ShapeError(f"positions of rank {places.rank} do not fit rank {n.rank}")
    shape = tuple(d if i == a else broadcast_shapes((d,), (n.shape[i],))[0] for i, d in enumerate(places.shape))
    bounded = ops.clip(ops.cast(places, "int64"), 0, ops.dimension(n.shape[a]) - 1)
    flat: Node = bounded * ops.dimension(product(n.shape[a + 1 :]))
    for i, d in enumerate(n.shape):
        if i != a and d != 1:
            along = ops.arange(d) * ops.dimension(product(n.shape[i + 1 :]))
            flat = flat + ops.reshape(along, tuple(d if j == i else 1 for j in range(n.rank)))
    return gather(ops.flatten(n), ops.broadcast_to(flat, shape), 0)


@builder
def one_hot(indices: Operand, depth: Dim, dtype: Any = "float32") -> Node:
    """Return ones where a new last axis of this size is at the index, zeros elsewhere (everywhere, out of range)."""
    n = as_node(indices)
    if not dtypes.is_integer(n.dtype):
        raise DTypeError(f"takes integers, not {n.dtype}")
    return ops.cast(ops.equal(ops.expand_dims(n, n.rank), ops.arange(depth, dtype=n.dtype)), dtype)


def top_k(x: Operand, k: int) -> tuple[Node, Node]:
    """Return (values, int32 positions) of the k greatest of the last axis, greatest first; ties: the first first.

    Every element is ranked by counting those before it, so the work is quadratic in the axis. Raises ShapeError
    where the axis is shorter than k.
    """
    n = as_node(x)
    size = n.shape[-1] if n.rank else 0
    if isinstance(size, int) and not 0 <= k <= size:
        raise ShapeError(f"top_k: cannot take {k} of the last axis of {n.type}")
    here, other = ops.expand_dims(n, -1), ops.expand_dims(n, -2)
    place = ops.arange(size)
    is_earlier = ops.less(ops.reshape(place, (1, size)), ops.reshape(place, (size, 1)))
    is_before = ops.logical_or(ops.greater(other, here), ops.logical_and(ops.equal(other, here), is_earlier))
    rank = ops.sum(ops.cast(is_before, "int32"), -1)
    wanted = ops.reshape(ops.arange(k, dtype="int32"), (k, 1))
    positions = ops.argmax(ops.equal(ops.expand_dims(rank, -2), wanted), -1)
    return take_along_axis(n, positions, -1), ops.cast(positions, "int32")


@builder
def in_top_k(predictions: Operand, targets: Operand, k: int) -> Node:
    """Return for each row whether its target class is among the k greatest predictions.

    `predictions` (rows, classes), `targets` (rows,) integers. Classes tied with the target do not push it out;
    a prediction that is not finite is in no top k.
    """
    n, classes = as_node(predictions), as_node(targets)
    chosen = take_along_axis(n, ops.expand_dims(classes, 1), 1)
    ahead = ops.sum(ops.cast(ops.greater(n, chosen), "int32"), 1)
    return ops.logical_and(ops.less(ahead, k), ops.isfinite(ops.squeeze(chosen, 1)))
