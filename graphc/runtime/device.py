"""What a device must offer the executor: compile text, load code, tell where its symbols are."""

from __future__ import annotations

from typing import Protocol


class LoadedCode(Protocol):
    """Code in memory, ready to run for as long as the object lives."""

    def address(self, name: str) -> int:
        """Return the address of a function or a global variable of the module. KeyError where there is none."""
        ...


class Device(Protocol):
    """A place where programs run. One object a process; its methods may be called from several threads."""

    @property
    def name(self) -> str:
        """The device's short name (`cpu`)."""
        ...

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """What besides the text determines object code: compiler, version, processor, features."""
        ...

    def compile(self, text: str) -> bytes:
        """Return the object code of a module's text. Raises CompileError where the text is not valid."""
        ...

    def load(self, code: bytes) -> LoadedCode:
        """Make object code runnable."""
        ...

    def assembly(self, text: str) -> str:
        """Return the assembly of a module's text, to read."""
        ...
