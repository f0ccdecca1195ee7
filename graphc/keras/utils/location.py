"""The user's source line, for error messages."""

from __future__ import annotations

from graphc import graph


def located(message: str) -> str:
    """Return `message` followed by ` [file:line]` of the user's code that led here, where there is any."""
    source = graph.current_provenance().place
    return f"{message} [{source}]" if source else message
