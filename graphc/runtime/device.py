"""What a device must offer the executor: compile text, load code, tell where its symbols are."""

from __future__ import annotations

from typing import Protocol


class LoadedCode(Protocol):
    """Code in memory, ready to run until it is released.

    It has no finalizer of its own: among objects that refer to each other the collector runs finalizers in any
    order, and the program that uses the code must come first.
    """

    def address(self, name: str) -> int:
        """Return the address of a function or a global variable of the module. KeyError where there is none."""
        ...

    def release(self) -> None:
        """Free the code's memory; nothing of it may be used again."""
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
