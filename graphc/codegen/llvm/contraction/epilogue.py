"""What happens to the sums of a tile: the epilogue of a contraction, through the emitter of expressions.

A light epilogue runs on the accumulators in registers. A heavy one, whose code would be repeated for each of them,
runs in a loop over a copy of the tile, which is still in the nearest cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.codegen.llvm.contraction.micro_kernel import VectorWriter
from graphc.codegen.llvm.expression import ExpressionEmitter
from graphc.codegen.llvm.facts import Fact
from graphc.codegen.llvm.vector import Vector
from graphc.codegen.target import Target
from graphc.loopir import ContractKernel, Let, Load, Store
from graphc.symbolic import Symbol

# Rough instructions a vector above which the epilogue loops over rows, and above which over single vectors.
_LIGHT, _HEAVY = 12, 30


class Epilogue:
    """Writes the epilogue of one kernel, after each of its tiles.

    `rows` are the symbols that tell the rows of a tile apart. `expressions` is the emitter that it uses; sizes and all
    other symbols of the batch must be bound to it.
    """

    def __init__(
        self,
        kernel: ContractKernel,
        builder: FunctionBuilder,
        writer: VectorWriter,
        target: Target,
        pointers: Mapping[str, str],
        rows: Sequence[Symbol],
    ) -> None:
        self.expressions = ExpressionEmitter(builder, target, kernel.parameters, pointers)
        self._builder = builder
        self._writer = writer
        self._statements = kernel.epilogue
        self._names = [total.name for total in kernel.sums]
        self._rows = rows
        self._column, self._columns = kernel.column
        facts: dict[int, Fact] = {}
        for statement in kernel.epilogue:
            _collect(self.expressions.facts.of(statement.value), facts)
        self._cost = sum(f.cost for f in facts.values()) + sum(isinstance(s, Store) for s in kernel.epilogue)
        # What all rows of a tile read alike is read once.
        self._shared = [f.expression for f in facts.values() if self._is_shared(f)]
        self._own = [f.expression for f in facts.values() if isinstance(f.expression, Load) and self._is_own(f)]

    def _is_shared(self, fact: Fact) -> bool:
        if not isinstance(fact.expression, Load) or fact.reads or self._column not in fact.depends:
            return False
        return fact.depends.isdisjoint(self._rows) and not any(isinstance(d, str) for d in fact.depends)

    def _is_own(self, fact: Fact) -> bool:
        """Tell whether each row of a tile reads elements of its own."""
        is_known = not any(isinstance(d, str) for d in fact.depends)
        return is_known and self._column in fact.depends and not fact.depends.isdisjoint(self._rows)

    def ask_ahead(
        self, rows: int, place_of: Callable[[Operand], Sequence[Operand]], column: Operand, masks: Sequence[str | None]
    ) -> None:
        """Ask for what the epilogue of a tile of so many rows will read row by row; the others are as for `emit`."""
        for load in self._own:
            for i in range(rows):
                with self._over_columns(column, masks):
                    self._place(place_of(i))
                    self.expressions.ask_for(load)

    def emit(
        self,
        sums: Sequence[Sequence[str]],
        place_of: Callable[[Operand], Sequence[Operand]],
        column: Operand,
        masks: Sequence[str | None],
        remaining: Operand,
        saved: str,
    ) -> None:
        """Write the epilogue of a tile: `sums` are its rows of vectors, from `column` on, those of each sum in turn.

        `place_of` tells the values of the symbols of rows for a row of the tile.
        Masks tell which lanes of each vector of a row are elements; they are those of the `remaining` columns from
        the first one on, or None where all vectors are full. `saved` is room for a copy of the tile.
        """
        b, w, lanes = self._builder, self._writer, self._writer.lanes
        if self._columns == 1:
            with self.expressions.scope():
                self.expressions.bind(self._column, 0)
                for i, values in enumerate(sums):
                    firsts = [
                        b.value(f"extractelement {w.vector} {values[0]}, i64 0") for values in self._by_sum(values)
                    ]
                    with self.expressions.scope():
                        self._run(place_of(i), [[self._vector(first, 1)] for first in firsts])
            return
        if self._cost <= _LIGHT or len(sums) * len(masks) == 1:
            with self._over_columns(column, masks):
                for load in self._shared if len(sums) > 1 else ():
                    for copy in range(len(masks)):
                        self.expressions.value(load, copy)
                for i, values in enumerate(sums):
                    with self.expressions.scope():
                        self._run(place_of(i), [self._vectors(part) for part in self._by_sum(values)])
            return
        save_tile(w, [value for values in sums for value in values], saved)
        vectors = len(masks)
        pitch = vectors * lanes * len(self._names)
        group = 1 if self._cost > _HEAVY else vectors
        with b.loop(0, len(sums), 1) as along, b.loop(0, vectors, group) as across:
            offset = b.multiply(across.index, lanes)
            if group == 1 and masks[0] is not None:
                masks = [w.lanes_below(b.subtract(remaining, offset))]
            start = b.gep(saved, b.add(b.multiply(along.index, pitch), offset), w.scalar)
            loaded = [
                [w.load(b.gep(start, (number * vectors + copy) * lanes, w.scalar), w.dtype) for copy in range(group)]
                for number in range(len(self._names))
            ]
            with self._over_columns(b.add(column, offset), masks[:group]):
                self._run(place_of(along.index), [self._vectors(part) for part in loaded])

    @contextmanager
    def _over_columns(self, column: Operand, masks: Sequence[str | None]) -> Iterator[None]:
        lanes = self._writer.lanes
        active = [None if mask is None else Vector(self.expressions.arithmetic, mask, "i1", lanes) for mask in masks]
        with self.expressions.scope(), self.expressions.vector(self._column, column, lanes, active):
            yield

    def _by_sum(self, values: Sequence[str]) -> list[Sequence[str]]:
        """Return the vectors of a row, apart for each sum."""
        each = len(values) // len(self._names)
        return [values[start : start + each] for start in range(0, len(values), each)]

    def _vectors(self, registers: Sequence[str]) -> list[Vector]:
        return [self._vector(register, self._writer.lanes) for register in registers]

    def _vector(self, register: str, lanes: int) -> Vector:
        return Vector(self.expressions.arithmetic, register, self._writer.scalar, lanes)

    def _place(self, place: Sequence[Operand]) -> None:
        for symbol, value in zip(self._rows, place):
            self.expressions.bind(symbol, value)

    def _run(self, place: Sequence[Operand], sums: Sequence[Sequence[Vector]]) -> None:
        self._place(place)
        for name, values in zip(self._names, sums):
            self.expressions.bind_local(name, values)
        for statement in self._statements:
            if isinstance(statement, Let):
                self.expressions.let(statement.name, statement.value)
            else:
                self.expressions.store(statement)


def save_tile(w: VectorWriter, values: Sequence[str], saved: str) -> None:
    """Store vectors one after the other."""
    for position, value in enumerate(values):
        w.store(value, w.builder.gep(saved, position * w.lanes, w.scalar))


def _collect(fact: Fact, facts: dict[int, Fact]) -> None:
    if fact.number in facts:
        return
    facts[fact.number] = fact
    for child in fact.children:
        _collect(child, facts)
