"""Arguments as a caller gives them, to arrays as a compiled program takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc import dtypes, symbolic
from graphc.errors import DTypeError, ExecutionError, ShapeError
from graphc.loopir import Argument, Interface, Requirement, size_sources
from graphc.symbolic import Dim, FloorDiv, Symbol

Array = np.ndarray[Any, Any]


def convert_arguments(interface: Interface, arrays: Sequence[Any], name: str) -> list[Array]:
    """Return the arguments as contiguous arrays of the program's dtypes and shapes; those that fit are not copied.

    An array may be cast where no value is lost but precision (int32 to float32, float64 to float32); Python numbers
    and sequences of them take the dtype that is wanted. Raises ExecutionError for a wrong count, DTypeError and
    ShapeError for an argument that does not fit, with its name and what was expected.
    """
    check_count(interface, arrays, name)
    converted = [
        convert_array(value, argument, describe(position, argument, name))
        for position, (argument, value) in enumerate(zip(interface.arguments, arrays))
    ]
    bind_sizes(interface, [array.shape for array in converted], name)
    return converted


def check_count(interface: Interface, arrays: Sequence[Any], name: str) -> None:
    """Raise ExecutionError where there are not as many arrays as arguments."""
    if len(arrays) != len(interface.arguments):
        wanted = ", ".join(f"'{argument.name}'" for argument in interface.arguments) or "none"
        raise ExecutionError(f"{name} takes {len(interface.arguments)} arrays ({wanted}); got {len(arrays)}")


def convert_array(value: Any, argument: Argument, what: str) -> Array:
    """Return a value as a contiguous, aligned array of the argument's dtype. Raises DTypeError, as `what`."""
    dtype = dtypes.numpy_dtype(argument.dtype)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{what}: {error}") from None
    if array.dtype != dtype:
        array = _cast(array, argument.dtype, weak=not hasattr(value, "dtype"), what=what)
    array = np.require(array, dtype, ("C_CONTIGUOUS", "ALIGNED"))
    # One dtype can have several descriptors (long and long long): the compiled program knows one of them.
    return array if array.dtype is dtype else array.view(dtype)


def _cast(array: Array, wanted: str, weak: bool, what: str) -> Array:
    if array.dtype == object or array.dtype.kind not in "biufV":
        raise DTypeError(f"{what} holds {array.dtype}; expected numbers of dtype {wanted}")
    given = dtypes.canonical(array.dtype)
    if dtypes.can_cast_safely(given, wanted):
        return array.astype(dtypes.numpy_dtype(wanted))
    cast = array.astype(dtypes.numpy_dtype(wanted))
    if weak and not dtypes.is_float(given) and np.array_equal(cast, array):
        return cast
    raise DTypeError(f"{what} has dtype {given}, which does not cast safely to {wanted}")


def bind_sizes(interface: Interface, shapes: Sequence[tuple[int, ...]], name: str) -> dict[Symbol, int]:
    """Return a program's sizes for arguments of these shapes. Raises ShapeError where a shape does not fit."""
    for position, (argument, shape) in enumerate(zip(interface.arguments, shapes)):
        if len(shape) != len(argument.shape):
            raise _shape_error(interface, position, shape, {}, name)
    sizes = {s: shapes[position][axis] for s, (position, axis) in size_sources(interface).items()}
    for position, (argument, shape) in enumerate(zip(interface.arguments, shapes)):
        if any(_evaluate(dim, sizes) not in (None, size) for dim, size in zip(argument.shape, shape)):
            raise _shape_error(interface, position, shape, sizes, name)
    for r in interface.requirements:
        if symbolic.evaluate(r.left, sizes) != symbolic.evaluate(r.right, sizes):
            raise ShapeError(f"{name}: {r.origin} needs {_unmet(r, sizes)}")
    return sizes


def _unmet(r: Requirement, sizes: Mapping[Symbol, int]) -> str:
    """Return what a requirement asks for, and what the sizes make of it."""
    match symbolic.bare_atom(r.left):
        case FloorDiv(least, divisor) if r.right == 0:
            # A quotient is 0 where the divisor is larger: so is it written that a size must reach another.
            size = divisor - 1
            return f"{size} to be at least {least}; the arguments make it {symbolic.evaluate(size, sizes)}"
    left, right = symbolic.evaluate(r.left, sizes), symbolic.evaluate(r.right, sizes)
    return f"{r.left} to be {r.right}; the arguments make them {left} and {right}"


def _evaluate(dim: Dim, sizes: Mapping[Symbol, int]) -> int | None:
    """Return a dim's value; None where the sizes at hand do not give it."""
    known = all(s in sizes for s in symbolic.symbols(dim))
    return symbolic.evaluate(dim, sizes) if known else None


def _shape_error(
    interface: Interface, position: int, shape: tuple[int, ...], sizes: Mapping[Symbol, int], name: str
) -> ShapeError:
    argument = interface.arguments[position]
    free = set(size_sources(interface).values())
    dims = [
        "?" if (position, axis) in free or (value := _evaluate(dim, sizes)) is None else str(value)
        for axis, dim in enumerate(argument.shape)
    ]
    expected = f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"
    return ShapeError(f"{describe(position, argument, name)} has shape {shape}; expected {expected}")


def describe(position: int, argument: Argument, name: str) -> str:
    """Return how errors call an argument: its position, its name, the program's, the user's line that made it."""
    origin = f" [{argument.origin}]" if argument.origin else ""
    return f"argument {position} '{argument.name}' of {name}{origin}"
