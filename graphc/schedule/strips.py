"""Strips: a kernel's loop over rows cut to some of them; what lies between kernels is in memory for these alone.

    for i < 14*batch: p1[12544*batch*a + 896*i + c] = ..      ->      for i < 2: p1[1808*a + 896*i + c] = ..

The kernel takes the number of the strip as a size: in all other buffers row i is row 2*strip + i.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from graphc.loopir import ContractKernel, Expr, For, Kernel, Load, LoopKernel, Statement, Store, accesses
from graphc.records import record, replace
from graphc.schedule.rewrite import Rewriter
from graphc.symbolic import (
    Dim,
    Symbol,
    add,
    affine,
    divide_exactly,
    floordiv,
    is_less,
    is_nonnegative,
    modulo,
    multiply,
    of_atom,
)

# Elements by which planes are further apart than a strip's rows are long: at distances that are a multiple of a page,
# lines of all of them would crowd a few places of a cache.
_GAP = 16


@record
class Rows:
    """The `count` rows that a kernel computes independently: a loop over `symbol` with `each` iterations a row."""

    symbol: Symbol
    count: Dim
    each: int


@record
class Planes:
    """How a buffer lies: in `number` planes of all `count` rows, `distance` elements from row to row."""

    number: int
    count: Dim
    distance: int

    @property
    def elements(self) -> Dim:
        """The elements of a plane."""
        return multiply(self.count, self.distance)

    def pitch(self, height: int) -> int:
        """Return the elements from plane to plane of strips of `height` rows."""
        return height * self.distance + _GAP

    def size(self, height: int) -> int:
        """Return the elements that a strip of `height` rows takes."""
        return self.number * self.pitch(height)


def row_loops(kernel: Kernel, count: Dim | None = None) -> Iterator[Rows]:
    """Yield the loops of independent iterations that may be those over `count` rows, the likeliest first.

    Without a count, each iteration of the loop that threads share is a row.
    """
    match kernel:
        case LoopKernel(body=(For(symbol, extent, parallel=True),)):
            loops = [(symbol, extent)]
        case ContractKernel(batch=batch, row=row):
            loops = [row, *reversed(batch)]
        case _:
            return
    for symbol, extent in loops:
        rows = extent if count is None else count
        each = divide_exactly(extent, rows)
        if isinstance(each, int) and each > 0:
            yield Rows(symbol, rows, each)


def written_planes(kernel: Kernel, rows: Rows, name: str, size: Dim) -> Planes | None:
    """Return how the kernel writes a parameter of `size` elements, by its first store; None where it is no planes."""
    body = kernel.epilogue if isinstance(kernel, ContractKernel) else kernel.body
    offset = next(s.offset for s in _stores(body) if s.buffer == name)
    parts = affine(offset, rows.symbol)
    distance = 0 if parts is None else multiply(parts[0], rows.each)
    if not isinstance(distance, int) or distance <= 0:
        return None
    number = divide_exactly(size, multiply(rows.count, distance))
    return Planes(number, rows.count, distance) if isinstance(number, int) else None


def _stores(body: Iterable[Statement]) -> Iterator[Store]:
    for s in body:
        match s:
            case For(body=inner):
                yield from _stores(inner)
            case Store():
                yield s


def keeps_rows(kernel: Kernel, rows: Rows, name: str, planes: Planes) -> bool:
    """Tell whether a kernel accesses a parameter in the rows that it computes alone."""
    return all(_place(offset, rows, planes) is not None for offset in {o for n, o in accesses(kernel) if n == name})


def _place(offset: Dim, rows: Rows, planes: Planes) -> tuple[Dim, Dim, Dim] | None:
    """Return an offset as the number of a plane, what an iteration of rows moves on in it, and the rest.

    None where the iterations are at other distances than the rows, or reach into each other's elements.
    """
    parts, whole = affine(offset, rows.symbol), planes.elements
    if parts is None or multiply(parts[0], rows.each) != planes.distance:
        return None
    number, inside = floordiv(parts[1], whole), modulo(parts[1], whole)
    is_own = is_nonnegative(inside) and is_less(inside, parts[0])
    return (number, parts[0], inside) if is_own and add(multiply(number, whole), inside) == parts[1] else None


def cut_kernel(kernel: Kernel, rows: Rows, strip: Symbol, height: int, private: Mapping[str, Planes]) -> Kernel:
    """Return the kernel for strip number `strip` of `height` rows.

    `private` tells of parameters, which hold no more than a strip, how they lay: the kernel keeps its rows there.
    """
    return _Cut(rows, strip, height, private).kernel(kernel)


class _Cut(Rewriter):
    def __init__(self, rows: Rows, strip: Symbol, height: int, private: Mapping[str, Planes]) -> None:
        self._rows, self._strip, self._height, self._private = rows, strip, height, private
        self._row = Symbol(rows.symbol.name, height * rows.each)
        self._symbols: dict[Symbol, Dim] = {
            rows.symbol: add(multiply(of_atom(strip), height * rows.each), of_atom(self._row))
        }
        super().__init__(symbols=self._symbols, replace=self._load)

    def kernel(self, kernel: Kernel) -> Kernel:
        match kernel:
            case LoopKernel(body=body):
                cut: Kernel = replace(kernel, body=tuple(map(self.statement, body)))
            case ContractKernel():
                cut = replace(
                    kernel,
                    batch=tuple(map(self._loop, kernel.batch)),
                    row=self._loop(kernel.row),
                    left=self.load(kernel.left),
                    right=self.load(kernel.right),
                    beside=tuple(map(self.load, kernel.beside)),
                    epilogue=tuple(map(self.straight, kernel.epilogue)),
                )
        return replace(cut, sizes=(*kernel.sizes, self._strip))

    def statement(self, s: Statement) -> Statement:
        """Return the statement mapped, extents too."""
        match s:
            case For(symbol, extent, body, parallel, vector):
                symbol, extent = self._loop((symbol, extent))
                return For(symbol, extent, tuple(map(self.statement, body)), parallel, vector)
            case Store(buffer, offset, value, accumulate) if buffer in self._private:
                return Store(buffer, self._moved(buffer, offset), self.expr(value), accumulate)
        return super().statement(s)

    def _loop(self, loop: tuple[Symbol, Dim]) -> tuple[Symbol, Dim]:
        symbol, extent = loop
        if symbol == self._rows.symbol:
            return self._row, self._height * self._rows.each
        extent = self.dim(extent)
        new = Symbol(symbol.name, extent)
        if new != symbol:
            self._symbols[symbol] = of_atom(new)
        return new, extent

    def _load(self, e: Load) -> Expr | None:
        if e.buffer not in self._private:
            return None
        guard = None if e.guard is None else self.expr(e.guard)
        return Load(e.buffer, self._moved(e.buffer, e.offset), e.dtype, guard, e.other)

    def _moved(self, name: str, offset: Dim) -> Dim:
        """Return where an offset is in planes of a strip."""
        place = _place(offset, self._rows, self._private[name])
        assert place is not None
        number, step, inside = place
        row = add(multiply(step, of_atom(self._row)), self.dim(inside))
        return add(multiply(self.dim(number), self._private[name].pitch(self._height)), row)
