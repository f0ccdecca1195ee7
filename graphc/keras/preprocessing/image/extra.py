"""The packages of the extra `image`, loaded when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from graphc.errors import GraphcError
from graphc.keras.utils.location import located


class MissingExtraError(GraphcError, ImportError):
    """A package is needed that graphc does not install by itself."""


def load(module: str, package: str, purpose: str) -> Any:
    """Return an optional module. Raises MissingExtraError, which says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{purpose} needs {package}, which is not installed: pip install 'graphc[image]'"
        raise MissingExtraError(located(message)) from error
