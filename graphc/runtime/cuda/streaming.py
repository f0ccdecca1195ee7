"""Rows that stay on the host: gathered into one of two page-locked buffers and sent while the step before computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.runtime.arguments import Array
from graphc.runtime.protocol import Accelerator, Event


class _Slot:
    """A buffer on the host, its copy on the device, and who still uses them."""

    def __init__(self, arrays: Sequence[Array], rows: int, device: Accelerator) -> None:
        self.host = [device.locked_array((rows, *a.shape[1:]), a.dtype) for a in arrays]
        self.memory = [device.allocate(a.nbytes) for a in self.host]
        self.sent: Event | None = None
        self.read: Event | None = None


class RowStream:
    """Feeds steps with rows of arrays that do not fit on the device.

    A step's rows are in place when its launches run. The host waits only for the copy of the step before the last.
    Raises DeviceError where there is too little memory for two steps' rows.
    """

    def __init__(self, arrays: Sequence[Array], rows: int, device: Accelerator) -> None:
        self._arrays, self._device = arrays, device
        self._slots = [_Slot(arrays, rows, device) for _ in range(2)]

    def feed(self, chosen: Array, addresses: Sequence[int]) -> None:
        """Start putting the chosen rows of each array at its address, before what is launched next."""
        # The slot used last is the last one.
        slot = self._slots.pop(0)
        self._slots.append(slot)
        if slot.sent is not None:
            slot.sent.synchronize()
        rows = [host[: len(chosen)] for host in slot.host]
        for array, target in zip(self._arrays, rows):
            # Row numbers were checked; any other mode would gather into memory of its own first.
            np.take(array, chosen, axis=0, out=target, mode="clip")
        slot.sent = sent = self._device.send([(m.address, to) for m, to in zip(slot.memory, rows)], slot.read)
        self._device.hold(sent)
        for address, memory, target in zip(addresses, slot.memory, rows):
            self._device.copy_within(address, memory.address, target.nbytes)
        slot.read = self._device.mark()
