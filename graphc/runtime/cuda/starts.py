"""What is started for the steps of a procedure, with its arguments, for some sizes and places in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Union

from graphc import dtypes, symbolic
from graphc.loopir import (
    Geometry,
    Interface,
    LibraryConvolution,
    LibraryProduct,
    Place,
    Repeated,
    StandingGrid,
    Started,
)
from graphc.records import record
from graphc.runtime.cuda.calls import convolution_call, product_call
from graphc.runtime.cuda.trial import OURS, choose_way
from graphc.runtime.protocol import Accelerator, Convolution, Memory, Product
from graphc.symbolic import Symbol


@record
class Start:
    """One launch of a kernel, ready to go."""

    function: str
    blocks: int
    threads: int
    arguments: tuple[int, ...]
    # Whether all blocks must run at the same time.
    together: bool = False


Call = Union[Start, Product, Convolution]


@record
class Places:
    """Addresses: of each buffer, of scratch memory, of the words in which the blocks of a standing grid meet.

    Around libraries' calls there is other scratch memory; None where there is too little memory for it. What is in
    `owned` holds values; there is nothing in the other buffers while starts are made.
    """

    buffers: Mapping[str, int]
    scratch: int
    library_scratch: int | None
    meeting: int
    owned: Set[str]


class Starter:
    """Makes the starts of a program for some sizes. `run` does calls at once, where ways are tried out."""

    def __init__(
        self,
        interface: Interface,
        device: Accelerator,
        sizes: Mapping[Symbol, int],
        places: Places,
        run: Callable[[Sequence[Call]], None],
    ) -> None:
        self._interface, self._device, self._sizes, self._places, self._run = interface, device, sizes, places, run
        self._itemsizes = {b.name: dtypes.itemsize(b.dtype) for b in interface.buffers}
        self._bytes = {b.name: symbolic.evaluate(b.size, sizes) * self._itemsizes[b.name] for b in interface.buffers}

    def starts(self, step: Started | Repeated, symbols: Mapping[Symbol, int]) -> Iterator[Call]:
        """Yield what a step starts: a loop whose launches fit the device at once is one start."""
        match step:
            case Started():
                yield from self._chosen(step, symbols)
            case Repeated(symbol, extent, inner, grid):
                together = None if grid is None else self._together(grid)
                if together is not None:
                    yield together
                    return
                for iteration in range(symbolic.evaluate(extent, symbols)):
                    for s in inner:
                        yield from self.starts(s, {**symbols, symbol: iteration})

    def _together(self, grid: StandingGrid) -> Start | None:
        """Return the start of a grid that stays; None where its blocks do not fit."""
        blocks = max(symbolic.evaluate(dim, self._sizes) for dim in grid.blocks)
        if not 0 < blocks <= self._device.blocks_at_once:
            return None
        addresses = [self._places.buffers[name] for name in grid.buffers]
        sizes = [self._sizes[s] for s in self._interface.sizes]
        return Start(grid.function, blocks, grid.threads, (*addresses, self._places.meeting, *sizes), together=True)

    def _chosen(self, step: Started, symbols: Mapping[Symbol, int]) -> Sequence[Call]:
        """Return what does a launch's work: our functions, or a library's call and what finishes it."""
        ways = self._ways(step, symbols, self._places.buffers)
        certain = next((other.library for other in step.others if other.is_certain and other.library in ways), None)
        if certain is not None or len(ways) == 1:
            return ways[certain or OURS]
        versions = {name: self._device.find_library(name) for name in ways if name != OURS}
        calls = [call.facts for way in ways.values() for call in way if not isinstance(call, Start)]

        def tried() -> dict[str, Callable[[], None]]:
            spare = self._spare(step)
            addresses = {**self._places.buffers, **{name: memory.address for name, memory in spare.items()}}
            return {
                name: lambda way=way, spare=spare: self._run(way)  # type: ignore[misc]
                for name, way in self._ways(step, symbols, addresses).items()
            }

        return ways[choose_way(self._device, f"{'; '.join(calls)}; kernel {step.digest}", versions, tried)]

    def _spare(self, step: Started) -> dict[str, Memory]:
        """Return memory to write to instead of the buffers that hold values."""
        written = {name for number in step.written for name in step.places[number].buffers}
        return {name: self._device.allocate(self._bytes[name]) for name in written & self._places.owned}

    def _ways(
        self, step: Started, symbols: Mapping[Symbol, int], addresses: Mapping[str, int]
    ) -> dict[str, tuple[Call, ...]]:
        """Return the ways to do a launch's work that there are, by name; ours is the first."""

        def starts(geometries: Sequence[Geometry], scratch: int | None) -> Iterator[Start]:
            return (self._start(step, geometry, symbols, addresses, scratch) for geometry in geometries)

        is_long = step.long is not None and symbolic.evaluate(step.long.values, symbols) >= step.long.least
        own = step.long.geometries if step.long is not None and is_long else step.geometries
        ways: dict[str, tuple[Call, ...]] = {OURS: tuple(starts(own, self._places.scratch))}
        for other in step.others:
            call = self._library_call(other, step, symbols, addresses)
            if call is not None:
                prepare, finish = (starts(g, self._places.library_scratch) for g in (other.prepare, other.finish))
                ways[other.library] = (*prepare, call, *finish)
        return ways

    def _library_call(
        self,
        other: LibraryProduct | LibraryConvolution,
        step: Started,
        symbols: Mapping[Symbol, int],
        addresses: Mapping[str, int],
    ) -> Product | Convolution | None:
        """Return what a library does instead of a launch; None where it cannot, or would overwrite what is read yet."""

        def address(number: int | None) -> int:
            if number is None:
                assert scratch is not None
                return scratch
            return self._address(step.places[number], symbols, addresses)

        scratch = self._places.library_scratch
        if scratch is None and any(g.scratch for g in (*other.prepare, *other.finish)):
            return None
        result = other.result.parameter
        if result is not None and self._is_in_place(step, result, symbols):
            return None
        if isinstance(other, LibraryProduct):
            return product_call(other, symbols, address)
        call = convolution_call(other, symbols, address)
        return call if call is not None and self._device.can_convolve(call) else None

    def _start(
        self,
        step: Started,
        geometry: Geometry,
        symbols: Mapping[Symbol, int],
        addresses: Mapping[str, int],
        scratch: int | None,
    ) -> Start:
        blocks = max(1, min(symbolic.evaluate(geometry.blocks, symbols), self._device.most_blocks))
        places = [self._address(place, symbols, addresses) for place in step.places]
        extra = [scratch] if geometry.scratch and scratch is not None else []
        return Start(geometry.function, blocks, geometry.threads, (*places, *extra, *(symbols[s] for s in step.sizes)))

    def _is_in_place(self, step: Started, result: int, symbols: Mapping[Symbol, int]) -> bool:
        """Tell whether a launch may have its result where it has another argument."""
        addresses = self._places.buffers
        spans = []
        for place in (_resolved(place, symbols) for place in step.places):
            end = addresses[place.buffer] + self._bytes[place.buffer]
            spans.append((self._address(place, symbols, addresses), end))
        start, end = spans.pop(result)
        return any(first < end and start < last for first, last in spans)

    def _address(self, place: Place, symbols: Mapping[Symbol, int], addresses: Mapping[str, int]) -> int:
        place = _resolved(place, symbols)
        return addresses[place.buffer] + symbolic.evaluate(place.offset, symbols) * self._itemsizes[place.buffer]


def _resolved(place: Place, symbols: Mapping[Symbol, int]) -> Place:
    """Return the place that this one stands for."""
    if place.index is not None and place.initial is not None and symbolic.evaluate(place.index, symbols) == 0:
        return _resolved(place.initial, symbols)
    return place
