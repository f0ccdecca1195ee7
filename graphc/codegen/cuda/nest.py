"""Loops of one thread, and the folds it does in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc import dtypes
from graphc.codegen.cuda.expression import CudaExpressions
from graphc.codegen.cuda.math import COMPUTE, combiner, convert, identity
from graphc.loopir import COMBINERS, Fold, For, Let, Statement, Store
from graphc.symbolic import Dim, Symbol, of_atom

Loop = tuple[Symbol, Dim]


def bind_number(emitter: CudaExpressions, loops: Sequence[Loop], number: str) -> None:
    """Bind the symbols of nested loops to the iteration of this number, the innermost counting fastest."""
    writer = emitter.writer
    for position, (symbol, extent) in reversed(list(enumerate(loops))):
        if extent == 1:
            emitter.bind(symbol, "0")
        elif all(e == 1 for _, e in loops[:position]):
            emitter.bind(symbol, number)
        else:
            count = emitter.dim(extent)
            emitter.bind(symbol, writer.constant("gc_index", f"{number} % {count}"))
            number = writer.constant("gc_index", f"{number} / {count}")


def nested(emitter: CudaExpressions, loops: Sequence[Loop], body: Callable[[], None]) -> None:
    """Write loops of one thread around a body."""
    if not loops:
        body()
        return
    (symbol, extent), *rest = loops
    name = emitter.writer.name("i")
    with emitter.writer.block(f"for (gc_index {name} = 0; {name} < {emitter.dim(extent)}; ++{name})"):
        emitter.bind(symbol, name)
        nested(emitter, rest, body)


def statements(emitter: CudaExpressions, body: Sequence[Statement]) -> None:
    """Write statements that one thread runs."""
    for s in body:
        match s:
            case For(symbol, extent, inner, _, _):
                # What was loaded before may have been written in an earlier iteration.
                emitter.writer.forget_all()
                nested(emitter, [(symbol, extent)], lambda inner=inner: statements(emitter, inner))  # type: ignore[misc]
            case Let():
                emitter.let(s)
            case Store():
                emitter.store(s)
            case Fold():
                fold = Folding(emitter, s)
                nested(emitter, s.loops, fold.step)
                fold.bind(fold.partial)


class Folding:
    """A fold under way: `partial` is the variable that holds what was folded so far."""

    def __init__(self, emitter: CudaExpressions, s: Fold) -> None:
        self._emitter, self._fold = emitter, s
        self._is_position = COMBINERS[s.combine]
        # A position's fold compares values of their own dtype.
        self._dtype = dtypes.TABLE[s.value.dtype if self._is_position else s.dtype].compute
        value = COMPUTE[self._dtype]
        self.kind = f"gc_place<{value}>" if self._is_position else value
        self.combiner = combiner(s.combine, self._dtype)
        start = identity(s.combine, self._dtype)
        self.partial = emitter.writer.name("fold")
        emitter.writer.line(f"{self.kind} {self.partial} = {f'{{{start}, -1}}' if self._is_position else start};")

    def step(self) -> None:
        """Write the folding in of the iteration that the symbols are bound to."""
        writer, s = self._emitter.writer, self._fold
        for let in s.body:
            self._emitter.let(let)
        value = convert(self._emitter.value(s.value), dtypes.TABLE[s.value.dtype].compute, self._dtype)
        if self._is_position:
            position: Dim = 0
            for symbol, extent in s.loops:
                position = position * extent + of_atom(symbol)
            value = f"{self.kind}{{{value}, (long long)({self._emitter.dim(position)})}}"
        writer.line(f"{self.partial} = {self.combiner}::combine({self.partial}, {value});")

    def bind(self, folded: str) -> None:
        """Bind the fold's local to the folded value."""
        s = self._fold
        if self._is_position:
            folded = f"({COMPUTE[s.dtype]})({folded}.position < 0 ? 0 : {folded}.position)"
        self._emitter.bind_local(s.name, self._emitter.writer.fresh(COMPUTE[s.dtype], folded))
