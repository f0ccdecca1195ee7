"""cuBLASLt's matrix products, through its C functions: every argument is a number, a handle or an address.

The library counts matrices column by column. What lies line by line in memory is its transpose to it, so it is asked
for the transposed product: result^T = right^T left^T.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphc.errors import DeviceError, ExecutionError
from graphc.runtime.protocol import Memory, Operand, Product

_WHEELS = ("nvidia/cu13/lib", "nvidia/cublas/lib")
_NAMES = ("libcublasLt.so.13", "libcublasLt.so.12")
# Values of cublasLt.h and library_types.h, part of the libraries' binary interface.
_FLOAT32 = 0
_COMPUTE = {"float32": 68, "bfloat16": 75, "tf32": 77}
_TRANSPOSE_A, _TRANSPOSE_B, _EPILOGUE, _BIAS_POINTER = 3, 4, 7, 8
_EPILOGUE_BIAS = 4
_WORKSPACE_BYTES = 1
# The preferences that say how operands, addend and result are aligned, in that order.
_ALIGNMENTS = (5, 6, 7, 8)
# What NVIDIA recommends for its latest GPUs; memory starts at such a multiple.
_WORKSPACE, _MOST_ALIGNED = 32 << 20, 256


class _Algorithm(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t: an algorithm, and the bytes that it works in."""

    _fields_ = (
        ("algorithm", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


@functools.cache
def cublas_library() -> Any:
    """Return the library. Raises DeviceError where it is not installed."""
    site = Path(sysconfig.get_paths()["purelib"])
    for name in (*(str(site / folder / name) for folder in _WHEELS for name in _NAMES), *_NAMES):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise DeviceError("cuBLASLt is not installed: pip install nvidia-cublas, or set GRAPHC_CUBLAS=measure")


class CublasLt:
    """Products on one GPU, which is current whenever this is used.

    `library` has the C functions; `allocate` gives memory of the GPU, DeviceError where there is too little: products
    then work without.
    """

    def __init__(self, library: Any, allocate: Callable[[int], Memory]) -> None:
        self._library = library
        self._algorithms: dict[tuple[str, tuple[int, ...]], _Algorithm] = {}
        self._workspace: Memory | None = None
        with contextlib.suppress(DeviceError):
            self._workspace = allocate(_WORKSPACE)
        self._handle = ctypes.c_void_p()
        self._check(library.cublasLtCreate(ctypes.byref(self._handle)))
        library.cublasLtGetVersion.restype = ctypes.c_size_t
        self.version = str(library.cublasLtGetVersion())

    def multiply(self, product: Product, stream: int) -> None:
        """Start a product on a stream; it takes no memory that is not there, so that it may be captured."""
        call, p = self._library, product
        description = ctypes.c_void_p()
        self._check(call.cublasLtMatmulDescCreate(ctypes.byref(description), _COMPUTE[p.precision], _FLOAT32))
        layouts: list[ctypes.c_void_p] = []
        try:
            self._set(description, _TRANSPOSE_A, ctypes.c_int32(p.right.is_transposed))
            self._set(description, _TRANSPOSE_B, ctypes.c_int32(p.left.is_transposed))
            if p.bias is not None:
                self._set(description, _EPILOGUE, ctypes.c_uint32(_EPILOGUE_BIAS))
                self._set(description, _BIAS_POINTER, ctypes.c_void_p(p.bias))
            right = self._layout(layouts, p.right, p.depth, p.columns)
            left = self._layout(layouts, p.left, p.rows, p.depth)
            result = self._layout(layouts, p.result, p.rows, p.columns)
            found = self._algorithm(p, description, (right, left, result, result))
            one, zero = ctypes.c_float(1), ctypes.c_float(0)
            operands = (_place(p.right), right, _place(p.left), left)
            results = (_place(p.result), result, _place(p.result), result, ctypes.byref(found.algorithm))
            address = None if self._workspace is None else ctypes.c_void_p(self._workspace.address)
            head = (self._handle, description, ctypes.byref(one), *operands, ctypes.byref(zero))
            work = address, ctypes.c_size_t(found.workspace), ctypes.c_void_p(stream)
            self._check(call.cublasLtMatmul(*head, *results, *work))
        finally:
            for layout in layouts:
                call.cublasLtMatrixLayoutDestroy(layout)
            call.cublasLtMatmulDescDestroy(description)

    def _algorithm(
        self, product: Product, description: ctypes.c_void_p, layouts: tuple[ctypes.c_void_p, ...]
    ) -> _Algorithm:
        """Return the algorithm that the library puts first, of those that need no more memory than there is."""
        operands = product.right, product.left, product.result, product.result
        alignments = tuple(math.gcd(operand.address, _MOST_ALIGNED) for operand in operands)
        key = product.facts, (*alignments, math.gcd(product.bias or 0, _MOST_ALIGNED))
        if key in self._algorithms:
            return self._algorithms[key]
        call, preference, found = self._library, ctypes.c_void_p(), _Algorithm()
        self._check(call.cublasLtMatmulPreferenceCreate(ctypes.byref(preference)))
        try:
            most = ctypes.c_uint64(0 if self._workspace is None else _WORKSPACE)
            wishes = [(_WORKSPACE_BYTES, most)]
            wishes += [(wish, ctypes.c_uint32(count)) for wish, count in zip(_ALIGNMENTS, alignments)]  # type: ignore[misc]
            for wish, value in wishes:
                size = ctypes.c_size_t(ctypes.sizeof(value))
                self._check(call.cublasLtMatmulPreferenceSetAttribute(preference, wish, ctypes.byref(value), size))
            count = ctypes.c_int()
            asked = self._handle, description, *layouts, preference, 1, ctypes.byref(found), ctypes.byref(count)
            self._check(call.cublasLtMatmulAlgoGetHeuristic(*asked))
        finally:
            call.cublasLtMatmulPreferenceDestroy(preference)
        if count.value == 0:
            raise ExecutionError("cuBLASLt has no algorithm for a product")
        self._check(found.state)
        self._algorithms[key] = found
        return found

    def _set(self, description: ctypes.c_void_p, attribute: int, value: Any) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._check(self._library.cublasLtMatmulDescSetAttribute(description, attribute, ctypes.byref(value), size))

    def _layout(self, made: list[ctypes.c_void_p], operand: Operand, down: int, across: int) -> ctypes.c_void_p:
        """Describe a matrix of `down` lines; as the library sees it, a line is a column."""
        lines, length = (across, down) if operand.is_transposed else (down, across)
        layout = ctypes.c_void_p()
        create = self._library.cublasLtMatrixLayoutCreate
        sizes = ctypes.c_uint64(length), ctypes.c_uint64(lines), ctypes.c_int64(operand.stride)
        self._check(create(ctypes.byref(layout), _FLOAT32, *sizes))
        made.append(layout)
        return layout

    @staticmethod
    def _check(status: int) -> None:
        if status:
            raise ExecutionError(f"cuBLASLt fails with status {status}")


def _place(operand: Operand) -> ctypes.c_void_p:
    return ctypes.c_void_p(operand.address)
