"""Functions as parts of a layer's config: the code of lambdas and functions, the name of other callables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any
from weakref import WeakValueDictionary

from graphc.errors import GraphError, UsageError
from graphc.keras.utils.generic_utils import deserialize_keras_object, func_dump, get_custom_objects
from graphc.keras.utils.location import located

# The functions that this process wrote down, by what it wrote.
_written: WeakValueDictionary[str, FunctionType] = WeakValueDictionary()


class UnknownFunctionError(GraphError):
    """A config has the code of a function, and nobody gave the function."""


def function_to_config(function: Callable[..., Any]) -> tuple[Any, str]:
    """Return what a config holds for a callable, and the kind of it: "lambda" (its code) or "function" (its name)."""
    if isinstance(function, FunctionType):
        dumped = func_dump(function)
        _written[_key(dumped)] = function
        return dumped, "lambda"
    return getattr(function, "__name__", type(function).__name__), "function"


def function_from_config(value: Any, kind: str, owner: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the callable of `function_to_config`'s result, or the value itself where the kind is "raw".

    Code in a config is never run: where it is not that of a function this process wrote down itself, the function
    comes from `custom_objects`, under the name of the layer, `owner`. Raises ValueError for an unknown name or
    function, TypeError for an unknown kind.
    """
    if kind == "raw":
        return value
    if kind == "function":
        return deserialize_keras_object(
            value, module_objects={}, custom_objects=custom_objects, printable_module_name=f"function in {owner}"
        )
    if kind == "lambda":
        given = {**get_custom_objects(), **(custom_objects or {})}.get(owner)
        function = given if callable(given) else _written.get(_key(value))
        if function is None:
            raise UnknownFunctionError(
                located(
                    f"layer {owner} was saved with the code of a function, and code from files is never run. "
                    f"Give the function itself: custom_objects={{{owner!r}: function}}"
                )
            )
        return function
    raise UsageError(located(f"Unknown function type in the config of a {owner}: {kind}"))


def _key(dumped: Any) -> str:
    return json.dumps(dumped, default=repr)
