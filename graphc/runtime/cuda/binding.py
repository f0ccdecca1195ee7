"""A program bound to sizes: its buffers in an accelerator's memory, its launches with their arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from graphc import dtypes, symbolic
from graphc.errors import DeviceError
from graphc.loopir import Interface, Procedure
from graphc.runtime.cuda.starts import Call, Places, Start, Starter
from graphc.runtime.protocol import Accelerator, Convolution, Kernels, Memory, Product
from graphc.symbolic import Symbol

# Two words in which the blocks of a standing grid meet.
_NOBODY = np.zeros(2, np.uint32)
# Where a buffer may start: what CUDA's own allocations keep to.
_ALIGNMENT = 256
# Indices of 32 bits count items and, past them, a stride of the largest grid.
_NARROW_LIMIT = (1 << 31) - (1 << 26)


class Binding:
    """The memory and the launches of a program for some sizes.

    `fixed` are the addresses of states, constants and what is kept, by buffer; `compiled(wide)` gives the kernels, with
    indices of 64 bits where `wide`. `preparation` are the launches that compute what is kept, `starts` the others.
    Raises DeviceError where there is too little memory.
    """

    def __init__(
        self,
        interface: Interface,
        procedure: Procedure,
        device: Accelerator,
        sizes: Mapping[Symbol, int],
        fixed: Mapping[str, int],
        compiled: Callable[[bool], Kernels],
    ) -> None:
        self._device, self.sizes = device, dict(sizes)
        self.kernels = compiled(_is_wide(interface, procedure, sizes))
        offsets, total = _layout(interface, sizes)
        scratch = _aligned(procedure.scratch)
        self._memory = device.allocate(total + scratch + _NOBODY.nbytes)
        start = self._memory.address
        self.addresses = {name: start + offset for name, offset in offsets.items()} | dict(fixed)
        # Sums may lie there that are as large as the largest weight: without it, no library does them.
        self._spare = _if_there_is(device, procedure.library_scratch)
        spare = None if self._spare is None else self._spare.address
        places = Places(self.addresses, start + total, spare, start + total + scratch, fixed.keys())
        device.copy_in(places.meeting, _NOBODY)
        device.wait()
        starter = Starter(interface, device, self.sizes, places, self._launch)
        starts = [tuple(starter.starts(step, self.sizes)) for step in procedure.steps]
        self.preparation = tuple(itertools.chain(*starts[: procedure.prepared]))
        self.starts = tuple(itertools.chain(*starts[procedure.prepared :]))
        self._replay: Callable[[], None] | None = None
        self._runs = 0

    def run(self, around: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Do the launches: one by one at first, as one graph from the second time on.

        `around`, always the same one, is called with what launches the program and may launch something before and
        after it.
        """

        def launches() -> None:
            if around is None:
                self._launch(self.starts)
            else:
                around(lambda: self._launch(self.starts))

        self._runs += 1
        if self._replay is None and self._runs == 1:
            launches()
            return
        if self._replay is None:
            self._replay = self._device.capture(launches)
        self._replay()

    def prepare(self) -> None:
        """Compute what is kept."""
        self._launch(self.preparation)

    def _launch(self, calls: Iterable[Call]) -> None:
        for call in calls:
            match call:
                case Start():
                    self.kernels.launch(call.function, call.blocks, call.threads, call.arguments, call.together)
                case Product():
                    self._device.multiply(call)
                case Convolution():
                    self._device.convolve(call)


def _layout(interface: Interface, sizes: Mapping[Symbol, int]) -> tuple[dict[str, int], int]:
    """Return the place of every buffer that is not fixed, and the bytes of all."""
    places: dict[str, int] = {}
    total = _aligned(symbolic.evaluate(interface.arena, sizes))
    for b in interface.buffers:
        if b.role == "temporary":
            assert b.slot is not None
            places[b.name] = symbolic.evaluate(b.slot, sizes)
        elif b.role in ("input", "output"):
            places[b.name] = total
            total += _aligned(symbolic.evaluate(b.size, sizes) * dtypes.itemsize(b.dtype))
    return places, total


def _is_wide(interface: Interface, procedure: Procedure, sizes: Mapping[Symbol, int]) -> bool:
    """Tell whether offsets or items may need more than 32 bits."""
    counts = [symbolic.evaluate(b.size, sizes) for b in interface.buffers]
    geometries = [g for s in procedure.started for g in (*s.functions, *s.around)]
    counts += [symbolic.evaluate(g.blocks, sizes) * g.threads for g in geometries]
    return max(counts, default=0) >= _NARROW_LIMIT


def _if_there_is(device: Accelerator, count: int) -> Memory | None:
    """Return memory that can be done without."""
    try:
        return device.allocate(count)
    except DeviceError:
        return None


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT
