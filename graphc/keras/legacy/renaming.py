"""The decorator that lets a Keras 2 callable take Keras 1 argument names, warning with the new spelling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from graphc.errors import DTypeError, UsageError
from graphc.keras.utils.location import located, warn

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
# The arguments, and the (new, old) names that were replaced.
Rewritten = tuple[tuple[Any, ...], dict[str, Any], list[tuple[str, str]]]
Rewrite = Callable[[tuple[Any, ...], dict[str, Any]], Rewritten]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class DuplicateArgumentError(DTypeError):
    """An argument was given under its Keras 1 and its Keras 2 name."""


def generate_legacy_interface(
    allowed_positional_args: Sequence[str] | None = None,
    conversions: Sequence[tuple[str, str]] = (),
    preprocessor: Rewrite | None = None,
    value_conversions: Mapping[str, Mapping[Any, Any]] | None = None,
    object_type: str = "class",
) -> Callable[[Decorated], Decorated]:
    """Return a decorator that lets what it decorates accept old arguments.

    `object_type` is "class" for a constructor, "method" or "function".

    - `allowed_positional_args`: the arguments that may be given by position; more raise TypeError (None: any).
    - `conversions`: (old name, new name) pairs. An old name warns; both names at once raise TypeError.
    - `value_conversions`: argument -> {old value: new value}, before renaming.
    - `preprocessor(args, kwargs)` returns both rewritten, and the (new, old) names it replaced.
    """

    def decorate(function: Decorated) -> Decorated:
        @functools.wraps(function)
        def accept(*args: Any, **kwargs: Any) -> Any:
            name = type(args[0]).__name__ if object_type == "class" else function.__name__
            replaced: list[tuple[str, str]] = []
            if preprocessor is not None:
                args, kwargs, replaced = preprocessor(args, kwargs)
            if allowed_positional_args is not None and len(args) > len(allowed_positional_args) + 1:
                raise UsageError(
                    located(
                        f"`{name}` can accept only {len(allowed_positional_args)} positional arguments "
                        f"{tuple(allowed_positional_args)}, but you passed: {list(args[1:])}"
                    )
                )
            for argument, values in (value_conversions or {}).items():
                if argument in kwargs and kwargs[argument] in values:
                    kwargs[argument] = values[kwargs[argument]]
            for old, new in conversions:
                if old in kwargs:
                    if new in kwargs:
                        raise_duplicate_arg_error(old, new)
                    kwargs[new] = kwargs.pop(old)
                    replaced.append((new, old))
            if replaced:
                warn_of_old_names(name, replaced, args if object_type == "function" else args[1:], kwargs)
            return function(*args, **kwargs)

        return cast(Decorated, accept)

    return decorate


def raise_duplicate_arg_error(old_arg: str, new_arg: str) -> None:
    """Raise TypeError: the argument came under both names."""
    raise DuplicateArgumentError(
        located(f"`{old_arg}` is the Keras 1 name of `{new_arg}`, and both were given. Use `{new_arg}` alone.")
    )


def warn_of_old_names(
    name: str, replaced: Sequence[tuple[str, str]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Warn (UserWarning) that Keras 1 names were used, and show the call in Keras 2 spelling."""
    names = ", ".join(f"`{new}` for `{old}`" for new, old in replaced)
    call = ", ".join([*map(_shown, args), *(f"{key}={_shown(value)}" for key, value in kwargs.items())])
    warn(f"Update your `{name}` call to the Keras 2 API ({names}): `{name}({call})`")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    text = "array" if isinstance(value, np.ndarray) else str(value)
    return text if len(text) <= 10 else f"{text[:10]}..."
