"""TensorType: the shape and dtype of a node; and the equalities between dims that shape rules assume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from graphc.dtypes import TABLE
from graphc.errors import DTypeError, ShapeError
from graphc.records import record
from graphc.symbolic import Dim, FloorDiv, Modulo, Polynomial, atoms, floordiv, is_nonnegative, product


@record
class TensorType:
    """A fixed-rank shape of dims (ints or symbols) and a dtype name."""

    shape: tuple[Dim, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in TABLE:
            raise DTypeError(f"dtype {self.dtype!r} is not one of {', '.join(TABLE)}")
        for dim in self.shape:
            if isinstance(dim, int) and dim < 0:
                raise ShapeError(f"a dimension cannot be negative: {self}")

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


_assumed: ContextVar[list[tuple[Dim, Dim]] | None] = ContextVar("assumed", default=None)


@contextmanager
def recording_equalities() -> Iterator[list[tuple[Dim, Dim]]]:
    """Collect the pairs of dims that shape rules assume equal while the block runs."""
    pairs: list[tuple[Dim, Dim]] = []
    token = _assumed.set(pairs)
    try:
        yield pairs
    finally:
        _assumed.reset(token)


def same_dim(a: Dim, b: Dim, what: str) -> Dim:
    """Return the dim that a and b both are: an int where one is known, else `a`, recording that they are equal.

    Raises ShapeError with `what` where both are known and differ.
    """
    if a == b:
        return a
    if isinstance(a, int) and isinstance(b, int):
        raise ShapeError(f"{what}: {a} and {b} differ")
    pairs = _assumed.get()
    if pairs is not None:
        pairs.append((a, b))
    return a if isinstance(a, int) or not isinstance(b, int) else b


def require_at_least(a: Dim, b: Dim, what: str) -> None:
    """Record that a >= b where the algebra does not show it. Raises ShapeError with `what` where a < b is known.

    Differences that subtract quotients are taken to have been rounded so that they hold.
    """
    difference = a - b
    if isinstance(difference, int):
        if difference < 0:
            raise ShapeError(f"{what}: {b} > {a}")
        return
    larger = Polynomial({m: c for m, c in difference.terms.items() if c > 0}) + 0
    smaller = larger - difference
    if is_nonnegative(difference) or any(isinstance(atom, (FloorDiv, Modulo)) for atom in atoms(smaller)):
        return
    # As an equality, which calls check when the sizes are known: of two nonnegative numbers, s // (l + 1) is 0 only
    # where l >= s.
    same_dim(floordiv(smaller, larger + 1), 0, what)


def broadcast_dims(a: Dim, b: Dim, what: str) -> Dim:
    """Return the NumPy broadcast of two dims. A symbol never broadcasts: it is assumed equal to what it meets."""
    if a == 1:
        return b
    if b == 1:
        return a
    return same_dim(a, b, what)


def broadcast_shapes(*shapes: tuple[Dim, ...], what: str = "cannot broadcast") -> tuple[Dim, ...]:
    """Return the NumPy broadcast of the shapes. Raises ShapeError naming all of them where they do not fit."""
    first = shapes[0] if shapes else ()
    if all(shape == first for shape in shapes):
        return first
    rank = max(map(len, shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for position, dim in enumerate(shape, rank - len(shape)):
            if dim == 1 or dim == result[position]:
                continue
            if result[position] != 1:
                # The text is made only where it may be needed: most broadcasts never get here.
                text = f"{what} shapes {' and '.join(shape_text(s) for s in shapes)}"
                dim = same_dim(result[position], dim, text)
            result[position] = dim
    return tuple(result)


def shape_text(shape: tuple[Dim, ...]) -> str:
    """Return `(batch, 3)`."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
