"""Axes and shapes as users write them, made canonical."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TypeAlias

from graphc.errors import ShapeError
from graphc.symbolic import Dim, Polynomial

Shape: TypeAlias = tuple[Dim, ...]


def as_dim(value: Dim) -> Dim:
    """Return an int (NumPy's too) or a symbolic dim as a Dim. Raises ShapeError for anything else."""
    if isinstance(value, Polynomial):
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise ShapeError(f"a dimension is an integer or a symbol, not {value!r}") from None


def as_shape(shape: Dim | Sequence[Dim]) -> Shape:
    """Return a dim or a sequence of dims as a tuple of Dims."""
    if isinstance(shape, Sequence) or hasattr(shape, "__iter__"):
        return tuple(as_dim(d) for d in shape)
    return (as_dim(shape),)


def normalize_axis(axis: int, rank: int) -> int:
    """Return the axis counted from the front. Raises ShapeError where there is no such axis."""
    position = operator.index(axis)
    if not -rank <= position < rank:
        raise ShapeError(f"axis {axis} is out of range for rank {rank}")
    return position % rank


def normalize_axes(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Return the axes sorted and counted from the front; None means all. Raises ShapeError for one given twice."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, Sequence) or hasattr(axis, "__iter__") else (axis,)
    axes = tuple(sorted(normalize_axis(a, rank) for a in given))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axes {tuple(given)} name one axis twice")
    return axes
