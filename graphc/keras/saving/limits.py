"""JSON and YAML of model files, with bounds on length, depth and repetition."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from graphc.keras.saving.errors import ModelFileError, UnsafeFileError

MAX_TEXT = 64 << 20
_MAX_DEPTH = 200
_MAX_YAML = 16 << 20
_MAX_VALUES = 2_000_000
_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: str | bytes, source: str) -> Any:
    """Return the value of JSON text.

    Raises UnsafeFileError where it is too long or nested too deep for a model, ModelFileError where it is no JSON.
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        if len(text) > MAX_TEXT:
            raise UnsafeFileError(f"{source} is {len(text)} characters long, more than {MAX_TEXT}")
        depth = 0
        for mark in _MARK.finditer(text):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
            if depth > _MAX_DEPTH:
                raise UnsafeFileError(f"{source} is nested deeper than {_MAX_DEPTH}")
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{source} is no JSON: {error}") from error


def parse_yaml(text: str, source: str) -> Any:
    """Return the value of YAML text: plain values, and tuples and NumPy numbers as old versions wrote them.

    Raises UnsafeFileError for other tags, and for text that is too long, too deep, or repeats itself into more;
    ModelFileError where it is no YAML.
    """
    # yaml is slow to import, and few programs read it.
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Plain values, and Python's tuples as lists."""

    tag = "tag:yaml.org,2002:python/"
    Loader.add_constructor(f"{tag}tuple", lambda loader, node: loader.construct_sequence(node, True))
    Loader.add_constructor(f"{tag}object/apply:numpy.dtype", lambda loader, node: loader.construct_mapping(node, True))
    Loader.add_constructor(f"{tag}object/apply:numpy.core.multiarray.scalar", _numpy_scalar)
    if len(text) > _MAX_YAML:
        raise UnsafeFileError(f"{source} is {len(text)} characters long, more than {_MAX_YAML}")
    try:
        value = yaml.load(text, Loader=Loader)
    except yaml.constructor.ConstructorError as error:
        raise UnsafeFileError(f"{source} asks for objects that YAML of a model does not need: {error}") from error
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{source} is no YAML: {error}") from error
    return _unshared(value, source)


def _numpy_scalar(loader: Any, node: Any) -> Any:
    """Return the number that a NumPy scalar's type and bytes say, without making any object of NumPy's."""
    dtype, data = loader.construct_sequence(node, True)
    code = dtype["args"][0]
    if code not in ("i4", "i8", "f4", "f8") or not isinstance(data, bytes) or len(data) != int(code[1]):
        raise ModelFileError(f"a NumPy scalar of type {code!r}")
    return np.frombuffer(data, f"<{code}")[0].item()


def _unshared(value: Any, source: str) -> Any:
    """Return a copy without shared parts. Raises UnsafeFileError where it grows too large or deep by that."""
    left = _MAX_VALUES

    def copied(item: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > _MAX_DEPTH:
            raise UnsafeFileError(f"{source} has too many values, or nests them too deep")
        if isinstance(item, dict):
            return {key: copied(below, depth + 1) for key, below in item.items()}
        if isinstance(item, (list, tuple)):
            return [copied(below, depth + 1) for below in item]
        return item

    return copied(value, 0)
