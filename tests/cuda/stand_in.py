"""A stand-in for the part of CuPy that graphc uses, over the emulator; and the device that the tests run on.

It keeps CuPy's habits that matter: launches and copies on a stream are recorded, not done, while it captures; a
capture refuses to wait; modules are read from files; memory is full of rubbish; a grid has an order of its own.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphc.errors import DeviceError
from graphc.runtime import CudaDevice
from tests.cuda.emulator import EmulatedModule, EmulationError, compile_text

_GUARD = 512
_RUBBISH = 0xFF


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where the driver fails."""


class OutOfMemoryError(MemoryError):
    """What CuPy raises where memory is short."""


class _Memory:
    """Bytes between two guards that nobody may write."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._bytes = np.full(count + 2 * _GUARD + 256, _RUBBISH, np.uint8)
        self.ptr = (self._bytes.ctypes.data + _GUARD + 255) // 256 * 256

    def is_intact(self) -> bool:
        start = self.ptr - self._bytes.ctypes.data
        guards = self._bytes[:start], self._bytes[start + self.count :]
        return all(np.all(guard == _RUBBISH) for guard in guards)


class _Graph:
    def __init__(self, actions: list[Callable[[], None]]) -> None:
        self.actions = actions

    def upload(self, stream: Any) -> None:
        pass

    def launch(self, stream: Any) -> None:
        for action in self.actions:
            stream.do(action)


class _Event:
    """A moment of the stream that it is recorded on; `time` is the milliseconds of work until then, or is not kept."""

    def __init__(self, disable_timing: bool = False) -> None:
        self.stream: Any = None
        self.has_come = True
        self.time = math.nan
        self._is_timed = not disable_timing

    def come(self) -> None:
        self.has_come = True
        if self._is_timed:
            self.time = self.stream.owner.milliseconds

    def synchronize(self) -> None:
        if not self.has_come:
            self.stream.advance(self)


class StandIn:
    """One GPU as CuPy shows it. `order` is the emulator's; `memory` the bytes that there are."""

    def __init__(
        self,
        order: int = 0,
        memory: int = 1 << 30,
        capability: tuple[int, int] = (9, 0),
        count: int = 1,
        processors: int = 1,
    ) -> None:
        self.order, self.free, self.processors = order, memory, processors
        self.launches, self.replays, self.has_driver = 0, 0, True
        self.allocated: list[_Memory] = []
        # How long the device has worked, and what a piece of work takes of it.
        self.milliseconds = 0.0
        self.prices = {"kernel": 1.0, "cublas": 3.0, "cudnn": 3.0}
        # Which streams do things only when somebody waits for them, by the order of their making.
        self.late: frozenset[int] = frozenset()
        self._streams: dict[int, Any] = {}
        self._numbers = itertools.count(1)
        self.current: Any = None
        facts = {
            "name": b"Emulated GPU",
            "major": capability[0],
            "minor": capability[1],
            "multiProcessorCount": processors,
        }

        def device_count() -> int:
            if not self.has_driver:
                raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
            return count

        runtime = SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=device_count,
            getDeviceProperties=lambda number: facts,
            memcpyHostToDevice=1,
            memcpyDeviceToHost=2,
            memcpyDeviceToDevice=3,
            memcpyAsync=self._copy,
        )
        self.cuda = SimpleNamespace(
            runtime=runtime,
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            Device=self._device,
            Stream=self._stream,
            Event=_Event,
            get_elapsed_time=lambda start, end: end.time - start.time,
            alloc_pinned_memory=lambda count: np.full(count, _RUBBISH, np.uint8),
            alloc=self._allocate,
        )

    @contextmanager
    def _device(self, number: int) -> Iterator[None]:
        yield

    def _stream(self, non_blocking: bool = False) -> Any:
        stream = _Stream(self, next(self._numbers))
        self._streams[stream.ptr] = stream
        return stream

    def _allocate(self, count: int) -> _Memory:
        used = sum(memory.count for memory in self.allocated)
        if used + count > self.free:
            raise OutOfMemoryError(f"Out of memory allocating {count} bytes ({used} allocated so far)")
        self.allocated.append(_Memory(count))
        return self.allocated[-1]

    def _copy(self, to: int, source: int, count: int, kind: int, stream: int) -> None:
        if self._streams[stream].recorded is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: pageable memory in a capture")
        self._streams[stream].do(lambda: ctypes.memmove(to, source, count))

    def RawModule(self, path: str, enable_cooperative_groups: bool) -> Any:
        return _Module(self, Path(path), enable_cooperative_groups)


class _Stream:
    def __init__(self, owner: StandIn, number: int) -> None:
        self.owner, self.ptr = owner, number
        self.recorded: list[Any] | None = None
        # Whether something that cannot be recorded has ended the recording.
        self.is_broken = False
        self._before: list[Any] = []
        # What is still to be done; an event stands for waiting for it.
        self._queue: collections.deque[Callable[[], object] | _Event] = collections.deque()

    def __enter__(self) -> _Stream:
        self._before.append(self.owner.current)
        self.owner.current = self
        return self

    def __exit__(self, *_: object) -> None:
        self.owner.current = self._before.pop()

    def begin_capture(self) -> None:
        self.recorded = []

    def end_capture(self) -> _Graph:
        actions, self.recorded = self.recorded or [], None
        was_broken, self.is_broken = self.is_broken, False
        if was_broken:
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated")
        self.owner.replays += 1
        return _Graph(actions)

    def synchronize(self) -> None:
        if self.recorded is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported")
        self.advance()

    def record(self, event: _Event) -> None:
        event.stream, event.has_come = self, False
        self.do(event.come)

    def wait_event(self, event: _Event) -> None:
        self.do(event)

    def do(self, action: Callable[[], object] | _Event) -> None:
        if self.recorded is not None:
            self.recorded.append(action)
            return
        self._queue.append(action)
        if self.ptr not in self.owner.late:
            self.advance(waits=False)

    def advance(self, until: _Event | None = None, waits: bool = True) -> None:
        """Do what is to be done up to an event, or all; `waits`: for other streams too."""
        while self._queue and not (until is not None and until.has_come):
            first = self._queue[0]
            if isinstance(first, _Event):
                if not first.has_come and not waits:
                    return
                first.synchronize()
            self._queue.popleft()
            if not isinstance(first, _Event):
                first()


class _Module:
    def __init__(self, owner: StandIn, path: Path, together: bool) -> None:
        self._owner, self._path, self._together = owner, path, together
        self._module: EmulatedModule | None = None

    def compile(self) -> None:
        self._module = EmulatedModule(self._path.read_bytes())

    def get_function(self, name: str) -> Callable[..., None]:
        module = self._module
        assert module is not None
        if not module.has(name):
            raise CUDARuntimeError(f"CUDA_ERROR_NOT_FOUND: {name}")

        def launch(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
            # A Python number would reach the kernel in a size of CuPy's choosing.
            assert all(isinstance(a, np.int64) for a in arguments)
            self._owner.launches += 1
            if self._together and grid[0] > self._owner.processors:
                raise CUDARuntimeError("CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE")
            words = [int(a) for a in arguments]

            def action() -> None:
                self._owner.milliseconds += self._owner.prices["kernel"]
                try:
                    module.launch(name, grid[0], block[0], words, self._owner.order, self._together)
                except EmulationError as error:
                    raise CUDARuntimeError(str(error)) from None

            self._owner.current.do(action)

        return launch


class EmulatedCompiler:
    """Stands in for NVRTC."""

    version, architecture = "emulator", "sm_90"

    def compile(self, text: str) -> bytes:
        return compile_text(text)

    def assembly(self, text: str) -> str:
        return ".version emulated\n"


def missing() -> Any:
    """Raise what is raised where a library is not installed."""
    raise DeviceError("the library is not installed")


NO_LIBRARIES = {"cublas": missing, "cudnn": missing}


def emulated_device(
    order: int = 0, memory: int = 1 << 30, blocks: int | None = None, processors: int = 1
) -> CudaDevice:
    """Return a device without libraries that runs kernels on the emulator, in at most `blocks` blocks a launch."""
    device = CudaDevice(
        StandIn(order, memory, processors=processors),
        compiler=EmulatedCompiler(),
        libraries=NO_LIBRARIES,
    )
    if blocks is not None:
        device.most_blocks = blocks
    return device
