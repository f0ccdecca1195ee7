"""Bands: kernels one after the other, each for a strip of rows, so that what lies between them stays in the cache.

    launch a: tmp1 = ..                         loop strip < 7*batch, iterations apart:
    launch b: tmp2 = .. tmp1 ..        ->         launch a': private1 = ..
    launch c: .. = .. tmp2 ..                     launch b': private2 = .. private1 ..
                                                  launch c': .. = .. private2 ..

A chain of launches of which each computes rows from the same rows of what the one before has written, for nobody else,
can run strip by strip. Where more lies in between than a cache holds (the tiles of a convolution are four times the
image), it does: threads take strips, each with memory of its own for what lies between.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from graphc.dtypes import itemsize
from graphc.loopir import Buffer, Launch, Loop, LoopKernel, Step, accesses, launches_of
from graphc.records import record, replace
from graphc.schedule.strips import Planes, Rows, cut_kernel, keeps_rows, row_loops, written_planes
from graphc.symbolic import Dim, Symbol, add, divide_exactly, evaluate, floordiv, multiply, symbols

# About what the second cache holds: between the kernels of a strip lie at most so many bytes, and no buffer that has
# less for all rows is worth a strip.
MOST_BYTES = LEAST_BYTES = 1 << 20
# What each strip reads anew (weights) may be at most so many times what lies between its kernels.
MOST_READ_AGAIN = 8
# Strips for threads to share evenly.
LEAST_STRIPS = 14


@record
class _Link:
    """A launch of a chain: its rows, and the buffer in which it finds those of the one before."""

    position: int
    launch: Launch
    rows: Rows
    source: str = ""
    planes: Planes | None = None


def form_bands(
    buffers: Mapping[str, Buffer], depths: dict[str, int], steps: Sequence[Step], batch: int
) -> tuple[dict[str, Buffer], tuple[Step, ...]]:
    """Return the buffers and the steps, chains that gain by it as loops over strips; what becomes private has a depth.

    `batch` is what run-time sizes are taken for where gains are estimated. A chain runs where its last launch did.
    """
    found = dict(buffers)
    bands: dict[int, Loop] = {}
    moved: set[int] = set()
    for chain in _Chains(buffers, steps, batch).find():
        height = _height(chain, buffers, batch)
        if height:
            private = _private(chain, buffers, height)
            found |= private
            depths |= dict.fromkeys(private, 1)
            bands[chain[-1].position] = _loop(chain, height, found)
            moved |= {link.position for link in chain}
    result: list[Step] = []
    is_owed = False
    for position, step in enumerate(steps):
        # Launches that go elsewhere take no barrier away from those behind them, and a loop wants one behind it.
        if position in bands:
            result.append(bands[position])
        elif position not in moved:
            result.append(replace(step, barrier=step.barrier or is_owed) if isinstance(step, Launch) else step)
        is_owed = position in moved
    return found, tuple(result)


class _Chains:
    """Finds chains among the steps."""

    def __init__(self, buffers: Mapping[str, Buffer], steps: Sequence[Step], batch: int) -> None:
        self._buffers, self._steps, self._batch = buffers, steps, batch
        self._users: dict[str, list[int]] = defaultdict(list)
        for position, step in enumerate(steps):
            for name in dict.fromkeys(name for launch in launches_of((step,)) for name in _names(launch)):
                self._users[name].append(position)

    def find(self) -> Iterator[list[_Link]]:
        """Yield the longest chains that start with loops, none with a launch of another one."""
        taken: set[int] = set()
        for position, step in enumerate(self._steps):
            if position in taken or not isinstance(step, Launch) or not isinstance(step.kernel, LoopKernel):
                continue
            chain = [_Link(position, step, rows) for rows in row_loops(step.kernel)]
            while chain and (link := self._following(chain)) is not None:
                chain.append(link)
            if len(chain) > 1:
                taken |= {link.position for link in chain}
                yield chain

    def _following(self, chain: Sequence[_Link]) -> _Link | None:
        """Return the link that goes on with the rows of a chain."""
        last = chain[-1]
        written = _names(last.launch, writable=True)
        name = written[0]
        users = self._users[name]
        if len(written) > 1 or self._buffers[name].role != "temporary" or len(users) != 2 or users[0] != last.position:
            return None
        if _estimate(_bytes(self._buffers[name]), self._batch) < LEAST_BYTES:
            return None
        following = self._steps[users[1]]
        if not isinstance(following, Launch) or name in _names(following, writable=True):
            return None
        size = self._buffers[name].size
        planes = written_planes(last.launch.kernel, last.rows, _parameter(last.launch, name), size)
        if planes is None or not _keeps_rows(last, name, planes):
            return None
        for rows in row_loops(following.kernel, last.rows.count):
            link = _Link(users[1], following, rows, name, planes)
            if _keeps_rows(link, name, planes) and self._can_move([*chain, link]):
                return link
        return None

    def _can_move(self, chain: Sequence[_Link]) -> bool:
        """Tell whether all of a chain can run where its last launch does, one strip of it after another."""
        inside = {link.position for link in chain}
        overwritten = set(_names(chain[-1].launch, writable=True))
        for position in range(chain[-1].position - 1, chain[0].position - 1, -1):
            step = self._steps[position]
            if position not in inside:
                overwritten |= {name for launch in launches_of((step,)) for name in _names(launch, writable=True)}
            elif isinstance(step, Launch) and not overwritten.isdisjoint(_names(step)):
                return False
        return True


def _names(launch: Launch, writable: bool = False) -> list[str]:
    """Return the buffers that a launch uses, or writes."""
    pairs = zip(launch.kernel.parameters, launch.places)
    return [name for p, place in pairs if p.writable or not writable for name in place.buffers]


def _parameter(launch: Launch, name: str) -> str:
    """Return the kernel's parameter for a buffer."""
    return next(p.name for p, place in zip(launch.kernel.parameters, launch.places) if place.buffer == name)


