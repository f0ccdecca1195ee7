"""Functions of the backend that move elements: shapes, joins, paddings, slices."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.errors import OptionError
from graphc.graph import Node, constant_value
from graphc.keras.backend.common import normalize_data_format
from graphc.keras.backend.tensor import Tensor, as_node
from graphc.keras.legacy.functions import legacy_image_function_support, legacy_shape_function_support
from graphc.keras.utils.generic_utils import transpose_shape
from graphc.keras.utils.location import located
from graphc.symbolic import Dim, Polynomial


class SymbolicShape(Tensor):
    """The shape of a tensor as an int32 tensor whose elements can be used as sizes again."""

    def __init__(self, dims: tuple[Dim, ...]) -> None:
        self.dims = dims

    @functools.cached_property
    def node(self) -> Node:  # type: ignore[override]  # most shapes are only taken apart
        return ops.stack([_size_node(d) for d in self.dims], 0) if self.dims else as_node([])

    def __getitem__(self, key: Any) -> Tensor:
        if isinstance(key, builtins.slice):
            return SymbolicShape(self.dims[key])
        return Size(self.dims[key]) if isinstance(key, int) else super().__getitem__(key)

    def __iter__(self) -> Any:
        return (Size(d) for d in self.dims)


class Size(Tensor):
    """One size of a shape, as an int32 scalar; sums and products of sizes are sizes."""

    def __init__(self, dim: Dim) -> None:
        self.dim = dim

    @functools.cached_property
    def node(self) -> Node:  # type: ignore[override]  # as seldom
        return _size_node(self.dim)

    def __add__(self, other: Any) -> Tensor:
        dim = _dim_of(other)
        return super().__add__(other) if dim is None else Size(self.dim + dim)

    def __sub__(self, other: Any) -> Tensor:
        dim = _dim_of(other)
        return super().__sub__(other) if dim is None else Size(self.dim - dim)

    def __mul__(self, other: Any) -> Tensor:
        dim = _dim_of(other)
        return super().__mul__(other) if dim is None else Size(self.dim * dim)

    def __floordiv__(self, other: Any) -> Tensor:
        dim = _dim_of(other)
        return super().__floordiv__(other) if dim is None else Size(self.dim // dim)

    __radd__, __rmul__ = __add__, __mul__


def _size_node(dim: Dim) -> Node:
    return ops.dimension(dim, "int32")


def _dim_of(value: Any) -> Dim | None:
    """Return the dim that a size, a number or a constant is; None for others."""
    if isinstance(value, Size):
        return value.dim
    if isinstance(value, (int, Polynomial)):
        return value
    known = constant_value(value.node) if isinstance(value, Tensor) else None
    return None if known is None or known.ndim else int(known)


def as_dims(shape: Any) -> tuple[Dim, ...]:
    """Return the dims of a shape: ints, -1, sizes, `K.shape(x)`. Raises OptionError for other tensors."""
    if isinstance(shape, SymbolicShape):
        return shape.dims
    if isinstance(shape, Tensor):
        known = constant_value(shape.node)
        shape = shape if known is None else tuple(int(d) for d in known)
    dims = []
    for entry in shape:
        dim = int(entry) if hasattr(entry, "__index__") else _dim_of(entry)
        if dim is None:
            raise OptionError(located(f"a shape is made of ints and of elements of K.shape(x), not of {entry!r}"))
        dims.append(dim)
    return tuple(dims)


def shape(x: Any) -> SymbolicShape:
    """Return the shape as an int32 tensor; its elements can be used as sizes (in K.reshape, K.random_normal, ...)."""
    return SymbolicShape(as_node(x).shape)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Tensor:
    """Return the tensors joined along an axis they have."""
    joined = Tensor(ops.concatenate([as_node(t) for t in tensors], axis))
    joined.is_sparse = all(isinstance(t, Tensor) and t.is_sparse for t in tensors)
    return joined


def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Return the tensors joined along a new axis."""
    return Tensor(ops.stack([as_node(t) for t in x], axis))


def reshape(x: Any, shape: Any) -> Tensor:
    """Return the elements in another shape; one entry may be -1."""
    return Tensor(ops.reshape(as_node(x), as_dims(shape)))


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """Return x repeated along new axes and axes of size 1 to this shape."""
    return Tensor(ops.broadcast_to(as_node(x), as_dims(shape)))


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Return x with two axes exchanged."""
    return Tensor(ops.swapaxes(as_node(x), axis1, axis2))


def moveaxis(x: Any, source: int, destination: int) -> Tensor:
    """Return x with an axis moved to another place."""
    return Tensor(ops.moveaxis(as_node(x), source, destination))


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Tensor:
    """Return x with axis `pattern[i]` in the place of axis i."""
    return Tensor(ops.transpose(as_node(x), tuple(pattern)))


def repeat_elements(x: Any, rep: int, axis: int) -> Tensor:
    """Return x with each element repeated `rep` times along the axis."""
    return Tensor(ops.repeat(as_node(x), rep, axis))


def repeat(x: Any, n: int) -> Tensor:
    """Return (batch, n, features): the matrix x repeated n times. Raises OptionError where x has another rank."""
    node = as_node(x)
    if node.rank != 2:
        raise OptionError(located(f"K.repeat takes a matrix, not {node.type}"))
    return Tensor(ops.repeat(ops.expand_dims(node, 1), n, 1))


@legacy_image_function_support
def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Tensor:
    """Return images whose height and width are multiplied by integer factors.

    `nearest` repeats pixels; `bilinear` reads the source at (position * in / out), clamped at the border.
    Raises OptionError for another interpolation or data format.
    """
    if interpolation not in ("nearest", "bilinear"):
        raise OptionError(located('interpolation should be one of "nearest" or "bilinear".'))
    rows = 2 if normalize_data_format(data_format) == "channels_first" else 1
    resize = _repeat if interpolation == "nearest" else _interpolate
    return Tensor(resize(resize(as_node(x), height_factor, rows), width_factor, rows + 1))


def _repeat(n: Node, factor: int, axis: int) -> Node:
    return ops.repeat(n, factor, axis)


def _interpolate(n: Node, factor: int, axis: int) -> Node:
    """Return n with `factor - 1` points between neighbours along the axis; the last element stays to the end."""
    size = n.shape[axis]
    ends = [builtins.slice(None)] * n.rank
    inner, last = list(ends), list(ends)
    inner[axis], last[axis] = builtins.slice(1, None), builtins.slice(-1, None)
    following = ops.concatenate([n[tuple(inner)], n[tuple(last)]], axis)
    points = [n * (1.0 - step / factor) + following * (step / factor) if step else n for step in range(factor)]
    stacked = ops.stack(points, axis + 1)
    return ops.reshape(stacked, (*n.shape[:axis], size * factor, *n.shape[axis + 1 :]))


@legacy_image_function_support
def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str) -> Tensor:
    """Return volumes whose depth, height and width are repeated by integer factors.

    Raises OptionError for an unknown data format.
    """
    first = 2 if normalize_data_format(data_format) == "channels_first" else 1
    n = as_node(x)
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        n = ops.repeat(n, factor, axis)
    return Tensor(n)


def arange(start: int, stop: int | None = None, step: int = 1, dtype: str = "int32") -> Tensor:
    """Return start, start + step, ... below stop; 0, ..., start - 1 where stop is None (empty for negative numbers)."""
    if stop is None:
        start, stop = 0, start if not isinstance(start, int) else builtins.max(start, 0)
    first, last = as_dims((start, stop))
    return Tensor(ops.arange(first, last, step, dtype))


def tile(x: Any, n: int | Sequence[int]) -> Tensor:
    """Return x repeated as a whole, n[i] times along axis i (an int: along the last axis)."""
    return Tensor(ops.tile(as_node(x), as_dims((n,) if isinstance(n, int) else n)))


def flatten(x: Any) -> Tensor:
    """Return all elements in one axis."""
    return Tensor(ops.reshape(as_node(x), (-1,)))


def batch_flatten(x: Any) -> Tensor:
    """Return a matrix: the elements of each sample in one axis."""
    n = as_node(x)
    features: Dim = 1
    for dim in n.shape[1:]:
        features = features * dim
    return Tensor(ops.reshape(n, (n.shape[0], features)))


@legacy_shape_function_support
def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """Return x with a new axis of size 1."""
    return Tensor(ops.expand_dims(as_node(x), axis))


def squeeze(x: Any, axis: int) -> Tensor:
    """Return x without the axis, whose size must be 1."""
    return Tensor(ops.squeeze(as_node(x), axis))


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Tensor:
    """Return (batch, steps, features) with zeros before and after the steps."""
    return Tensor(ops.pad(as_node(x), ((0, 0), tuple(padding), (0, 0))))


@legacy_image_function_support
def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Tensor:
    """Return images with zeros around their rows and columns; a width alone is that of both sides."""
    return _spatial_padding(x, padding, data_format)


@legacy_image_function_support
def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Tensor:
    """Return volumes with zeros around their three axes of space; a width alone is that of both sides."""
    return _spatial_padding(x, padding, data_format)


def _spatial_padding(x: Any, padding: Any, data_format: str | None) -> Tensor:
    pattern = ((0, 0), *((p, p) if isinstance(p, int) else tuple(p) for p in padding), (0, 0))
    axes = tuple(range(1, len(padding) + 1))
    return Tensor(ops.pad(as_node(x), transpose_shape(pattern, normalize_data_format(data_format), axes)))


def reverse(x: Any, axes: int | Sequence[int]) -> Tensor:
    """Return x with the elements along the axes in reverse order."""
    return Tensor(ops.flip(as_node(x), (axes,) if isinstance(axes, int) else tuple(axes)))


flip = reverse  # NumPy's name


def pad(x: Any, widths: Any, value: float = 0.0) -> Tensor:
    """Return x with (before, after) elements of this value added to each axis."""
    return Tensor(ops.pad(as_node(x), tuple(as_dims(pair) for pair in widths), value))


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return x cut along the axis: into so many equal parts, or into parts of the sizes given."""
    parts = ops.split(as_node(x), sections if isinstance(sections, int) else as_dims(sections), axis)
    return [Tensor(part) for part in parts]


def slice(x: Any, start: Sequence[int], size: Sequence[int]) -> Tensor:
    """Return the block that starts at `start` and has `size` elements along each axis (-1: to the end)."""
    key = tuple(
        builtins.slice(begin, None if count == -1 else begin + count)
        for begin, count in zip(as_dims(start), as_dims(size))
    )
    return Tensor(ops.get_item(as_node(x), key))
