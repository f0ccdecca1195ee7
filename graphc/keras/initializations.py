"""Keras 1's initialisers: functions of a shape that return variables. Their formulas are those of `initializers`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import OptionError
from graphc.keras import backend as K
from graphc.keras import initializers
from graphc.keras.utils.location import located

__all__ = [
    "get", "get_fans", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_uniform",
    "normal", "one", "orthogonal", "uniform", "zero",
]  # fmt: skip

Shape = Sequence[int]


def get_fans(shape: Shape, dim_ordering: str = "tf") -> tuple[float, float]:
    """Return (fan in, fan out) of a weight; kernels of `th` hold their filters first. Raises OptionError for others."""
    formats = {"tf": "channels_last", "th": "channels_first"}
    if dim_ordering not in formats:
        raise OptionError(located(f"Unknown dim_ordering: {dim_ordering}"))
    return initializers._compute_fans(shape, formats[dim_ordering])


def uniform(shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of numbers uniform in [-scale, scale)."""
    return K.variable(initializers.RandomUniform(-scale, scale)(shape), name=name)


def normal(shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of normal numbers of standard deviation `scale`."""
    return K.variable(initializers.RandomNormal(0.0, scale)(shape), name=name)


def orthogonal(shape: Shape, scale: float = 1.1, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of orthonormal rows or columns times `scale`."""
    return K.variable(initializers.Orthogonal(scale)(shape), name=name)


def identity(shape: Shape, scale: float = 1, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of `scale` on the diagonal. Raises OptionError where it is not square."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise OptionError(located(f"The identity initialises square matrices, not weights of shape {tuple(shape)}"))
    return K.variable(initializers.Identity(scale)(shape), name=name)


def zero(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of zeros."""
    return K.zeros(shape, name=name)


def one(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Any:
    """Return a variable of ones."""
    return K.ones(shape, name=name)


def _by_fans(name: str, spread: Callable[[float, float], tuple[str, float]]) -> Callable[..., Any]:
    """Return the initialiser of this name; `spread(fan in, fan out)` is uniform or normal, and its scale."""

    def initialise(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Any:
        kind, scale = spread(*get_fans(shape, dim_ordering))
        return {"uniform": uniform, "normal": normal}[kind](shape, scale, name)

    initialise.__name__ = initialise.__qualname__ = name
    return initialise


lecun_uniform = _by_fans("lecun_uniform", lambda fan_in, fan_out: ("uniform", (3.0 / fan_in) ** 0.5))
glorot_uniform = _by_fans("glorot_uniform", lambda fan_in, fan_out: ("uniform", (6.0 / (fan_in + fan_out)) ** 0.5))
glorot_normal = _by_fans("glorot_normal", lambda fan_in, fan_out: ("normal", (2.0 / (fan_in + fan_out)) ** 0.5))
he_uniform = _by_fans("he_uniform", lambda fan_in, fan_out: ("uniform", (6.0 / fan_in) ** 0.5))
he_normal = _by_fans("he_normal", lambda fan_in, fan_out: ("normal", (2.0 / fan_in) ** 0.5))


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return the initialiser of a name; a callable is itself. Raises OptionError for others.

    The keyword arguments are Keras 1's, and have no effect.
    """
    if callable(identifier):
        return identifier
    names = {name for name in __all__ if not name.startswith("get")}
    if identifier not in names:
        raise OptionError(located(f"Invalid initialization: {identifier}; there are {', '.join(sorted(names))}"))
    return globals()[identifier]
