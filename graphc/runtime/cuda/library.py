"""cuBLASLt's matrix products, through its C functions: every argument is a number, a handle or an address.

The library counts matrices column by column. What lies line by line in memory is its transpose to it, so it is asked
for the transposed product: result^T = right^T left^T.
"""

from __future__ import annotations

import ctypes
import functools
import sysconfig
from pathlib import Path
from typing import Any

from graphc.errors import DeviceError, ExecutionError
from graphc.runtime.protocol import Operand, Product

_WHEELS = ("nvidia/cu13/lib", "nvidia/cublas/lib")
_NAMES = ("libcublasLt.so.13", "libcublasLt.so.12")
# Values of cublasLt.h and library_types.h, part of the libraries' binary interface.
_FLOAT32 = 0
_COMPUTE = {"float32": 68, "bfloat16": 75, "tf32": 77}
_TRANSPOSE_A, _TRANSPOSE_B, _EPILOGUE, _BIAS_POINTER = 3, 4, 7, 8
_EPILOGUE_BIAS = 4


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
    """Products on one GPU, which is current whenever this is used. `library` has the C functions."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handle = ctypes.c_void_p()
        self._check(library.cublasLtCreate(ctypes.byref(self._handle)))
        library.cublasLtGetVersion.restype = ctypes.c_size_t
        self.version = str(library.cublasLtGetVersion())

    def multiply(self, product: Product, stream: int) -> None:
        """Start a product on a stream; it takes no memory, so that it may be captured."""
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
            one, zero = ctypes.c_float(1), ctypes.c_float(0)
            operands = (_place(p.right), right, _place(p.left), left)
            # No algorithm given: the library chooses one, of those that need no workspace.
            results = (_place(p.result), result, _place(p.result), result, None, None, ctypes.c_size_t(0))
            head = (self._handle, description, ctypes.byref(one), *operands, ctypes.byref(zero))
            self._check(call.cublasLtMatmul(*head, *results, ctypes.c_void_p(stream)))
        finally:
            for layout in layouts:
                call.cublasLtMatrixLayoutDestroy(layout)
            call.cublasLtMatmulDescDestroy(description)

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
