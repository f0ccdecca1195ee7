"""Rows that do not meet: where a size only counts rows, each of which is computed from its own row alone.

A kernel over `size` rows then does for some of them what it does for all, given places moved to the first of them and
their count as the size. A loop of such kernels can run all its iterations for some rows, and for others elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphc.loopir.nodes import (
    Call,
    ContractKernel,
    Expr,
    Fold,
    For,
    Index,
    Kernel,
    Let,
    Load,
    LoopKernel,
    Statement,
    Store,
)
from graphc.loopir.plan import Place, Step, launches_of
from graphc.symbolic import Dim, Symbol, Value, affine, atoms, divide_exactly, is_less, multiply, of_atom, symbols

Loops = list[tuple[Symbol, Dim]]


@dataclass
class _Uses:
    """What a kernel uses: its loops, the offsets in its buffers, and the dims that are values."""

    loops: Loops = field(default_factory=list)
    offsets: list[tuple[str, Dim]] = field(default_factory=list)
    values: list[Dim] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def add(self, body: Iterable[Statement]) -> None:
        """Add what statements use."""
        for s in body:
            match s:
                case For(symbol, extent, inner, _, _):
                    self.loops.append((symbol, extent))
                    self.add(inner)
                case Let(_, value):
                    self.add_expression(value)
                case Store(buffer, offset, value, _):
                    self.offsets.append((buffer, offset))
                    self.add_expression(value)
                case Fold(_, _, loops, value, _, inner):
                    self.loops += loops
                    self.add(inner)
                    self.add_expression(value)

    def add_expression(self, e: Expr) -> None:
        """Add what an expression uses."""
        stack: list[Expr] = [e]
        while stack:
            current = stack.pop()
            if id(current) in self._seen:
                continue
            self._seen.add(id(current))
            match current:
                case Call(_, arguments, _):
                    stack.extend(arguments)
                case Index(dim, _):
                    self.values.append(dim)
                case Load(buffer, offset, _, guard, _):
                    self.offsets.append((buffer, offset))
                    stack += [] if guard is None else [guard]


def accesses(kernel: Kernel) -> list[tuple[str, Dim]]:
    """Return the parameters that a kernel reads and writes, and where, the same as often as it occurs."""
    return _uses(kernel).offsets


def _uses(kernel: Kernel) -> _Uses:
    uses = _Uses()
    match kernel:
        case ContractKernel():
            uses.loops += [*kernel.batch, kernel.row, kernel.column, *kernel.depth]
            uses.add(kernel.epilogue)
            for operand in (kernel.left, *kernel.rights):
                uses.add_expression(operand)
        case LoopKernel(body=body):
            uses.add(body)
    return uses


def row_distances(kernel: Kernel, size: Symbol) -> tuple[Dim, ...] | None:
    """Return for each parameter how many elements a row takes up (0: all rows read the same).

    None where rows of `size` are not independent in the kernel, or it has no such rows.
    """
    uses = _uses(kernel)
    if isinstance(kernel, ContractKernel):
        parallel = [s for s, _ in (*kernel.batch, kernel.row)]
    else:
        parallel = [s.symbol for s in kernel.body if isinstance(s, For) and s.parallel]
    over_rows = [(s, extent) for s, extent in uses.loops if size in symbols(extent)]
    if len(over_rows) != 1 or over_rows[0][0] not in parallel:
        return None
    [(row, extent)] = over_rows
    parts = affine(extent, size)
    if parts is None or parts[1] != 0 or not isinstance(parts[0], int):
        return None
    if any(s in (row, size) for dim in uses.values for s in symbols(dim)):
        return None
    return _distances(kernel, uses.offsets, row, size, parts[0])


def _distances(
    kernel: Kernel, offsets: Sequence[tuple[str, Dim]], row: Symbol, size: Symbol, steps: int
) -> tuple[Dim, ...] | None:
    """Return the distances, given the loop over rows, which does `steps` iterations a row."""
    found: dict[str, Dim] = {}
    for buffer, offset in offsets:
        parts = affine(offset, row)
        if parts is None or any(size in symbols(part) for part in parts):
            return None
        distance = multiply(parts[0], steps)
        if any(isinstance(a, Value) for a in atoms(offset)) or found.setdefault(buffer, distance) != distance:
            return None
        if distance != 0 and not is_less(parts[1], parts[0]):
            return None
    distances = tuple(found.get(p.name, 0) for p in kernel.parameters)
    if any(p.writable and d == 0 for p, d in zip(kernel.parameters, distances)):
        return None
    return distances


def independent_rows(steps: tuple[Step, ...]) -> Symbol | None:
    """Return the size whose rows steps keep apart; None where there is none."""
    used = {s for launch in launches_of(steps) for s in launch.kernel.sizes}
    return next((s for s in sorted(used, key=lambda s: s.name) if keeps_rows_apart(steps, s)), None)


def keeps_rows_apart(steps: tuple[Step, ...], size: Symbol) -> bool:
    """Tell whether a row of `size` is computed from that row alone, in all launches and from step to step."""
    of_buffer: dict[str, set[Dim]] = {}
    written: set[str] = set()
    moved: list[tuple[str, Dim, Dim]] = []
    for launch in launches_of(steps):
        distances = row_distances(launch.kernel, size)
        if distances is None:
            return False
        for parameter, place, distance in zip(launch.kernel.parameters, launch.places, distances):
            for buffer, offset in _starts(place):
                of_buffer.setdefault(buffer, set()).add(distance)
                moved.append((buffer, offset, distance))
            if parameter.writable:
                written.add(place.buffer)
    if any(len(of_buffer[buffer]) > 1 for buffer in written):
        return False
    # A row of what the loop writes must be the same row at all places: these are whole numbers of all rows apart.
    whole = ((offset, multiply(d, of_atom(size))) for buffer, offset, d in moved if buffer in written)
    return all(divide_exactly(offset, rows) is not None for offset, rows in whole)


def _starts(place: Place) -> list[tuple[str, Dim]]:
    """Return the buffers that a place may be in, with where it then starts."""
    inside = [] if place.initial is None else _starts(place.initial)
    return [(place.buffer, place.offset), *inside]
