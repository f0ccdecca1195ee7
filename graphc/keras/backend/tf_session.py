"""The session of scripts that ask TensorFlow for values: `K.get_session().run(tensors, feed_dict)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from graphc.errors import DTypeError
from graphc.keras.backend.function import Function, function
from graphc.keras.backend.session import programs
from graphc.keras.backend.tensor import Initialization, Tensor
from graphc.keras.backend.variables import Update
from graphc.keras.utils.location import located

_KEPT_PROGRAMS = 64


class Session:
    """Computes tensors by compiled functions; programs are kept for the next call with the same tensors.

    There is one, and no state in it: variables hold their own values, and closing it does nothing. `clear_session`
    drops the programs.
    """

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Return the values of `fetches`: a tensor, or a list, tuple or dict of them, however nested.

        `feed_dict` maps tensors, the learning phase among them, to values. An update (`K.update`) is done, and a
        variable's `initializer` draws its first value again; for both the result holds None. Raises DTypeError (a
        TypeError) for what is none of this.
        """
        leaves: list[Any] = []
        _gather(fetches, leaves)
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        updates = [x for x in leaves if isinstance(x, Update)]
        fed = dict(feed_dict or {})
        values = iter(_program(fed, tensors, updates)(list(fed.values())) if tensors or updates else ())
        for x in leaves:
            if isinstance(x, Initialization):
                x.run()
        return _filled(fetches, iter([next(values) if isinstance(x, Tensor) else None for x in leaves]))

    def close(self) -> None:
        """Do nothing: variables live as long as they are used."""

    @contextmanager
    def as_default(self) -> Iterator[Session]:
        """Do nothing around the block: there is one session."""
        yield self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


_session = Session()


def get_session() -> Session:
    """Return the session."""
    return _session


def set_session(session: Any) -> None:
    """Do nothing: a session configures TensorFlow, which does not compute here. Kept for scripts that call it."""


def _program(fed: Mapping[Any, Any], tensors: Sequence[Tensor], updates: Sequence[Update]) -> Function:
    key = (tuple(fed), tuple(tensors), tuple(updates))
    if key not in programs:
        if len(programs) == _KEPT_PROGRAMS:
            del programs[next(iter(programs))]
        programs[key] = function(list(fed), tensors, updates)
    program: Function = programs[key]
    return program


def _gather(fetches: Any, leaves: list[Any]) -> None:
    """Append what a structure of fetches holds to `leaves`, in order."""
    if isinstance(fetches, (Tensor, Update, Initialization)):
        leaves.append(fetches)
    elif isinstance(fetches, (list, tuple)):
        for x in fetches:
            _gather(x, leaves)
    elif isinstance(fetches, Mapping):
        _gather(list(fetches.values()), leaves)
    else:
        raise DTypeError(
            located(
                f"the session computes tensors, variables and updates of graphc.keras, and structures of them; "
                f"{fetches!r} is none"
            )
        )


def _filled(fetches: Any, values: Iterator[Any]) -> Any:
    """Return the structure of fetches with `values` in their places."""
    if isinstance(fetches, (Tensor, Update, Initialization)):
        return next(values)
    if isinstance(fetches, Mapping):
        return {name: _filled(x, values) for name, x in fetches.items()}
    filled = [_filled(x, values) for x in fetches]
    return filled if isinstance(fetches, list) else tuple(filled)
