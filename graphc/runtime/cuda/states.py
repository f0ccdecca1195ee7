"""States on an accelerator: copies that stay there between calls, and go home when somebody asks."""

from __future__ import annotations

import weakref
from typing import Any

from graphc.runtime.protocol import Accelerator


class DeviceCopy:
    """An accelerator's copy of a state's value, which is the state's mirror.

    It is up to date or behind the state's storage; the storage is up to date or behind it. Methods are called with
    the states' lock held.
    """

    def __init__(self, state: Any, device: Accelerator) -> None:
        self.device = device
        self._state = weakref.ref(state)
        self._memory = device.allocate(state.storage.nbytes)
        self.address = self._memory.address
        self._is_behind, self._is_ahead = True, False

    @classmethod
    def of(cls, state: Any, device: Accelerator) -> DeviceCopy:
        """Return a state's copy on a device, made if need be; one on another device is fetched and let go."""
        found = state.mirror
        if isinstance(found, cls) and found.device is device:
            return found
        made = cls(state, device)
        if found is not None:
            found.fetch()
        state.mirror = made
        return made

    def prepare(self) -> None:
        """Make the copy hold the state's value, before a program reads it."""
        state = self._state()
        if state is not None and (self._is_behind or (state.is_shared and not self._is_ahead)):
            self.device.copy_in(self.address, state.storage)
            self._is_behind = False

    def written(self) -> None:
        """Take notice that a program has written the copy. Programs of the CPU see it at once."""
        self._is_ahead = True
        state = self._state()
        if state is None:
            return
        # What programs keep was computed from the value before.
        state.version.value += 1
        if state.is_shared:
            self.fetch()

    def fetch(self) -> None:
        """Bring the state's storage up to date."""
        state = self._state()
        if self._is_ahead and state is not None:
            self.device.copy_out(state.storage, self.address)
            self.device.wait()
            self._is_ahead = False

    def replaced(self) -> None:
        """Take notice that the state's storage holds a new value."""
        self._is_behind, self._is_ahead = True, False
