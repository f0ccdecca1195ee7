"""A stand-in for cuBLASLt's C functions: matrices column by column, as its manual says, multiplied by NumPy."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

_OUT_OF_RANGE = 7
# What an algorithm's eight words are is the library's business: here alignments, a mark, and the bytes it works in.
_MARK = 314159


def _number(argument: Any) -> int:
    """Return a number or address as C would read it."""
    return int(getattr(argument, "value", argument) or 0)


class _Version:
    """A C function: what it returns is an int until something else is said."""

    restype: Any = ctypes.c_int
    number = 130000

    def __call__(self) -> int:
        assert self.restype is ctypes.c_size_t
        return self.number


class StandInCublasLt:
    """Keeps descriptions by handle; `owner` is the stand-in for CuPy, whose current stream does or records products."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._made: dict[int, Any] = {}
        self.products: list[tuple[int, int, int]] = []
        self.algorithms = 1

        self.cublasLtGetVersion = _Version()

    def _make(self, handle: Any, what: Any) -> int:
        number = handle._obj.value = len(self._made) + 1
        self._made[number] = what
        return 0

    def cublasLtCreate(self, handle: Any) -> int:
        return self._make(handle, "handle")

    def cublasLtMatmulDescCreate(self, handle: Any, compute: int, scale: int) -> int:
        return self._make(handle, {"compute": compute, "scale": scale, 3: 0, 4: 0, 7: 1})

    def cublasLtMatmulDescSetAttribute(self, handle: Any, attribute: int, value: Any, size: Any) -> int:
        assert _number(size) == ctypes.sizeof(value._obj) == (8 if attribute == 8 else 4)
        self._made[_number(handle)][attribute] = value._obj.value
        return 0

    def cublasLtMatrixLayoutCreate(self, handle: Any, kind: int, rows: Any, columns: Any, stride: Any) -> int:
        assert kind == 0
        if _number(stride) < _number(rows):
            return _OUT_OF_RANGE
        return self._make(handle, (_number(rows), _number(columns), _number(stride)))

    def cublasLtMatrixLayoutDestroy(self, handle: Any) -> int:
        self._made[_number(handle)] = None
        return 0

    cublasLtMatmulDescDestroy = cublasLtMatrixLayoutDestroy

    def cublasLtMatmulPreferenceCreate(self, handle: Any) -> int:
        # Unless something else is said, addresses are taken to be multiples of 256.
        return self._make(handle, {1: 0, 5: 256, 6: 256, 7: 256, 8: 256})

    def cublasLtMatmulPreferenceSetAttribute(self, handle: Any, attribute: int, value: Any, size: Any) -> int:
        assert _number(size) == ctypes.sizeof(value._obj) == (8 if attribute == 1 else 4)
        self._made[_number(handle)][attribute] = value._obj.value
        return 0

    cublasLtMatmulPreferenceDestroy = cublasLtMatrixLayoutDestroy

    def cublasLtMatmulAlgoGetHeuristic(self, *arguments: Any) -> int:
        _, about, *layouts, preference, wanted, found, count = arguments
        assert wanted == 1 and len(layouts) == 4 and all(self._made[_number(x)] for x in (about, *layouts))
        assert ctypes.sizeof(found._obj) == 96
        wishes = self._made[_number(preference)]
        work = min(wishes[1], 5000)
        found._obj.algorithm[:] = [*(wishes[number] for number in (5, 6, 7, 8)), _MARK, 0, 0, work]
        found._obj.workspace, found._obj.state = work, 0
        count._obj.value = self.algorithms
        return 0

    def cublasLtMatmul(self, *arguments: Any) -> int:
        _, about, one, a, a_layout, b, b_layout, zero, c, c_layout, d, d_layout, algorithm, work, work_bytes, stream = (
            arguments
        )
        assert (one._obj.value, zero._obj.value) == (1, 0)
        *alignments, mark, _, _, needed = algorithm._obj
        assert (mark, needed) == (_MARK, _number(work_bytes))
        places = [m.ptr for m in self._owner.allocated if m.count == 32 << 20]
        assert _number(work_bytes) == 0 or _number(work) in places
        for address, aligned in zip((a, b, c, d), alignments):
            assert _number(address) % aligned == 0
        assert (_number(c), _number(c_layout)) == (_number(d), _number(d_layout))
        assert self._owner.current.ptr == _number(stream)
        facts = dict(self._made[_number(about)])
        assert facts["scale"] == 0
        matrices = [self._matrix(x, y) for x, y in ((a, a_layout), (b, b_layout), (d, d_layout))]

        def multiply() -> None:
            self._owner.milliseconds += self._owner.prices["cublas"]
            left, right = (m.T if facts[side] else m for m, side in zip(matrices, (3, 4)))
            product = left.astype("float64") @ right.astype("float64")
            if facts[7] == 4:
                numbers = (ctypes.c_float * len(product)).from_address(facts[8])
                product += np.ctypeslib.as_array(numbers)[:, None]
            matrices[2][...] = product

        rows, columns, _ = self._made[_number(d_layout)]
        self.products.append((rows, columns, facts[7]))
        self._owner.current.do(multiply)
        return 0

    def _matrix(self, address: Any, layout: Any) -> Any:
        """Return the memory of a matrix whose columns lie one behind the other."""
        rows, columns, stride = self._made[_number(layout)]
        count = (columns - 1) * stride + rows
        flat = np.ctypeslib.as_array((ctypes.c_float * count).from_address(_number(address)))
        return np.lib.stride_tricks.as_strided(flat, (rows, columns), (4, 4 * stride))
