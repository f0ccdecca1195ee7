"""CUDA through CuPy: memory, copies, launches and graphs of one GPU. CuPy is imported when a GPU is asked for."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from graphc.errors import DeviceError, ExecutionError
from graphc.runtime.arguments import Array
from graphc.runtime.cuda.compiler import Nvrtc
from graphc.runtime.cuda.cublas import CublasLt, cublas_library
from graphc.runtime.cuda.cudnn import Cudnn, cudnn_frontend
from graphc.runtime.protocol import Choice, Convolution, Event, Kernels, Memory, Product

# Ampere: what the generated code is compiled and tested for at least.
_LEAST_CAPABILITY = (8, 0)
# Blocks for each multiprocessor: enough to fill it whatever their size.
_BLOCKS_EACH = 16
# What returns the libraries, by the name they have here.
LIBRARIES: Mapping[str, Callable[[], Any]] = {"cublas": cublas_library, "cudnn": cudnn_frontend}
Library = TypeVar("Library", CublasLt, Cudnn)
_INSTALL = "pip install 'graphc[cuda13]' (or [cuda12], by the driver)"


class _Memory:
    """CuPy's memory, which goes back to its pool when this object goes."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer
        self.address = int(pointer.ptr)


class _Kernels:
    """A module of kernels, each looked up once."""

    def __init__(self, device: CudaDevice, load: Callable[[bool], Any]) -> None:
        self._device = device
        # Loaded again for cooperative launches, which the driver refuses where the blocks do not fit all at once.
        self._module = functools.cache(load)
        self._module(False)
        self._function = functools.cache(lambda name, together: self._module(together).get_function(name))

    def launch(
        self, function: str, blocks: int, threads: int, arguments: Sequence[int], together: bool = False
    ) -> None:
        """Start a kernel on the device's stream."""
        # CuPy passes NumPy's scalars as they are, Python's as it thinks best.
        with self._device.current():
            self._function(function, together)((blocks,), (threads,), tuple(map(np.int64, arguments)))


