"""Custom objects, serialization of configured objects and functions, and small list and shape functions."""

from __future__ import annotations

import codecs
import inspect
import marshal
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import OptionError
from graphc.keras.utils.location import located
from graphc.keras.utils.progbar import Progbar

__all__ = [
    "CustomObjectScope", "Progbar", "custom_object_scope", "deserialize_keras_object", "func_dump", "func_load",
    "get_custom_objects", "has_arg", "is_all_none", "object_list_uid", "plain_integers", "serialize_keras_object",
    "slice_arrays", "to_list", "transpose_shape", "unpack_singleton",
]  # fmt: skip

_custom_objects: dict[str, Any] = {}


class CustomObjectScope:
    """Within the `with` block, the names of the given dicts can be used wherever Keras looks an object up."""

    def __init__(self, *args: Mapping[str, Any]) -> None:
        self.custom_objects = args
        self.backup: dict[str, Any] = {}

    def __enter__(self) -> CustomObjectScope:
        self.backup = _custom_objects.copy()
        for objects in self.custom_objects:
            _custom_objects.update(objects)
        return self

    def __exit__(self, *args: object) -> None:
        _custom_objects.clear()
        _custom_objects.update(self.backup)


def custom_object_scope(*args: Mapping[str, Any]) -> CustomObjectScope:
    """Return a `CustomObjectScope` of the dicts."""
    return CustomObjectScope(*args)


def get_custom_objects() -> dict[str, Any]:
    """Return the dict of custom objects known everywhere; it may be changed."""
    return _custom_objects


def serialize_keras_object(instance: Any) -> Any:
    """Return {class_name, config} of an object with `get_config`, the name of a function, None for None.

    Raises OptionError for others.
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": type(instance).__name__, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise OptionError(located(f"Cannot serialize {instance!r}: it has neither `get_config` nor a name"))


def object_of(identifier: Any, deserialize: Callable[[Any], Any], what: str, by_name: bool = False) -> Any:
    """Return what an identifier stands for: a config or a name is given to `deserialize`, a callable is itself.

    A name means the class of that name with its defaults; with `by_name`, the object of that name. Raises OptionError
    for others.
    """
    if isinstance(identifier, str) and not by_name:
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise OptionError(located(f"Could not interpret {what} identifier: {identifier!r}"))


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Return the object of a config ({class_name, config}), or the function of a name.

    Names are looked up among `custom_objects`, those of the open scopes, then `module_objects`. Raises OptionError for
    an unknown name or a malformed config.
    """
    if isinstance(identifier, str):
        return _find(identifier, module_objects, custom_objects, printable_module_name)
    if not isinstance(identifier, dict):
        raise OptionError(located(f"Could not interpret serialized {printable_module_name}: {identifier!r}"))
    if "class_name" not in identifier or "config" not in identifier:
        raise OptionError(located(f"Improper config format: {identifier}"))
    made_by = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
    config = identifier["config"]
    own = dict(custom_objects or {})
    if hasattr(made_by, "from_config") and has_arg(made_by.from_config, "custom_objects"):
        return made_by.from_config(config, custom_objects={**_custom_objects, **own})
    with CustomObjectScope(own):
        return made_by.from_config(config) if hasattr(made_by, "from_config") else made_by(**config)


def _find(
    name: str, module_objects: Mapping[str, Any] | None, custom_objects: Mapping[str, Any] | None, what: str
) -> Any:
    for table in (custom_objects, _custom_objects):
        if table and table.get(name) is not None:
            return table[name]
    if module_objects and _is_offered(name, module_objects):
        return module_objects[name]
    raise OptionError(located(f"Unknown {what}: {name}. Pass it in `custom_objects` if it is your own"))


def _is_offered(name: str, module_objects: Mapping[str, Any]) -> bool:
    """Whether a table has the name; of a module of ours, what it defines itself, not what it works with."""
    value = module_objects.get(name)
    owner = str(module_objects.get("__name__", ""))
    if value is None or not owner.startswith("graphc.keras."):
        return value is not None
    home = getattr(value, "__module__", None) or ""
    is_tool = name.startswith("_") or name in ("get", "serialize", "deserialize")
    is_ours = home.startswith("graphc.keras.") and not home.startswith(("graphc.keras.utils.", "graphc.keras.backend"))
    return callable(value) and is_ours and not is_tool


