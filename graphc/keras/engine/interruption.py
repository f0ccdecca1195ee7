"""Ctrl-C during training: held back while a step runs, so that it comes between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interruption:
    """Within the `with` block, Ctrl-C raises KeyboardInterrupt at once, but at the end of a `held()` block.

    A second Ctrl-C does not wait. Threads other than the main one, and programs with a handler of their own for
    SIGINT, are left as they are.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._is_pending = False
        self._previous: Any = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is not threading.main_thread():
            return self
        handler = signal.getsignal(signal.SIGINT)
        # Training inside a callback of another training takes over until it is done.
        if handler is signal.default_int_handler or isinstance(getattr(handler, "__self__", None), Interruption):
            self._previous = handler
            signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, *args: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _receive(self, *args: object) -> None:
        if not self._is_held or self._is_pending:
            raise KeyboardInterrupt
        self._is_pending = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Finish the block before a Ctrl-C comes through."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            if self._is_pending:
                self._is_pending = False
                raise KeyboardInterrupt
