"""What generated code may call or read from outside its module: one table of names and addresses.

The Python and NumPy entries are the C API that the native entry uses; the others are libc, libgomp and the pieces
of memory that all programs share: the number of threads, the lock of the states and their version.
"""

from __future__ import annotations

import ctypes
import functools
import os
from types import TracebackType
from typing import Any

import numpy as np

from graphc import config, dtypes
from graphc.errors import CompileError, ConfigError

_PYTHON = (
    "PyList_New", "PyList_SetItem", "PyObject_Vectorcall", "PyEval_SaveThread", "PyEval_RestoreThread",
    "PyErr_NoMemory", "Py_IncRef", "Py_DecRef",
)  # fmt: skip
_LIBC = (
    "free", "posix_memalign", "madvise", "memcpy", "memmove", "memset", "clock_gettime", "pthread_rwlock_tryrdlock",
    "pthread_rwlock_trywrlock", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "pthread_rwlock_unlock",
)  # fmt: skip
_GOMP = ("GOMP_parallel", "GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
# libgomp spins for milliseconds by default, which starves every other thread of the process; a thousand turns
# keep a barrier fast and let go soon after.
_SPINCOUNT = "1000"
_PYARRAY_EMPTY = 184  # position in NumPy's C API table, the same since NumPy 1.0
_LOCK_BYTES = 256  # a pthread_rwlock_t takes 56 bytes on x86-64 and nowhere more than 200
# Offsets of the fields of an array object that the native entry reads; checked against a real array once.
_ARRAY_DATA, _ARRAY_DIMENSIONS, _ARRAY_DESCR, _ARRAY_FLAGS, _ARRAY_RANK = 16, 32, 56, 64, 24


class StateLock:
    """The process's lock of all states: programs that write states hold it alone, programs that read them share it.

    As a context manager it is held alone, which is what reading or replacing a state's value from Python needs.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._memory = ctypes.create_string_buffer(_LOCK_BYTES)
        self.address = ctypes.addressof(self._memory)
        self.reset()

    def reset(self) -> None:
        """Make the lock free, whoever holds it: a forked child has none of the threads that did."""
        self._libc.pthread_rwlock_init(ctypes.c_void_p(self.address), None)

    def __enter__(self) -> None:
        self._libc.pthread_rwlock_wrlock(ctypes.c_void_p(self.address))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._libc.pthread_rwlock_unlock(ctypes.c_void_p(self.address))


@functools.cache
def state_lock() -> StateLock:
    """Return the lock of all states of this process."""
    lock = StateLock()
    os.register_at_fork(after_in_child=lock.reset)
    return lock


@functools.cache
def state_version() -> ctypes.c_int64:
    """Return the word of memory that changes whenever a state does; it is read and written under the states' lock."""
    return ctypes.c_int64(0)


@functools.cache
def _gomp() -> ctypes.CDLL | None:
    """Return libgomp, which runs the threads; None where the system has none."""
    given = os.environ.get("GOMP_SPINCOUNT")
    if given is None:
        os.environ["GOMP_SPINCOUNT"] = _SPINCOUNT
    try:
        return ctypes.CDLL("libgomp.so.1")
    except OSError:
        return None
    finally:
        # Only this library's own start reads it: other programs keep their defaults.
        if given is None:
            del os.environ["GOMP_SPINCOUNT"]


@functools.cache
def _thread_word() -> ctypes.c_int32:
    """Return the word of memory that holds the number of threads of every program."""
    flag = config.get("GRAPHC_THREADS")
    word = ctypes.c_int32((flag or len(os.sched_getaffinity(0))) if _gomp() is not None else 1)
    # The threads of libgomp do not survive a fork, and waiting for them would never end.
    os.register_at_fork(after_in_child=lambda: setattr(word, "value", 1))
    return word


def threads() -> int:
    """Return how many threads compiled programs use: GRAPHC_THREADS, `set_threads`, or one a usable core."""
    return _thread_word().value


def set_threads(count: int) -> None:
    """Use `count` threads in every compiled program from the next call on. Results do not depend on it.

    Where libgomp is missing, and in forked children, programs run on one thread whatever is asked for.
    Raises ConfigError for a count below 1.
    """
    if count < 1:
        raise ConfigError(f"set_threads needs a count of at least 1; got {count}")
    if _gomp() is not None:
        _thread_word().value = count


@functools.cache
def addresses() -> dict[str, int]:
    """Return the address of everything that generated code may refer to outside its module.

    Raises CompileError where this NumPy lays out its arrays in a way that the native entry does not know.
    """
    _check_array_layout()
    table = {name: _address(ctypes.pythonapi, name) for name in _PYTHON}
    table |= {name: _address(ctypes.CDLL(None), name) for name in _LIBC}
    gomp = _gomp()
    # On one thread nothing of libgomp is called, but the text names it.
    table |= {name: _address(gomp, name) if gomp is not None else table["free"] for name in _GOMP}
    table["PyArray_Empty"] = _numpy_entry(_PYARRAY_EMPTY)
    table["PyArray_Type"] = id(np.ndarray)
    table |= {f"graphc_dtype_{name}": id(row.numpy) for name, row in dtypes.TABLE.items()}
    table["graphc_threads"] = ctypes.addressof(_thread_word())
    table["graphc_state_lock"] = state_lock().address
    table["graphc_state_version"] = ctypes.addressof(state_version())
    return table


def _address(library: Any, name: str) -> int:
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    if address is None:
        raise CompileError(f"the process has no function {name}")
    return address


def _numpy_entry(position: int) -> int:
    module: Any = getattr(np, "_core", None) or np.core
    capsule = module._multiarray_umath._ARRAY_API
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get_pointer(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    address: int | None = table[position]
    if address is None:
        raise CompileError("NumPy's C API has no PyArray_Empty")
    return address


def _check_array_layout() -> None:
    probe = np.zeros((3, 5), np.float32)
    base = id(probe)
    word = ctypes.c_void_p.from_address
    dimensions = word(base + _ARRAY_DIMENSIONS).value
    known = (
        word(base + 8).value == id(np.ndarray)
        and word(base + _ARRAY_DATA).value == probe.ctypes.data
        and ctypes.c_int32.from_address(base + _ARRAY_RANK).value == 2
        and dimensions is not None
        and list((ctypes.c_int64 * 2).from_address(dimensions)) == [3, 5]
        and word(base + _ARRAY_DESCR).value == id(probe.dtype)
        and ctypes.c_int32.from_address(base + _ARRAY_FLAGS).value & 0x101 == 0x101
    )
    if not known:
        raise CompileError(f"NumPy {np.__version__} lays out arrays in a way that compiled programs do not know")
