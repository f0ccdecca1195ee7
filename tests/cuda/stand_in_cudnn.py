"""A stand-in for cuDNN's frontend, the module `cudnn`: convolutions of images by their strides, summed by NumPy.

It is stricter than the library where its manual says what is expected: dims, strides, dtypes, names of tensors and the
order of the steps from a graph to its execution.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

HANDLE = 77


class cudnnGraphNotSupportedError(Exception):
    """What the frontend raises where no engine takes a graph."""


class data_type(enum.Enum):
    FLOAT = enum.auto()
    HALF = enum.auto()


class heur_mode(enum.Enum):
    A = enum.auto()
    FALLBACK = enum.auto()


class numerical_note(enum.Enum):
    TENSOR_CORE = enum.auto()
    DOWN_CONVERT_INPUTS = enum.auto()
    REDUCED_PRECISION_REDUCTION = enum.auto()
    FFT = enum.auto()
    NONDETERMINISTIC = enum.auto()
    WINOGRAD = enum.auto()
    WINOGRAD_TILE_4x4 = enum.auto()
    WINOGRAD_TILE_6x6 = enum.auto()
    WINOGRAD_TILE_13x13 = enum.auto()


class _Tensor:
    def __init__(self, dim: Sequence[int] = (), stride: Sequence[int] = (), kind: Any = None) -> None:
        self.dim, self.stride, self.kind = list(dim), list(stride), kind
        self.uid, self.is_output = -1, False

    def set_uid(self, uid: int) -> _Tensor:
        self.uid = uid
        return self

    def set_output(self, is_output: bool) -> _Tensor:
        self.is_output = is_output
        return self

    def set_data_type(self, kind: Any) -> _Tensor:
        self.kind = kind
        return self

    def set_dim(self, dim: Sequence[int]) -> _Tensor:
        self.dim = dim  # type: ignore[assignment]
        return self

    def set_stride(self, stride: Sequence[int]) -> _Tensor:
        self.stride = stride  # type: ignore[assignment]
        return self

    def check(self) -> None:
        """Check that dims and strides are lists of four numbers whose channels lie side by side, none over another."""
        assert self.kind is data_type.FLOAT
        for numbers in (self.dim, self.stride):
            assert isinstance(numbers, list) and len(numbers) == 4
            assert all(type(n) is int and n > 0 for n in numbers)
        assert self.stride[1] == 1
        # From the innermost: channels, columns, rows, images.
        order = (1, 3, 2, 0)
        for inner, outer in itertools.pairwise(order):
            assert self.dim[outer] == 1 or self.stride[outer] >= self.stride[inner] * self.dim[inner]

    def array(self, address: int) -> Any:
        count = sum((d - 1) * s for d, s in zip(self.dim, self.stride)) + 1
        flat = np.ctypeslib.as_array((ctypes.c_float * count).from_address(address))
        return np.lib.stride_tricks.as_strided(flat, self.dim, [4 * s for s in self.stride])


_STEPS = ("tensors", "validated", "lowered", "planned", "supported", "built")


class _Graph:
    def __init__(self, library: StandInCudnn, handle: int) -> None:
        assert handle == HANDLE
        self._library, self._step = library, 0
        self._tensors: list[_Tensor] = []
        self._operation: tuple[str, _Tensor, _Tensor, _Tensor, dict[str, Any]] | None = None
        self.notes: set[numerical_note] = set()
        self._workspace: Any = None

    def _reach(self, step: str) -> None:
        assert _STEPS[self._step + 1] == step, f"{step} after {_STEPS[self._step]}"
        self._step += 1

    def tensor(self, name: str, dim: Sequence[int], stride: Sequence[int], data_type: Any) -> _Tensor:
        self._tensors.append(_Tensor(dim, stride, data_type))
        return self._tensors[-1]

    def conv_fprop(self, image: _Tensor, weight: _Tensor, **options: Any) -> _Tensor:
        return self._convolution("forward", image, weight, options)

    def conv_wgrad(self, image: _Tensor, loss: _Tensor, **options: Any) -> _Tensor:
        return self._convolution("weights", image, loss, options)

    def _convolution(self, kind: str, image: _Tensor, other: _Tensor, options: dict[str, Any]) -> _Tensor:
        assert options.keys() == {"padding", "stride", "dilation"} and options["padding"] == [0, 0]
        self._tensors.append(_Tensor())
        self._operation = kind, image, other, self._tensors[-1], options
        return self._tensors[-1]

    def validate(self) -> None:
        self._reach("validated")
        for tensor in self._tensors:
            tensor.check()
        assert len({tensor.uid for tensor in self._tensors}) == 3
        assert self._operation is not None
        kind, image, other, result, options = self._operation
        filters, sums = (other, result) if kind == "forward" else (result, other)
        assert result.is_output and image.dim[1] == filters.dim[1] and image.dim[0] == sums.dim[0]
        assert filters.dim[0] == sums.dim[1]
        for axis in (0, 1):
            covered = (filters.dim[2 + axis] - 1) * options["dilation"][axis] + 1
            assert sums.dim[2 + axis] == (image.dim[2 + axis] - covered) // options["stride"][axis] + 1

    def build_operation_graph(self) -> None:
        self._reach("lowered")

    def create_execution_plans(self, modes: list[heur_mode]) -> None:
        self._reach("planned")
        assert modes == [heur_mode.A, heur_mode.FALLBACK]

    def deselect_numeric_notes(self, notes: list[numerical_note]) -> None:
        assert _STEPS[self._step] == "planned"
        self.notes |= set(notes)

    def deselect_workspace_greater_than(self, count: int) -> None:
        assert _STEPS[self._step] == "planned" and count > 0

    def check_support(self) -> None:
        self._reach("supported")
        if not self._library.supports:
            raise cudnnGraphNotSupportedError("no engine takes this graph")

    def build_plans(self) -> None:
        self._reach("built")
        self._library.graphs.append(self)

    def get_workspace_size(self) -> int:
        assert _STEPS[self._step] == "built"
        return self._library.workspace

    def execute(self, operands: Mapping[int, int], workspace: int, handle: int) -> None:
        assert handle == HANDLE and _STEPS[self._step] == "built" and self._operation is not None
        assert all(type(n) is int for n in (*operands, *operands.values(), workspace))
        owner = self._library.owner
        assert self._library.stream == owner.current.ptr
        assert any(
            m.ptr <= workspace and workspace + self._library.workspace <= m.ptr + m.count for m in owner.allocated
        )
        if self._library.fails:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        kind, *tensors, options = self._operation
        image, other, result = (t.array(operands[t.uid]) for t in tensors)
        filters = other if kind == "forward" else result
        self._library.done.append((kind, *(tuple(t.dim) for t in tensors)))

        def convolve() -> None:
            owner.milliseconds += owner.prices["cudnn"]
            ctypes.memset(workspace, 0x5A, self._library.workspace)
            seen = _windows(image, filters.shape[2:], options["stride"], options["dilation"]).astype("float64")
            if kind == "forward":
                result[...] = np.einsum("ncyxrs,kcrs->nkyx", seen, other)
            else:
                result[...] = np.einsum("ncyxrs,nkyx->kcrs", seen, other)

        owner.current.do(convolve)


def _windows(image: Any, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Any:
    """Return (n, c, y, x, r, s): what each window sees."""
    covered = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations)]
    seen = np.lib.stride_tricks.sliding_window_view(image, covered, axis=(2, 3))
    return seen[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


class StandInCudnn:
    """The module. `owner` is the stand-in for CuPy, whose current stream does or records what is executed."""

    __version__ = "1.14"
    data_type, heur_mode, numerical_note = data_type, heur_mode, numerical_note
    cudnnGraphNotSupportedError = cudnnGraphNotSupportedError

    def __init__(self, owner: Any, workspace: int = 1000) -> None:
        self.owner, self.workspace = owner, workspace
        self.supports, self.fails = True, False
        self.stream = 0
        self.graphs: list[_Graph] = []
        self.done: list[tuple[Any, ...]] = []

    def backend_version(self) -> int:
        return 91400

    def create_handle(self) -> int:
        return HANDLE

    def set_stream(self, handle: int, stream: int) -> None:
        assert handle == HANDLE
        self.stream = stream

    def pygraph(self, io_data_type: Any, intermediate_data_type: Any, compute_data_type: Any, handle: int) -> _Graph:
        assert {io_data_type, intermediate_data_type, compute_data_type} == {data_type.FLOAT}
        return _Graph(self, handle)
