"""Mistakes as a user makes them: each is told in words, mostly with the line of the script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphc.errors import GraphcError

Mistakes = list[tuple[Callable[[], Any], type[GraphcError], str]]


def assert_told(mistake: Callable[[], Any], error: type[GraphcError], message: str, line: str = "") -> None:
    """Assert that a mistake raises this error, with these words in it and `line`, a file's name with a colon behind."""
    with pytest.raises(error) as caught:
        mistake()
    assert message in str(caught.value)
    assert line in str(caught.value)
