"""Epochs that run in native code, coming back to Python for the progress bar, Ctrl-C and the epoch's end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.backend.function import fed_array

Array = np.ndarray[Any, Any]

# Long enough that the return to Python costs nothing, short enough that Ctrl-C and the bar feel immediate.
SECONDS_BETWEEN_RETURNS = 0.1


class NativeEpoch:
    """A training or test function whose steps run in native code: gather the rows, step, add up the results.

    The sums of the results are float64, in the order of the steps, so that they equal the step-by-step path bit by
    bit.
    """

    def __init__(self, executable: Any, arrays: Sequence[Array], count: int) -> None:
        self.executable = executable
        self.arrays = list(arrays)
        self.gathered = [True] * len(self.arrays)
        self.totals = np.zeros(count)

    @classmethod
    def of(cls, function: Any, arrays: Sequence[Any], count: int, stateful_names: Sequence[str]) -> NativeEpoch | None:
        """Return the native epoch of a K.function over arrays in memory, None where it has to run step by step.

        It does where data are not plain arrays, where metrics keep a state, where values are printed, and where the
        program has no epoch driver (an interpreted one, or one with outputs that are no float scalars).
        """
        data = [array for array in arrays if not isinstance(array, float)]
        training = int(any(array for array in arrays if isinstance(array, float)))
        if stateful_names or function.is_printing or not all(isinstance(array, np.ndarray) for array in data):
            return None
        is_scalar = [K.ndim(x) == 0 and K.dtype(x) in ("float32", "float64") for x in function.outputs]
        executable = function.executable(training)
        if not all(is_scalar) or not hasattr(executable, "epoch"):
            return None
        tensors = function.inputs[: len(data)]
        rows = [np.ascontiguousarray(fed_array(array, x)) for array, x in zip(data, tensors)]
        return cls(executable, rows, count)

    def stretches(self, order: Array, batch_size: int | None) -> Iterator[int]:
        """Run one epoch over the rows in `order`; yield the number of rows done whenever it comes back.

        `totals` then holds the sums over them of each result times its batch's rows. Ctrl-C comes through between.
        """
        indices = np.ascontiguousarray(order, np.int64)
        size = batch_size or len(indices)
        steps = -(-len(indices) // size)
        self.totals[:] = 0.0
        done = 0
        while done < steps:
            done += self.executable.epoch(
                self.arrays, indices, size, done, steps, self.totals, SECONDS_BETWEEN_RETURNS, self.gathered
            )
            yield min(done * size, len(indices))
