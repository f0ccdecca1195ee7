"""The packages of the extra `image`, loaded when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from graphc.errors import MissingPackageError
from graphc.keras.utils.location import located


def load(module: str, package: str, purpose: str) -> Any:
    """Return an optional module. Raises MissingPackageError, which says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{purpose} needs {package}, which is not installed: pip install 'graphc[image]'"
        raise MissingPackageError(located(message)) from error