def _strip(count: Dim, height: int) -> Symbol:
    strips = divide_exactly(count, height)
    assert strips is not None
    return Symbol("strip", strips)


def _keeps_rows(link: _Link, name: str, planes: Planes) -> bool:
    """Tell whether a launch accesses a buffer, all of which it is given, in the rows that it computes alone."""
    launch = link.launch
    return name in launch.arguments and keeps_rows(launch.kernel, link.rows, _parameter(launch, name), planes)


def _bytes(b: Buffer) -> Dim:
    return multiply(b.size, itemsize(b.dtype))


def _estimate(dim: Dim, batch: int) -> int:
    """Return a dim for run-time sizes of `batch`; 0 where it is none then."""
    try:
        return evaluate(dim, dict.fromkeys(symbols(dim), batch))
    except ZeroDivisionError:
        return 0


def _divisors(dim: Dim) -> list[int]:
    """Return the numbers that divide a dim whatever the run-time sizes, the largest first."""
    whole = dim if isinstance(dim, int) else math.gcd(*dim.terms.values())
    small = [d for d in range(1, math.isqrt(whole) + 1) if whole % d == 0]
    return sorted({*small, *(whole // d for d in small)}, reverse=True)


def _private(chain: Sequence[_Link], buffers: Mapping[str, Buffer], height: int) -> dict[str, Buffer]:
    """Return the buffers between the launches of a chain, for strips of `height` rows."""
    links = [(link.source, link.planes) for link in chain if link.planes is not None]
    return {name: replace(buffers[name], role="private", size=planes.size(height)) for name, planes in links}


def _height(chain: Sequence[_Link], buffers: Mapping[str, Buffer], batch: int) -> int:
    """Return how many rows a strip of a chain has; 0 where the chain does not gain by strips."""
    count = chain[0].rows.count
    most = _estimate(count, batch) // LEAST_STRIPS
    for height in _divisors(count):
        size = sum(_estimate(_bytes(b), batch) for b in _private(chain, buffers, height).values())
        if height <= most and size <= MOST_BYTES:
            return height if _read_again(chain, buffers, batch) <= MOST_READ_AGAIN * size else 0
    return 0


def _read_again(chain: Sequence[_Link], buffers: Mapping[str, Buffer], batch: int) -> int:
    """Return the bytes of what is the same for all rows."""
    fixed = {name for link in chain for name, moves in _moving(link).items() if not moves}
    return sum(_estimate(_bytes(buffers[name]), batch) for name in fixed)


def _moving(link: _Link) -> dict[str, bool]:
    """Return the buffers of a launch: whether rows have elements of their own there."""
    moving = {name for name, offset in accesses(link.launch.kernel) if link.rows.symbol in symbols(offset)}
    pairs = zip(link.launch.kernel.parameters, link.launch.places)
    return {place.buffer: p.name in moving for p, place in pairs}


def _loop(chain: Sequence[_Link], height: int, buffers: Mapping[str, Buffer]) -> Loop:
    """Return the loop over the strips of a chain; `buffers` has the private ones."""
    strip = _strip(chain[0].rows.count, height)
    assert strip.extent is not None
    launches: list[Step] = []
    for number, link in enumerate(chain):
        launch = link.launch
        private = {_parameter(launch, x.source): x.planes for x in chain[number : number + 2] if x.planes is not None}
        kernel = cut_kernel(launch.kernel, link.rows, strip, height, private)
        moved: Dim = 0
        for name, moves in _moving(link).items():
            whole = _bytes(buffers[name])
            is_part = moves and buffers[name].role != "private"
            moved = add(moved, floordiv(whole, strip.extent) if is_part else whole)
        work = floordiv(launch.work, strip.extent)
        launches.append(replace(launch, kernel=kernel, work=work, bytes=moved, barrier=number > 0))
    return Loop(strip, strip.extent, tuple(launches), apart=True)
