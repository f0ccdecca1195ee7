"""Native epochs: the memory and the checks around `graphc_epoch`."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc import dtypes
from graphc.errors import ExecutionError, ShapeError
from graphc.loopir import EPOCH_FIELDS, Interface, has_epoch
from graphc.records import record
from graphc.runtime.arguments import Array, bind_sizes, check_count, convert_array, describe
from graphc.runtime.program import Program, aligned_bytes
from graphc.runtime.symbols import threads
from graphc.symbolic import Symbol, bare_symbol


@record
class Request:
    """Steps of an epoch, checked: the arrays as the program takes them, the rows and the sizes of the first step."""

    arrays: Sequence[Array]
    gathered: Sequence[bool]
    indices: Array
    rows: int
    sizes: Mapping[Symbol, int]

    def shapes(self, rows: int) -> list[tuple[int, ...]]:
        """Return the shapes of the arguments of a step of so many rows."""
        return [(rows, *a.shape[1:]) if g else a.shape for a, g in zip(self.arrays, self.gathered)]


def prepare_epoch(
    interface: Interface,
    name: str,
    arrays: Sequence[Any],
    indices: Array,
    batch_size: int,
    steps: tuple[int, int],
    totals: Array,
    gathered: Sequence[bool] | None,
) -> Request:
    """Return the steps of an epoch, with every error told that they may have."""
    if not has_epoch(interface):
        raise ExecutionError(_no_epoch(name))
    check_count(interface, arrays, name)
    chosen = default_gathered(interface) if gathered is None else tuple(gathered)
    indices, rows = _check_steps(interface, name, indices, batch_size, steps, totals)
    converted = [
        convert_array(value, argument, describe(position, argument, name))
        for position, (argument, value) in enumerate(zip(interface.arguments, arrays))
    ]
    _check_rows(interface, name, converted, chosen, indices)
    unbound = Request(converted, chosen, indices, rows, {})
    sizes = bind_sizes(interface, unbound.shapes(rows), name)
    last_rows = min(batch_size, len(indices) - (steps[1] - 1) * batch_size)
    if last_rows != rows:
        bind_sizes(interface, unbound.shapes(last_rows), name)
    return Request(converted, chosen, indices, rows, sizes)


def _no_epoch(name: str) -> str:
    return f"{name} has results that are not float scalars: it cannot run whole epochs"


def run_epoch(
    program: Program,
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
    if program.epoch is None:
        raise ExecutionError(_no_epoch(program.name))
    interface = program.interface
    request = prepare_epoch(interface, program.name, arrays, indices, batch_size, steps, totals, gathered)
    indices, sizes = request.indices, request.sizes
    batch_symbols = {
        bare_symbol(a.shape[0]) for a, is_gathered in zip(interface.arguments, request.gathered) if is_gathered
    }
    memory = _Memory(program, request.arrays, request.gathered)
    size_values = np.array([sizes[s] for s in interface.sizes] or [0], np.int64)
    is_batch = np.array([s in batch_symbols for s in interface.sizes] or [False], np.uint8)
    fields: dict[str, int] = {
        "rows": memory.rows.ctypes.data,
        "row_bytes": memory.row_bytes.ctypes.data,
        "index": indices.ctypes.data,
        "count": len(indices),
        "batch": batch_size,
        "first": steps[0],
        "last": steps[1],
        "buffers": memory.buffers.ctypes.data,
        "sizes": size_values.ctypes.data,
        "is_batch": is_batch.ctypes.data,
        "totals": totals.ctypes.data,
        "nanoseconds": int(seconds * 1e9),
        "stop": ctypes.addressof(stop),
        "threads": threads(),
    }
    words = np.array([fields[field] for field in EPOCH_FIELDS], np.int64)
    done = program.epoch(words.ctypes.data)
    if done == 0:
        raise MemoryError(f"{program.name}: there is no memory for a step of {request.rows} rows")
    return done


def default_gathered(interface: Interface) -> tuple[bool, ...]:
    """Tell for each argument whether its first axis has a run-time size."""
    return tuple(bool(a.shape) and bare_symbol(a.shape[0]) is not None for a in interface.arguments)


def _check_steps(
    interface: Interface, name: str, indices: Array, batch_size: int, steps: tuple[int, int], totals: Array
) -> tuple[Array, int]:
    """Return the indices as the native code reads them and the rows of the first step."""
    indices = np.ascontiguousarray(indices, np.int64)
    first, last = steps
    if indices.ndim != 1 or batch_size < 1 or not 0 <= first < last or (last - 1) * batch_size >= len(indices):
        raise ExecutionError(
            f"{name}: steps {first} to {last} of {batch_size} rows do not lie in indices of shape {indices.shape}"
        )
    wanted = (len(interface.results),)
    if totals.dtype != np.float64 or totals.shape != wanted or not totals.flags.carray:
        raise ExecutionError(
            f"{name}: totals must be a contiguous float64 array of shape {wanted}; got {totals.dtype} {totals.shape}"
        )
    return indices, min(batch_size, len(indices) - first * batch_size)


def _check_rows(
    interface: Interface, name: str, arrays: Sequence[Array], gathered: Sequence[bool], indices: Array
) -> None:
    low, high = int(indices.min()), int(indices.max())
    for position, (argument, array) in enumerate(zip(interface.arguments, arrays)):
        if gathered[position] and (low < 0 or high >= len(array)):
            raise ShapeError(
                f"{describe(position, argument, name)} has {len(array)} rows; the indices go from {low} to {high}"
            )


class _Memory:
    """The arrays of addresses that an epoch reads, and the memory they point to that is not the program's."""

    def __init__(self, program: Program, arrays: Sequence[Array], gathered: Sequence[bool]) -> None:
        interface = program.interface
        self.rows = np.array([array.ctypes.data for array in arrays] or [0], np.int64)
        row_bytes = [a.nbytes // max(len(a), 1) if g else 0 for a, g in zip(arrays, gathered)]
        self.row_bytes = np.array(row_bytes or [0], np.int64)
        self.buffers = program.buffers.copy()
        places = {b.name: position for position, b in enumerate(interface.buffers)}
        for argument, row in zip(interface.arguments, self.rows):
            self.buffers[places[argument.buffer]] = row
        self.results = [aligned_bytes(dtypes.itemsize(result.dtype)) for result in interface.results]
        for result, memory in zip(interface.results, self.results):
            self.buffers[places[result.buffer]] = memory.ctypes.data
