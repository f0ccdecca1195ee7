"""What a device must offer: compile text, load code, and say where its symbols are, or run its kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from graphc.records import record
from graphc.runtime.arguments import Array


class LoadedCode(Protocol):
    """Code in memory, ready to run until it is released.

    It has no finalizer of its own: among objects that refer to each other the collector runs finalizers in any
    order, and the program that uses the code must come first.
    """

    def address(self, name: str) -> int:
        """Return the address of a function or a global variable of the module. KeyError where there is none."""
        ...

    def release(self) -> None:
        """Free the code's memory; nothing of it may be used again."""
        ...


class Compiler(Protocol):
    """Turns text into object code."""

    @property
    def name(self) -> str:
        """The device's short name (`cpu`, `cuda:0`)."""
        ...

    @property
    def language(self) -> str:
        """What the text is written in (`llvm`, `cuda`)."""
        ...

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """What besides the text determines object code: compiler, version, processor, features."""
        ...

    def compile(self, text: str) -> bytes:
        """Return the object code of a module's text. Raises CompileError where the text is not valid."""
        ...

    def assembly(self, text: str) -> str:
        """Return the assembly of a module's text, to read."""
        ...


class Device(Compiler, Protocol):
    """A place where programs run as functions of this process. One object a process; threads may share it."""

    def load(self, code: bytes) -> LoadedCode:
        """Make object code runnable."""
        ...


class Memory(Protocol):
    """Bytes on an accelerator, free again when this object goes."""

    @property
    def address(self) -> int:
        """Where they are, a multiple of 256."""
        ...


@record
class Operand:
    """A matrix of float32 in an accelerator's memory: its lines `stride` elements apart, or columns if transposed."""

    address: int
    stride: int
    is_transposed: bool


@record
class Product:
    """result (rows, columns) = left (rows, depth) @ right + bias, where there is one: an element for each column."""

    left: Operand
    right: Operand
    result: Operand
    rows: int
    columns: int
    depth: int
    bias: int | None
    precision: str

    @property
    def facts(self) -> str:
        """What tells it from others in how long it takes."""
        sides = ["transposed " * m.is_transposed + str(m.stride) for m in (self.left, self.right, self.result)]
        shape = f"{self.rows} x {self.depth} x {self.columns}, strides {', '.join(sides)}"
        return f"product {shape}, {self.precision}{' with bias' * (self.bias is not None)}"


@record
class Pictures:
    """Images of float32 in an accelerator's memory, (number, channels, rows, columns); strides count elements."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@record
class Convolution:
    """Sums over windows of `image`, without padding.

    `forward`: result = image convolved with the filters `other`. `weights`: result = the gradient of the filters, where
    `other` is that of the convolution.
    """

    kind: str
    image: Pictures
    other: Pictures
    result: Pictures
    strides: tuple[int, int]
    dilations: tuple[int, int]
    precision: str

    @property
    def facts(self) -> str:
        """What tells it from others in how long it takes."""
        operands = (f"{' x '.join(map(str, p.shape))} by {p.strides}" for p in (self.image, self.other, self.result))
        windows = f"strides {self.strides}, dilations {self.dilations}"
        return f"convolution {self.kind} {', '.join(operands)}, {windows}, {self.precision}"


@record
class Choice:
    """Which way to do a launch's work was taken, and the seconds that each took where it was measured."""

    taken: str
    seconds: Mapping[str, float]


class Event(Protocol):
    """A moment in what an accelerator does."""

    def synchronize(self) -> None:
        """Return when it has come."""
        ...


class Kernels(Protocol):
    """Loaded kernels of an accelerator."""

    def launch(
        self, function: str, blocks: int, threads: int, arguments: Sequence[int], together: bool = False
    ) -> None:
        """Start a kernel with 64-bit arguments (addresses, integers); `together`: all blocks must run at once."""
        ...


class Accelerator(Compiler, Protocol):
    """A place with memory of its own that is given one launch after another, and does them in order.

    Launches and copies are asynchronous until `wait`; arrays that are copied must stay until then.
    """

    @property
    def model(self) -> str:
        """What is sold under one name and is as fast as another one of that name."""
        ...

    @property
    def choices(self) -> dict[str, Choice]:
        """The ways that were chosen on it in this process, by what tells a launch from others."""
        ...

    @property
    def most_blocks(self) -> int:
        """The blocks of a launch that keep the device busy; more would not be faster."""
        ...

    @property
    def blocks_at_once(self) -> int:
        """The blocks, of 256 threads and 48 KiB of shared memory each, that surely run at the same time."""
        ...

    def load_kernels(self, code: bytes) -> Kernels:
        """Make object code runnable."""
        ...

    def allocate(self, count: int) -> Memory:
        """Return memory for so many bytes. Raises DeviceError where there is too little."""
        ...

    def copy_in(self, address: int, array: Array) -> None:
        """Copy a contiguous array to the device."""
        ...

    def copy_out(self, array: Array, address: int) -> None:
        """Copy memory of the device to a contiguous array."""
        ...

    def copy_within(self, address: int, source: int, count: int) -> None:
        """Copy bytes from one place of the device to another."""
        ...

    def locked_array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array on the host that `send` copies from without waiting."""
        ...

    def send(self, copies: Sequence[tuple[int, Array]], after: Event | None) -> Event:
        """Start copies of locked arrays to the device, beside the launches, once `after` has come; return their end."""
        ...

    def mark(self) -> Event:
        """Return the moment when all that was launched so far is done."""
        ...

    def hold(self, event: Event) -> None:
        """Let what is launched next wait for an event."""
        ...

    def find_library(self, name: str) -> str:
        """Make a library's calls possible and return its version: `cublas` for `multiply`, `cudnn` for `convolve`.

        Raises DeviceError where it is not there.
        """
        ...

    def multiply(self, product: Product) -> None:
        """Start a matrix product. Raises ExecutionError where the library refuses it."""
        ...

    def can_convolve(self, convolution: Convolution) -> bool:
        """Tell whether the library can do a convolution."""
        ...

    def convolve(self, convolution: Convolution) -> None:
        """Start a convolution that the library can do. Raises ExecutionError where it fails all the same."""
        ...

    def seconds(self, launches: Callable[[], None]) -> float:
        """Return what launches take on the device; waits for them. Raises ExecutionError as `wait` does."""
        ...

    def capture(self, launches: Callable[[], None]) -> Callable[[], None]:
        """Return a function that does at once what the launches, which are recorded and not run, would do.

        Raises ExecutionError where they cannot be recorded.
        """
        ...

    def wait(self) -> None:
        """Return when everything is done. Raises ExecutionError where something went wrong."""
        ...
