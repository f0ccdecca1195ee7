"""A plan's kernels on an accelerator, called from Python as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc import dtypes, symbolic
from graphc.errors import DeviceError
from graphc.loopir import Interface, Procedure
from graphc.runtime.arguments import Array, bind_sizes, convert_arguments
from graphc.runtime.cuda.binding import Binding
from graphc.runtime.cuda.states import DeviceCopy
from graphc.runtime.program import take_state_lock
from graphc.runtime.protocol import Accelerator, Kernels, Memory
from graphc.runtime.symbols import state_lock, state_version
from graphc.symbolic import Symbol

# Sizes whose memory and graph are kept: a full and a last batch of training, and of two other calls.
_KEPT_BINDINGS = 4


class NoSymbols:
    """Kernels have no addresses in this process."""

    def address(self, name: str) -> int:
        """Raise KeyError."""
        raise KeyError(name)

    def release(self) -> None:
        """Do nothing: the kernels go with the program."""


class CudaProgram:
    """A program ready to run on an accelerator.

    `compiled(wide)` gives the kernels, with indices of 64 bits where `wide`. A call copies its arguments in, replays
    the launches and copies the results out; states stay on the device. All memory is taken before anything runs: too
    little of it (DeviceError) changes no state.
    """

    def __init__(
        self,
        interface: Interface,
        procedure: Procedure,
        device: Accelerator,
        compiled: Callable[[bool], Kernels],
        name: str,
        single: bool,
    ) -> None:
        self.interface, self.name, self.device = interface, name, device
        self.single = single and len(interface.results) == 1
        self.code = NoSymbols()
        self._procedure, self._compiled, self._written = procedure, compiled, procedure.written
        # What lives as long as the program: constants, and what is kept from call to call.
        self._fixed: dict[str, Memory] = {}
        # The version of the states that what is kept was computed from.
        self._kept_version: int | None = None
        self._bindings: dict[tuple[object, ...], Binding] = {}
        take_state_lock(interface)

    def make_native(self) -> Callable[..., Any]:
        """Return what a call runs."""
        return self

    def __call__(self, *arrays: Any) -> Any:
        """Run the program; returns a list of new arrays, or one array where `single`."""
        converted = convert_arguments(self.interface, arrays, self.name)
        sizes = bind_sizes(self.interface, [array.shape for array in converted], self.name)
        results = [self._result(r.shape, r.dtype, sizes) for r in self.interface.results]
        with state_lock():
            binding = self.bound(sizes)
            self.prepare_states()
            self.prepare_kept(binding)
            for argument, array in zip(self.interface.arguments, converted):
                self.device.copy_in(binding.addresses[argument.buffer], array)
            binding.run()
            for r, array in zip(self.interface.results, results):
                self.device.copy_out(array, binding.addresses[r.buffer])
            self.finished()
        return results[0] if self.single else results

    @staticmethod
    def _result(shape: Sequence[Any], dtype: str, sizes: Mapping[Symbol, int]) -> Array:
        return np.empty([symbolic.evaluate(dim, sizes) for dim in shape], dtypes.numpy_dtype(dtype))

    def bound(self, sizes: Mapping[Symbol, int], kind: str = "") -> Binding:
        """Return the program bound to sizes. The lock is held.

        Bindings of one `kind` (what is launched around the plan) are kept apart from others.
        """
        copies = self._copies()
        key = (kind, *(sizes[s] for s in self.interface.sizes), *(copy.address for copy in copies.values()))
        binding = self._bindings.pop(key, None)
        if binding is None:
            binding = self._bind(sizes, {name: copy.address for name, copy in copies.items()})
        # The last of a dict is what was used last.
        self._bindings[key] = binding
        while len(self._bindings) > _KEPT_BINDINGS:
            del self._bindings[next(iter(self._bindings))]
        return binding

    def _copies(self) -> dict[str, DeviceCopy]:
        return {b.name: DeviceCopy.of(b.source, self.device) for b in self.interface.buffers if b.role == "state"}

    def prepare_states(self) -> None:
        """Make the states' copies hold their values."""
        for copy in self._copies().values():
            copy.prepare()

    def prepare_kept(self, binding: Binding) -> None:
        """Compute what is kept from call to call, where a state has changed since; the states are prepared."""
        version = state_version().value
        if binding.preparation and version != self._kept_version:
            binding.prepare()
            self._kept_version = version

    def _bind(self, sizes: Mapping[Symbol, int], states: Mapping[str, int]) -> Binding:
        fixed = {**states, **{name: memory.address for name, memory in self._fixed_memory().items()}}
        try:
            return Binding(self.interface, self._procedure, self.device, sizes, fixed, self._compiled)
        except DeviceError:
            if not self._bindings:
                raise
            # What other sizes hold may be enough.
            self._bindings.clear()
            return Binding(self.interface, self._procedure, self.device, sizes, fixed, self._compiled)

    def _fixed_memory(self) -> Mapping[str, Memory]:
        for b in self.interface.buffers:
            if b.name in self._fixed:
                continue
            if b.role == "kept":
                assert isinstance(b.size, int)
                self._fixed[b.name] = self.device.allocate(b.size * dtypes.itemsize(b.dtype))
            elif b.role == "constant":
                value = np.ascontiguousarray(b.value, dtypes.numpy_dtype(b.dtype))
                memory = self.device.allocate(value.nbytes)
                self.device.copy_in(memory.address, value)
                self.device.wait()
                self._fixed[b.name] = memory
        return self._fixed

    def finished(self) -> None:
        """Wait for the device and tell the states that were written."""
        self.device.wait()
        for name, copy in self._copies().items():
            if name in self._written:
                copy.written()
