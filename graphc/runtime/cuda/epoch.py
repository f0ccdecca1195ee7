"""Epochs on an accelerator: data, row numbers, totals and the number of the step live there; a step is one replay."""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import DeviceError
from graphc.runtime.arguments import Array, bind_sizes
from graphc.runtime.cuda.binding import Binding
from graphc.runtime.cuda.program import CudaProgram
from graphc.runtime.cuda.streaming import RowStream
from graphc.runtime.epoch import Request, prepare_epoch
from graphc.runtime.protocol import Memory
from graphc.runtime.symbols import state_lock

# Replays that may be under way before the clock is looked at.
_STEPS_BETWEEN_WAITS = 16
_THREADS = 256


class EpochRunner:
    """Runs the epochs of one program; keeps the data of the epoch under way on the device, where it fits.

    Data that does not fit is gathered on the host, each step's while the one before computes.
    """

    def __init__(self, program: CudaProgram) -> None:
        self._program, self._device = program, program.device
        self._step = self._device.allocate(8)
        self._totals = self._device.allocate(8 * max(1, len(program.interface.results)))
        # What lies on the device: the host's arrays (None: does not fit), and where.
        self._kept: list[Array] = []
        self._data: list[Memory] | None = []
        # Feeds the steps where the data does not fit.
        self._rows: RowStream | None = None

    def __call__(
        self,
        arrays: Sequence[Any],
        indices: Array,
        batch_size: int,
        steps: tuple[int, int],
        totals: Array,
        seconds: float,
        gathered: Sequence[bool] | None,
        stop: ctypes.c_int32,
    ) -> int:
        """Run steps of an epoch; `Executable.epoch` tells what the arguments mean and which errors there are."""
        program, (first, last) = self._program, steps
        request = prepare_epoch(program.interface, program.name, arrays, indices, batch_size, steps, totals, gathered)
        deadline = time.perf_counter() + seconds
        counter = np.array([first], np.int64)
        with state_lock():
            self._upload(request, is_new=first == 0)
            program.prepare_states()
            self._device.copy_in(self._totals.address, totals)
            self._device.copy_in(self._step.address, counter)
            done = 0
            try:
                while first + done < last:
                    self._run(request, first + done, batch_size)
                    done += 1
                    if done % _STEPS_BETWEEN_WAITS == 0:
                        self._device.wait()
                    if stop.value or time.perf_counter() >= deadline:
                        break
                self._device.copy_out(totals, self._totals.address)
            finally:
                program.finished()
        return done

    def _upload(self, request: Request, is_new: bool) -> None:
        """Put what is gathered, and the row numbers last, on the device; at an epoch's start again: it may differ."""
        wanted = [a for a, is_gathered in zip(request.arrays, request.gathered) if is_gathered] + [request.indices]
        if not is_new and len(wanted) == len(self._kept) and all(_is_same(a, b) for a, b in zip(wanted, self._kept)):
            return
        if self._data is None or [a.nbytes for a in wanted] != [a.nbytes for a in self._kept]:
            self._data = None
            self._rows = None
            try:
                self._data = [self._device.allocate(a.nbytes) for a in wanted]
            except DeviceError:
                self._kept = wanted
                self._rows = RowStream(wanted[:-1], request.rows, self._device)
                return
        for array, memory in zip(wanted, self._data):
            self._device.copy_in(memory.address, array)
        self._device.wait()
        self._kept = wanted

    def _run(self, request: Request, step: int, batch_size: int) -> None:
        """Start one step."""
        program, start = self._program, step * batch_size
        rows = min(batch_size, len(request.indices) - start)
        shapes = request.shapes(rows)
        sizes = request.sizes if rows == request.rows else bind_sizes(program.interface, shapes, program.name)
        data = "" if self._data is None else " ".join(str(memory.address) for memory in self._data)
        binding = program.bound(sizes, f"epoch {batch_size} {data}")
        program.prepare_kept(binding)
        addresses = [binding.addresses[argument.buffer] for argument in program.interface.arguments]
        for array, address, is_gathered in zip(request.arrays, addresses, request.gathered):
            if not is_gathered:
                self._device.copy_in(address, array)
        if self._rows is not None:
            places = [address for address, is_gathered in zip(addresses, request.gathered) if is_gathered]
            self._rows.feed(request.indices[start : start + rows], places)
        binding.run(functools.partial(self._around, request, rows, batch_size, binding))

    def _around(
        self,
        request: Request,
        rows: int,
        batch_size: int,
        binding: Binding,
        plan: Callable[[], None],
    ) -> None:
        """Launch the gathering of a step's rows, the plan, the adding up of its results, the counting of the step."""
        gathered = [
            (argument, array)
            for argument, array, chosen in zip(self._program.interface.arguments, request.arrays, request.gathered)
            if chosen
        ]
        if self._data is not None:
            *data, numbers = self._data
            for (argument, array), memory in zip(gathered, data):
                row_bytes = array.nbytes // max(len(array), 1)
                items = rows * row_bytes // (4 if row_bytes % 4 == 0 else 1)
                blocks = max(1, min(self._device.most_blocks, -(-items // _THREADS)))
                to = binding.addresses[argument.buffer]
                places = (to, memory.address, numbers.address, self._step.address)
                binding.kernels.launch("gc_gather", blocks, _THREADS, (*places, batch_size, rows, row_bytes))
        plan()
        for position, result in enumerate(self._program.interface.results):
            total = self._totals.address + 8 * position
            binding.kernels.launch(f"gc_add_{result.dtype}", 1, 32, (total, binding.addresses[result.buffer], rows))
        binding.kernels.launch("gc_advance", 1, 32, (self._step.address,))


def _is_same(a: Array, b: Array) -> bool:
    return (a.ctypes.data, a.shape, a.dtype) == (b.ctypes.data, b.shape, b.dtype)
