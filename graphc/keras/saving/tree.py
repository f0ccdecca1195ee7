"""Group: what an HDF5 file of Keras holds, as plain data. Every reader makes one, every writer takes one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.keras.saving.errors import ModelFileError

Array = np.ndarray[Any, Any]


@dataclass
class Group:
    """Named attributes (text, lists of text, arrays) and members (arrays, groups) under a name."""

    name: str = "/"
    attributes: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a text attribute, None where there is none. Raises ModelFileError where it is no text."""
        value = self.attributes.get(name)
        if value is not None and not isinstance(value, str):
            raise ModelFileError(f"attribute {name!r} of {self.name} should be text, not {type(value).__name__}")
        return value

    def names(self, name: str) -> list[str]:
        """Return an attribute that lists names, joining `name0`, `name1`, ... into which long lists are cut.

        Raises ModelFileError where there is no such attribute, or it is no list of text.
        """
        if name in self.attributes:
            parts = [self.attributes[name]]
        else:
            parts = []
            while f"{name}{len(parts)}" in self.attributes:
                parts.append(self.attributes[f"{name}{len(parts)}"])
        if not parts:
            raise ModelFileError(f"{self.name} has no attribute {name!r}: this is no weight file of Keras")
        found: list[str] = []
        for part in parts:
            # An empty list has no text to tell its type by, and is written as an empty array of numbers.
            values = [] if isinstance(part, np.ndarray) and part.size == 0 else part
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise ModelFileError(f"attribute {name!r} of {self.name} should be a list of names")
            found += values
        return found

    def has_names(self, name: str) -> bool:
        """Whether there is an attribute that lists names, whole or in pieces."""
        return name in self.attributes or f"{name}0" in self.attributes

    def group(self, path: str) -> Group:
        """Return the group at a path. Raises ModelFileError where there is none."""
        member = self._at(path)
        if not isinstance(member, Group):
            raise ModelFileError(f"{self.name} has no group {path!r}")
        return member

    def array(self, path: str) -> Array:
        """Return the array at a path. Raises ModelFileError where there is none."""
        member = self._at(path)
        if not isinstance(member, np.ndarray):
            raise ModelFileError(f"{self.name} has no array {path!r}")
        return member

    def has_group(self, path: str) -> bool:
        """Whether there is a group at the path."""
        return isinstance(self._at(path), Group)

    def _at(self, path: str) -> Any:
        found: Any = self
        for part in path.split("/"):
            if part:
                found = found.members.get(part) if isinstance(found, Group) else None
        return found

    def put(self, path: str, value: Any) -> None:
        """Put an array or a group at a path, making the groups on the way. Raises ModelFileError where it is taken."""
        *groups, last = path.split("/")
        here = self
        for part in groups:
            here = here.members.setdefault(part, Group(f"{here.name.rstrip('/')}/{part}"))
            if not isinstance(here, Group):
                raise ModelFileError(f"{part!r} of {path!r} is the name of an array already")
        if last in here.members:
            raise ModelFileError(f"two weights are named {path!r}; names within a layer must differ")
        here.members[last] = value

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield the path and value of every array below, in order."""
        waiting: list[tuple[str, Any]] = [("", self)]
        while waiting:
            path, member = waiting.pop()
            if isinstance(member, np.ndarray):
                yield path, member
            else:
                below = [(f"{path}/{name}".lstrip("/"), value) for name, value in member.members.items()]
                waiting.extend(reversed(below))
