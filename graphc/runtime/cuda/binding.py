"""A plan bound to sizes: its buffers in an accelerator's memory, its launches with their arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from graphc import dtypes, symbolic
from graphc.loopir import DeviceProgram, Geometry, Launch, Loop, Matrix, Place, Plan
from graphc.runtime.protocol import Accelerator, Kernels, Operand, Product
from graphc.symbolic import Symbol

# Operations from which on a product goes through the library, where that is asked for: a guess, until it is measured.
LARGE_PRODUCT = 1_000_000_000
_FLOAT32_BYTES = 4
# Two words in which the blocks of a standing grid meet.
_NOBODY = np.zeros(2, np.uint32)
# Where a buffer may start: what CUDA's own allocations keep to.
_ALIGNMENT = 256
# Indices of 32 bits count items and, past them, a stride of the largest grid.
_NARROW_LIMIT = (1 << 31) - (1 << 26)


@dataclass(frozen=True, slots=True)
class Start:
    """One launch, ready to go."""

    function: str
    blocks: int
    threads: int
    arguments: tuple[int, ...]
    # Whether all blocks must run at the same time.
    together: bool = False


class Binding:
    """The memory and the launches of a plan for some sizes.

    `fixed` are the addresses of states, constants and what is kept, by buffer. `preparation` are the launches that
    compute the latter, `starts` the others. Raises DeviceError where there is too little memory.
    """

    def __init__(
        self,
        plan: Plan,
        program: DeviceProgram,
        device: Accelerator,
        sizes: Mapping[Symbol, int],
        fixed: Mapping[str, int],
    ) -> None:
        self._plan, self._program, self._device, self.sizes = plan, program, device, dict(sizes)
        self._geometries = {id(x): g for x, g in zip(plan.launches, program.geometries)}
        self._products = {id(plan.launches[position]): product for position, product in program.products.items()}
        places, total = self._layout()
        self._memory = device.allocate(total + _aligned(program.scratch) + _NOBODY.nbytes)
        self._scratch = self._memory.address + total
        self.addresses = {name: self._memory.address + place for name, place in places.items()} | dict(fixed)
        self._itemsizes = {b.name: dtypes.itemsize(b.dtype) for b in plan.buffers}
        self._meeting = self._scratch + _aligned(program.scratch)
        device.copy_in(self._meeting, _NOBODY)
        device.wait()
        starts = [tuple(self._started(position, step)) for position, step in enumerate(plan.steps)]
        self.preparation = tuple(itertools.chain(*starts[: plan.prepared]))
        self.starts = tuple(itertools.chain(*starts[plan.prepared :]))
        if any(isinstance(start, Product) for start in (*self.preparation, *self.starts)):
            device.find_library()
        self._replay: Callable[[], None] | None = None
        self._runs = 0

    def _layout(self) -> tuple[dict[str, int], int]:
        """Return the place of every buffer that is not fixed, and the bytes of all."""
        places: dict[str, int] = {}
        total = _aligned(symbolic.evaluate(self._plan.arena, self.sizes))
        for b in self._plan.buffers:
            if b.role == "temporary":
                assert b.slot is not None
                places[b.name] = symbolic.evaluate(b.slot, self.sizes)
            elif b.role in ("input", "output"):
                places[b.name] = total
                total += _aligned(symbolic.evaluate(b.size, self.sizes) * dtypes.itemsize(b.dtype))
        return places, total

    @property
    def is_wide(self) -> bool:
        """Tell whether offsets or items may need more than 32 bits."""
        counts = [symbolic.evaluate(b.size, self.sizes) for b in self._plan.buffers]
        counts += [symbolic.evaluate(g.blocks, self.sizes) * g.threads for gs in self._geometries.values() for g in gs]
        return max(counts, default=0) >= _NARROW_LIMIT

    def _started(self, position: int, step: Launch | Loop) -> Iterator[Start | Product]:
        """Yield what a step of the plan starts: a loop whose launches fit the device at once is one start."""
        grid = self._program.standing.get(position)
        blocks = 0 if grid is None else max(symbolic.evaluate(dim, self.sizes) for dim in grid.blocks)
        if grid is None or not 0 < blocks <= self._device.blocks_at_once:
            yield from self._expanded((step,), self.sizes)
            return
        addresses = [self.addresses[name] for name in grid.buffers]
        sizes = [self.sizes[s] for s in self._plan.sizes]
        yield Start(grid.function, blocks, grid.threads, (*addresses, self._meeting, *sizes), together=True)

    def _expanded(self, steps: tuple[Launch | Loop, ...], symbols: Mapping[Symbol, int]) -> Iterator[Start | Product]:
        for step in steps:
            match step:
                case Launch():
                    product = self._product(step, symbols)
                    geometries = self._geometries[id(step)]
                    if product is not None:
                        yield product
                        geometries = self._products[id(step)].finish
                    yield from (self._start(step, geometry, symbols) for geometry in geometries)
                case Loop(symbol, extent, inner):
                    for iteration in range(symbolic.evaluate(extent, symbols)):
                        yield from self._expanded(inner, {**symbols, symbol: iteration})

    def _start(self, launch: Launch, geometry: Geometry, symbols: Mapping[Symbol, int]) -> Start:
        blocks = max(1, min(symbolic.evaluate(geometry.blocks, symbols), self._device.most_blocks))
        addresses = [self._address(place, symbols) for place in launch.places]
        sizes = [symbols[s] for s in launch.kernel.sizes]
        scratch = [self._scratch] if geometry.scratch else []
        return Start(geometry.function, blocks, geometry.threads, (*addresses, *scratch, *sizes))

    def _product(self, launch: Launch, symbols: Mapping[Symbol, int]) -> Product | None:
        """Return the product that a library does for a launch; None where it is small, or the launch works in place."""
        product = self._products.get(id(launch))
        if product is None:
            return None
        rows, columns, depth = (symbolic.evaluate(d, symbols) for d in (product.rows, product.columns, product.depth))
        if 2 * rows * columns * depth < LARGE_PRODUCT or self._is_in_place(launch, product.result.parameter, symbols):
            return None

        def operand(matrix: Matrix) -> Operand:
            start = self._address(launch.places[matrix.parameter], symbols)
            offset, stride = (symbolic.evaluate(dim, symbols) for dim in (matrix.offset, matrix.stride))
            return Operand(start + offset * _FLOAT32_BYTES, stride, matrix.is_transposed)

        bias = None if product.bias is None else operand(product.bias).address
        operands = operand(product.left), operand(product.right), operand(product.result)
        return Product(*operands, rows, columns, depth, bias, product.precision)

    def _is_in_place(self, launch: Launch, result: int, symbols: Mapping[Symbol, int]) -> bool:
        """Tell whether a launch may have its result where it has another argument."""
        spans = []
        for place in (_resolved(place, symbols) for place in launch.places):
            end = self.addresses[place.buffer] + self._bytes(place.buffer)
            spans.append((self._address(place, symbols), end))
        start, end = spans.pop(result)
        return any(first < end and start < last for first, last in spans)

    def _bytes(self, name: str) -> int:
        return symbolic.evaluate(self._plan.buffer(name).size, self.sizes) * self._itemsizes[name]

    def _address(self, place: Place, symbols: Mapping[Symbol, int]) -> int:
        place = _resolved(place, symbols)
        return self.addresses[place.buffer] + symbolic.evaluate(place.offset, symbols) * self._itemsizes[place.buffer]

    def run(self, kernels: Kernels, around: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Do the launches: one by one at first, as one graph from the second time on.

        `around`, always the same one, is called with what launches the plan and may launch something before and
        after it.
        """

        def launches() -> None:
            if around is None:
                self._launch(self.starts, kernels)
            else:
                around(lambda: self._launch(self.starts, kernels))

        self._runs += 1
        if self._replay is None and self._runs == 1:
            launches()
            return
        if self._replay is None:
            self._replay = self._device.capture(launches)
        self._replay()

    def prepare(self, kernels: Kernels) -> None:
        """Compute what is kept."""
        self._launch(self.preparation, kernels)

    def _launch(self, starts: Iterable[Start | Product], kernels: Kernels) -> None:
        for s in starts:
            match s:
                case Start():
                    kernels.launch(s.function, s.blocks, s.threads, s.arguments, s.together)
                case Product():
                    self._device.multiply(s)


def _resolved(place: Place, symbols: Mapping[Symbol, int]) -> Place:
    """Return the place that this one stands for."""
    if place.index is not None and place.initial is not None and symbolic.evaluate(place.index, symbols) == 0:
        return _resolved(place.initial, symbols)
    return place


def _aligned(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT
