"""How many weights may be made: while a model file is read, as many as the file can hold values for."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

from graphc.errors import ExecutionError

_left: ContextVar[list[int] | None] = ContextVar("weights_left", default=None)


@contextlib.contextmanager
def allowed_weights(count: int) -> Iterator[None]:
    """Let the layers built in this block make `count` scalars of weights, and no more."""
    token = _left.set([count])
    try:
        yield
    finally:
        _left.reset(token)


def spend_weights(shape: Sequence[int], name: str | None) -> None:
    """Account for a weight before it is made. Raises ExecutionError where it is more than the block allows."""
    left = _left.get()
    if left is None:
        return
    left[0] -= math.prod(int(size) for size in shape)
    if left[0] < 0:
        raise ExecutionError(f"weight {name} of shape {tuple(shape)} is larger than the file that declares it can fill")
