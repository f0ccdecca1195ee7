"""The programs that were built with clocks because a flag asked for it, until the end of the process."""

from __future__ import annotations

import atexit

from graphc.runtime.executor import Executable

# Kept alive, so that what they counted can be told at the end.
_collected: list[Executable] = []
# They free their memory while the interpreter still can.
atexit.register(_collected.clear)


def collect(executable: Executable) -> None:
    """Remember a program that was built with clocks because the flag GRAPHC_PROFILE is set."""
    _collected.append(executable)


def collected() -> tuple[Executable, ...]:
    """Return the programs that `collect` was given, in order."""
    return tuple(_collected)
