"""Records: immutable values with named fields, like dataclasses that are frozen and have slots, but quickly made.

For each such class `dataclasses` writes and compiles the text of six methods: half a millisecond, and there are over a
hundred. Here a class has three of its own, each of which is written when it is first called, and many never are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = True, uncompared: Sequence[str] = ()) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True)
def record(cls: Any = None, /, *, eq: bool = True, uncompared: Sequence[str] = ()) -> Any:
    """Make a class a record: its annotations, after those of the record it derives from, are the fields.

    They are the parameters of `__init__`, which then calls `__post_init__` where there is one. Records of one class are
    equal where their fields are, but for those that are `uncompared`; without `eq` only to themselves. Setting a field
    raises AttributeError. Annotations must be texts (`from __future__ import annotations`); ClassVars are no fields.
    """
    if cls is None:
        return lambda described: _make_record(described, eq, uncompared)
    return _make_record(cls, eq, uncompared)


def replace(old: T, /, **changes: Any) -> T:
    """Return a record with the fields of `old`, but for the changes."""
    return type(old)(**(as_dict(old) | changes))


def as_dict(value: Any) -> dict[str, Any]:
    """Return the fields of a record by their names."""
    return {name: getattr(value, name) for name in value.__match_args__}


def _make_record(described: Any, eq: bool, uncompared: Sequence[str]) -> Any:
    """Return the class anew, since slots are laid out when a class is made."""
    own = tuple(n for n, kind in described.__annotations__.items() if not kind.startswith("ClassVar["))
    names = (*getattr(described, "__match_args__", ()), *own)
    defaults = {**getattr(described, "_defaults", {}), **{n: vars(described)[n] for n in own if n in vars(described)}}
    kept = {n: value for n, value in vars(described).items() if n not in {*own, "__dict__", "__weakref__"}}
    facts = {"__slots__": own, "__match_args__": names, "_defaults": defaults}

    def writing(method: str) -> Callable[..., Any]:
        def write_and_call(self: Any, *arguments: Any, **named: Any) -> Any:
            written = _written_method(cls, method, [n for n in names if n not in uncompared])
            type.__setattr__(cls, method, written)
            return written(self, *arguments, **named)

        return write_and_call

    methods = {m: writing(m) for m in (("__init__", "__eq__", "__hash__") if eq else ("__init__",)) if m not in kept}
    cls: Any = type(described)(described.__name__, described.__bases__, _SHARED | methods | kept | facts)
    return cls


def _written_method(cls: Any, method: str, compared: Sequence[str]) -> Callable[..., Any]:
    names, defaults = cls.__match_args__, cls._defaults
    mine, theirs = ("".join(f"{who}.{n}, " for n in compared) for who in ("self", "other"))
    if method == "__init__":
        parameters = ", ".join(f"{n}=_defaults[{n!r}]" if n in defaults else n for n in names)
        checks = [" self.__post_init__()"] if hasattr(cls, "__post_init__") else []
        lines = [f"def __init__(self, {parameters}):", *(f" _set_{n}(self, {n})" for n in names), *checks]
    elif method == "__eq__":
        same = f"({mine}) == ({theirs})"
        lines = ["def __eq__(self, other):", f" return {same} if self.__class__ is other.__class__ else NotImplemented"]
    else:
        lines = ["def __hash__(self):", f" return hash(({mine}))"]
    # A slot's own setter does not ask `__setattr__`.
    namespace = {f"_set_{n}": getattr(cls, n).__set__ for n in names} | {"_defaults": defaults}
    exec("\n".join(lines), namespace)
    written: Callable[..., Any] = namespace[method]
    return written


def _text(self: Any) -> str:
    fields = ", ".join(f"{name}={value!r}" for name, value in as_dict(self).items())
    return f"{type(self).__qualname__}({fields})"


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise AttributeError(f"records are immutable; '{name}' of {type(self).__name__} cannot be changed")


def _reduce(self: Any) -> tuple[Any, ...]:
    return type(self), tuple(as_dict(self).values())


_SHARED = {"__repr__": _text, "__setattr__": _refuse, "__delattr__": _refuse, "__reduce__": _reduce}