def func_dump(func: Callable[..., Any]) -> tuple[str, Any, Any]:
    """Return a function as (code in base64, defaults, closure values)."""
    code = codecs.encode(marshal.dumps(func.__code__), "base64").decode("ascii")
    closure = tuple(c.cell_contents for c in func.__closure__) if func.__closure__ else None
    return code, func.__defaults__, closure


def func_load(code: Any, defaults: Any = None, closure: Any = None, globs: dict[str, Any] | None = None) -> Any:
    """Return the function that `func_dump` wrote; `globs` are the names that its body sees."""
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
        defaults = tuple(defaults) if isinstance(defaults, list) else defaults
    if closure is not None:
        closure = tuple(v if isinstance(v, types.CellType) else types.CellType(v) for v in closure)
    try:
        body = marshal.loads(codecs.decode(code.encode("ascii"), "base64"))
    except (UnicodeEncodeError, ValueError):
        body = marshal.loads(code.encode("raw_unicode_escape"))  # written before Keras 2.1.2
    return types.FunctionType(body, globals() if globs is None else globs, body.co_name, defaults, closure)


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Tell whether `fn` can be called with the keyword `name`; `accept_all`: `**kwargs` counts as a yes."""
    parameters = _parameters(fn)
    if name not in parameters:
        return accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return parameters[name].kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


_known_parameters: weakref.WeakKeyDictionary[Any, Mapping[str, inspect.Parameter]] = weakref.WeakKeyDictionary()


def _parameters(fn: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a callable; those of methods are remembered, since each layer asks for the same."""
    function = getattr(fn, "__func__", None)
    if function is None:
        return inspect.signature(fn).parameters
    if function not in _known_parameters:
        _known_parameters[function] = inspect.signature(fn).parameters
    return _known_parameters[function]


def to_list(x: Any, allow_tuple: bool = False) -> list[Any]:
    """Return a list as it is and anything else in a list; with `allow_tuple`, a tuple as a list."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Any) -> Any:
    """Return the element of a list of one, and other lists as they are."""
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list: Any) -> str:
    """Return a string that tells lists of objects apart, by identity."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element: Any) -> bool:
    """Tell whether the element, or each element of the list or tuple, is None."""
    return all(element is None for element in to_list(iterable_or_element, allow_tuple=True))


def plain_integers(value: Any) -> Any:
    """Return NumPy's integers as Python's, in tuples, lists and dicts too; anything else as it is."""
    if isinstance(value, np.integer):
        return int(value)
    if type(value) in (tuple, list):
        plain = [plain_integers(item) for item in value]
        is_same = all(a is b for a, b in zip(plain, value))
        return value if is_same else type(value)(plain)
    return {name: plain_integers(item) for name, item in value.items()} if type(value) is dict else value


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Return rows `start:stop`, or the rows at the positions `start`, of an array or of each array of a list.

    None stays None.
    """
    positions = start.tolist() if hasattr(start, "shape") else start
    if arrays is None:
        return [None]
    if isinstance(arrays, list):
        return [_rows(x, positions, stop) for x in arrays]
    return _rows(arrays, positions, stop)


def _rows(x: Any, start: Any, stop: int | None) -> Any:
    if x is None:
        return None
    return x[start] if hasattr(start, "__len__") else x[start:stop]


def transpose_shape(shape: Sequence[Any], target_format: str, spatial_axes: Sequence[int]) -> Any:
    """Return a channels_last shape (or list of pairs) in the order of `target_format`; a list stays a list.

    `spatial_axes` are the axes of space. Raises OptionError for an unknown format.
    """
    if target_format == "channels_last":
        return shape
    if target_format != "channels_first":
        raise OptionError(
            located(
                'The `data_format` argument must be one of "channels_first", "channels_last". '
                f"Received: {target_format}"
            )
        )
    moved = (*shape[: spatial_axes[0]], shape[-1], *(shape[x] for x in spatial_axes))
    return list(moved) if isinstance(shape, list) else moved
