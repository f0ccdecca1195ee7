"""What Keras keeps for a session: unique names, the scope of names, the learning phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import graphc
from graphc.errors import OptionError
from graphc.keras.backend import phase
from graphc.keras.backend.tensor import Tensor
from graphc.keras.utils.location import located

_uids: defaultdict[str, int] = defaultdict(int)
_scopes: list[str] = []
_session: dict[str, Any] = {"phase": None}
# What `tf_session` has compiled, by what was fetched, updated and fed.
programs: dict[tuple[Any, ...], Any] = {}


def backend() -> str:
    """Return the name of the backend: `"graphc"`."""
    return "graphc"


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, 3, ... at each call with this prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


def reset_uids() -> None:
    """Make `get_uid` start again at 1."""
    _uids.clear()


def clear_session() -> None:
    """Forget unique names, the learning phase and the session's programs: the next model is named as the first was."""
    reset_uids()
    programs.clear()
    _session["phase"] = None


def manual_variable_initialization(value: bool) -> None:
    """Do nothing: variables hold their first value from the moment they are made. Kept for scripts that call it."""


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Prefix the names of variables made in the block with `name/`; scopes nest."""
    _scopes.append(name)
    try:
        yield "/".join(_scopes) + "/"
    finally:
        _scopes.pop()


def scoped_name(name: str | None, default: str) -> str:
    """Return the name a new variable or placeholder gets: scope, name (a fresh default for None) and `:0`."""
    if name is None:
        count = get_uid(default) - 1
        name = f"{default}_{count}" if count else default
    return "/".join([*_scopes, name]) + ":0"


def learning_phase() -> Any:
    """Return the learning phase: a uint8 scalar tensor (0 test, 1 training), or the int that was set."""
    if _session["phase"] is None:
        node = graphc.placeholder((), "uint8", "keras_learning_phase")
        phase.register(node)
        _session["phase"] = Tensor(node, "keras_learning_phase:0")
    return _session["phase"]


def set_learning_phase(value: int) -> None:
    """Fix the learning phase of graphs built from now on at 0 or 1. Raises OptionError for others."""
    if value not in (0, 1):
        raise OptionError(located(f"Expected learning phase to be 0 or 1. Received: {value}"))
    _session["phase"] = int(value)


def is_on(value: Any) -> bool | None:
    """Return a fixed phase (1, True, 0, False) as a bool, None where it is a tensor."""
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return bool(value)
    return None