class CudaDevice:
    """One NVIDIA GPU.

    `cupy` is the module, `libraries` are functions that return the libraries, by name: tests give stand-ins. `compiler`
    defaults to NVRTC for the GPU's architecture.
    Raises DeviceError where the GPU is not there or too old.
    """

    language = "cuda"

    def __init__(
        self,
        cupy: Any,
        number: int = 0,
        compiler: Any = None,
        libraries: Mapping[str, Callable[[], Any]] = LIBRARIES,
    ) -> None:
        self._cupy, self._number = cupy, number
        self._libraries = libraries
        self._opened_libraries: dict[str, Any] = {}
        self.choices: dict[str, Choice] = {}
        self.name = f"cuda:{number}"
        facts = self._properties()
        self.model = _text(facts["name"])
        capability = (int(facts["major"]), int(facts["minor"]))
        if capability < _LEAST_CAPABILITY:
            needed = ".".join(map(str, _LEAST_CAPABILITY))
            raise DeviceError(
                f"{self.name} ({self.model}) has compute capability {capability[0]}.{capability[1]}; "
                f"graphc needs {needed} or later"
            )
        self._compiler = Nvrtc(f"sm_{capability[0]}{capability[1]}") if compiler is None else compiler
        self.blocks_at_once = int(facts["multiProcessorCount"])
        self.most_blocks = self.blocks_at_once * _BLOCKS_EACH
        with self._cupy.cuda.Device(number):
            self._stream = cupy.cuda.Stream(non_blocking=True)
            self._copies = cupy.cuda.Stream(non_blocking=True)

    def _properties(self) -> Any:
        runtime = self._cupy.cuda.runtime
        try:
            count = runtime.getDeviceCount()
        except runtime.CUDARuntimeError as error:
            raise DeviceError(f"{self.name}: no NVIDIA driver, or no GPU that it can use ({error})") from None
        if self._number >= count:
            raise DeviceError(f"{self.name}: this machine has {count} CUDA device(s), counted from 0")
        return runtime.getDeviceProperties(self._number)

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """The compiler and the architecture: what besides the text determines a cubin."""
        return (self._compiler.version, self._compiler.architecture)

    def compile(self, text: str) -> bytes:
        """Return the cubin of a module's text. Raises CompileError where NVRTC rejects it."""
        return bytes(self._compiler.compile(text))

    def assembly(self, text: str) -> str:
        """Return the PTX of a module's text."""
        return str(self._compiler.assembly(text))

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this GPU and its stream the ones that CuPy uses."""
        with self._cupy.cuda.Device(self._number), self._stream:
            yield

    def load_kernels(self, code: bytes) -> Kernels:
        """Load a cubin."""
        return _Kernels(self, lambda together: self._module(code, together))

    def _module(self, code: bytes, together: bool) -> Any:
        with tempfile.TemporaryDirectory(prefix="graphc-") as folder, self.current():
            path = Path(folder) / "module.cubin"
            path.write_bytes(code)
            module = self._cupy.RawModule(path=str(path), enable_cooperative_groups=together)
            # CuPy reads the file when it is first asked for a function.
            module.compile()
        return module

    def allocate(self, count: int) -> Memory:
        """Return memory from CuPy's pool. Raises DeviceError where there is too little."""
        try:
            with self.current():
                return _Memory(self._cupy.cuda.alloc(max(count, 1)))
        except self._cupy.cuda.memory.OutOfMemoryError as error:
            raise DeviceError(f"{self.name} has too little memory for {count:,} bytes more: {error}") from None

    def copy_in(self, address: int, array: Array) -> None:
        """Start a copy to the device."""
        runtime = self._cupy.cuda.runtime
        kind = runtime.memcpyHostToDevice
        with self.current():
            runtime.memcpyAsync(address, array.ctypes.data, array.nbytes, kind, self._stream.ptr)

    def copy_out(self, array: Array, address: int) -> None:
        """Start a copy from the device."""
        runtime = self._cupy.cuda.runtime
        kind = runtime.memcpyDeviceToHost
        with self.current():
            runtime.memcpyAsync(array.ctypes.data, address, array.nbytes, kind, self._stream.ptr)

    def copy_within(self, address: int, source: int, count: int) -> None:
        """Start a copy on the device."""
        runtime = self._cupy.cuda.runtime
        with self.current():
            runtime.memcpyAsync(address, source, count, runtime.memcpyDeviceToDevice, self._stream.ptr)

    def locked_array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array in page-locked memory."""
        kind, count = np.dtype(dtype), math.prod(shape)
        with self.current():
            memory = self._cupy.cuda.alloc_pinned_memory(max(1, count * kind.itemsize))
        return np.frombuffer(memory, kind, count).reshape(shape)

    def send(self, copies: Sequence[tuple[int, Array]], after: Event | None) -> Event:
        """Start copies on a stream of their own."""
        runtime = self._cupy.cuda.runtime
        with self._cupy.cuda.Device(self._number), self._copies:
            if after is not None:
                self._copies.wait_event(after)
            for address, array in copies:
                place = array.ctypes.data
                runtime.memcpyAsync(address, place, array.nbytes, runtime.memcpyHostToDevice, self._copies.ptr)
            return self._recorded(self._copies)

    def mark(self) -> Event:
        """Return an event on the stream of the launches."""
        with self.current():
            return self._recorded(self._stream)

    def hold(self, event: Event) -> None:
        """Let the stream of the launches wait for an event."""
        with self.current():
            self._stream.wait_event(event)

    def _recorded(self, stream: Any) -> Event:
        event: Event = self._cupy.cuda.Event(disable_timing=True)
        stream.record(event)
        return event

    def find_library(self, name: str) -> str:
        """Load a library, once, and return its version. Raises DeviceError where it is not installed."""
        library = self._products if name == "cublas" else self._convolutions
        return library.version

    @property
    def _products(self) -> CublasLt:
        return self._opened("cublas", lambda library: CublasLt(library, self.allocate))

    @property
    def _convolutions(self) -> Cudnn:
        return self._opened("cudnn", lambda module: Cudnn(module, self.allocate))

    def _opened(self, name: str, open_library: Callable[[Any], Library]) -> Library:
        """Return a library, opened when it is first asked for; that it is missing is found out once too."""
        if name not in self._opened_libraries:
            try:
                with self.current():
                    self._opened_libraries[name] = open_library(self._libraries[name]())
            except (DeviceError, ExecutionError) as error:
                self._opened_libraries[name] = DeviceError(str(error))
        found = self._opened_libraries[name]
        if isinstance(found, DeviceError):
            raise found.with_traceback(None)
        return found  # type: ignore[no-any-return]

    def multiply(self, product: Product) -> None:
        """Start a matrix product by cuBLASLt."""
        with self.current():
            self._products.multiply(product, self._stream.ptr)

    def can_convolve(self, convolution: Convolution) -> bool:
        """Tell whether cuDNN has a plan for a convolution."""
        with self.current():
            return self._convolutions.can(convolution)

    def convolve(self, convolution: Convolution) -> None:
        """Start a convolution by cuDNN."""
        with self.current():
            self._convolutions.convolve(convolution, self._stream.ptr)

    def seconds(self, launches: Callable[[], None]) -> float:
        """Return the time between two events around launches."""
        with self.current():
            start, end = (self._cupy.cuda.Event() for _ in range(2))
            self._stream.record(start)
            launches()
            self._stream.record(end)
            self.wait()
            return float(self._cupy.cuda.get_elapsed_time(start, end)) * 1e-3

    def capture(self, launches: Callable[[], None]) -> Callable[[], None]:
        """Record launches as one CUDA graph; return what replays it. Raises ExecutionError where that cannot be."""
        with self.current():
            failures = self._cupy.cuda.runtime.CUDARuntimeError
            self._stream.begin_capture()
            try:
                launches()
            except BaseException:
                # What failed may have made an end of the recording already.
                with suppress(failures):
                    self._stream.end_capture()
                raise
            try:
                graph = self._stream.end_capture()
                graph.upload(self._stream)
            except failures as error:
                raise ExecutionError(f"{self.name}: launches cannot be recorded: {error}") from None

        def replay() -> None:
            with self.current():
                graph.launch(stream=self._stream)

        return replay

    def wait(self) -> None:
        """Wait for the stream. Raises ExecutionError where a kernel failed."""
        try:
            self._stream.synchronize()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise ExecutionError(f"{self.name}: a kernel failed: {error}") from None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@functools.cache
def cuda(number: int = 0) -> CudaDevice:
    """Return this process's device for a GPU. Raises DeviceError with what is missing."""
    try:
        import cupy  # half a second, and an extra that the CPU does not need
    except ImportError as error:
        raise DeviceError(f"cuda:{number}: CuPy is not installed ({error}); {_INSTALL}") from None
    return CudaDevice(cupy, number)
