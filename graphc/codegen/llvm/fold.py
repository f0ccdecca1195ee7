"""Folds: accumulators carried through loops, over lanes where no vector loop is around, combined in a fixed tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as every

from graphc import dtypes
from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.codegen.llvm.convert import COMPUTE, convert
from graphc.codegen.llvm.expression import ExpressionEmitter
from graphc.codegen.llvm.lanes import remaining_mask, unrolling
from graphc.codegen.llvm.math.functions import identity, larger, smaller
from graphc.codegen.llvm.vector import Vector
from graphc.codegen.target import Target
from graphc.loopir import COMBINERS, Call, Expr, Fold, at_places
from graphc.records import record, replace
from graphc.symbolic import Dim, Polynomial, Symbol, add, multiply

# A fold whose static extents multiply to at most this is written out, without loops.
_WRITTEN_OUT = 16
# A static innermost extent below this is folded one element at a time.
_FEWEST_LANES = 4
_UNSET = (1 << 63) - 1

_Loops = Sequence[tuple[Symbol, Dim]]


@record
class _Accumulator:
    """A folded value, and its position where the fold asks for one."""

    value: Vector
    position: Vector | None = None

    @property
    def parts(self) -> list[Vector]:
        return [self.value] if self.position is None else [self.value, self.position]


class FoldEmitter:
    """Emits the folds of one kernel."""

    def __init__(self, builder: FunctionBuilder, emitter: ExpressionEmitter, target: Target) -> None:
        self._builder = builder
        self._emitter = emitter
        self._target = target

    def emit(self, s: Fold) -> None:
        """Emit a fold and bind its name."""
        extent = s.loops[-1][1] if s.loops else 1
        if self._emitter.in_lanes or (isinstance(extent, int) and extent < _FEWEST_LANES):
            accumulators = self._in_order(s)
            self._bind(s, accumulators)
        else:
            total = self._across_lanes(s)
            self._bind(s, [total])

    def _bind(self, s: Fold, accumulators: list[_Accumulator]) -> None:
        if COMBINERS[s.combine]:
            positions = [a.position for a in accumulators if a.position is not None]
            # Nothing was larger than the lowest value: the first element is the answer.
            found = [p.equals(_UNSET).select(0, p) for p in positions]
            self._emitter.bind_local(s.name, [convert(p, "int64", s.dtype) for p in found])
        else:
            self._emitter.bind_local(s.name, [a.value for a in accumulators])

    # one element after the other, in every lane that there is

    def _in_order(self, s: Fold) -> list[_Accumulator]:
        copies, lanes = self._emitter.copies, self._emitter.lanes
        start = [self._start(s, lanes) for _ in range(copies)]

        def step(accumulators: list[_Accumulator]) -> list[_Accumulator]:
            self._lets(s)
            return [self._combined(s, a, copy) for copy, a in enumerate(accumulators)]

        sizes = [extent for _, extent in s.loops]
        total = 1
        for size in sizes:
            total *= size if isinstance(size, int) else _WRITTEN_OUT + 1
        if total <= _WRITTEN_OUT and not s.body and not COMBINERS[s.combine]:
            return self._written_out(s, start)
        return self._nest(s.loops, start, step, written_out=total <= _WRITTEN_OUT)

    def _written_out(self, s: Fold, accumulators: list[_Accumulator]) -> list[_Accumulator]:
        """Write out the values of a fold in the scope that is open: folds of neighbouring windows load what they share
        once."""
        for places in every(*(range(extent) for _, extent in s.loops if isinstance(extent, int))):
            here = replace(s, value=at_places(s.value, {v: place for (v, _), place in zip(s.loops, places)}))
            accumulators = [self._combined(here, a, copy) for copy, a in enumerate(accumulators)]
        return accumulators

    def _nest(
        self,
        loops: _Loops,
        accumulators: list[_Accumulator],
        step: Callable[[list[_Accumulator]], list[_Accumulator]],
        written_out: bool = False,
    ) -> list[_Accumulator]:
        """Run `step` in loops that carry the accumulators."""
        if not loops:
            return step(accumulators)
        (symbol, extent), inner = loops[0], loops[1:]
        if written_out and isinstance(extent, int):
            for index in range(extent):
                with self._emitter.scope():
                    self._emitter.bind(symbol, index)
                    accumulators = self._nest(inner, accumulators, step, written_out)
            return accumulators

        def body(index: Operand, carried: list[_Accumulator]) -> list[_Accumulator]:
            self._emitter.bind(symbol, index)
            return self._nest(inner, carried, step)

        return self._loop(0, self._emitter.dim(extent), 1, accumulators, body)

    def _loop(
        self,
        low: Operand,
        high: Operand,
        step: int,
        accumulators: list[_Accumulator],
        body: Callable[[Operand, list[_Accumulator]], list[_Accumulator]],
    ) -> list[_Accumulator]:
        parts = [part for a in accumulators for part in a.parts]
        carried = [(part.type, part.name) for part in parts]
        with self._builder.loop(low, high, step, carried) as loop, self._emitter.scope(loop.section):
            inside = self._rebuilt(accumulators, loop.carried)
            ended = body(loop.index, inside)
            loop.next = [part.name for a in ended for part in a.parts]
        return self._rebuilt(accumulators, loop.results)

    def _rebuilt(self, accumulators: list[_Accumulator], names: Sequence[str]) -> list[_Accumulator]:
        """Return accumulators of the same types in other registers."""
        remaining = iter(names)

        def renamed(part: Vector) -> Vector:
            return Vector(part.arithmetic, next(remaining), part.element, part.lanes)

        return [
            _Accumulator(renamed(a.value), None if a.position is None else renamed(a.position)) for a in accumulators
        ]

    # over lanes

    def _across_lanes(self, s: Fold) -> _Accumulator:
        copies = unrolling(self._emitter.facts, s, self._target)
        start = [self._start(s, self._target.lanes) for _ in range(copies)]
        accumulators = self._nest(s.loops[:-1], start, lambda carried: self._innermost(s, carried))
        while len(accumulators) > 1:
            pairs = [self._merged(s, *accumulators[i : i + 2]) for i in range(0, len(accumulators) - 1, 2)]
            accumulators = pairs + accumulators[len(pairs) * 2 :]
        return self._folded(s, accumulators[0])

    def _innermost(self, s: Fold, accumulators: list[_Accumulator]) -> list[_Accumulator]:
        b, lanes = self._builder, self._target.lanes
        symbol, dim = s.loops[-1]
        extent, block = self._emitter.dim(dim), lanes * len(accumulators)
        whole = b.multiply(b.divide(extent, block), block)

        def full(index: Operand, carried: list[_Accumulator]) -> list[_Accumulator]:
            with self._emitter.vector(symbol, index, lanes, [None] * len(carried)):
                self._lets(s)
                return [self._combined(s, a, copy) for copy, a in enumerate(carried)]

        def partial(index: Operand, carried: list[_Accumulator]) -> list[_Accumulator]:
            is_exact = isinstance(dim, int) and dim % lanes == 0
            mask = None if is_exact else remaining_mask(self._emitter, b.subtract(extent, index), lanes)
            with self._emitter.vector(symbol, index, lanes, [mask]):
                self._lets(s)
                return [self._combined(s, carried[0], 0, mask)]

        if not isinstance(dim, int) or dim >= block:
            accumulators = self._loop(0, whole, block, accumulators, full)
        if not isinstance(dim, int) or dim % block != 0:
            accumulators = self._loop(whole, extent, lanes, accumulators[:1], partial) + accumulators[1:]
        return accumulators

    def _folded(self, s: Fold, a: _Accumulator) -> _Accumulator:
        """Return the lanes combined: the first half with the second until one is left."""
        while a.value.lanes > 1:
            half = a.value.lanes // 2
            first, second = list(range(half)), list(range(half, 2 * half))
            low, high = (
                _Accumulator(a.value.permuted(p), None if a.position is None else a.position.permuted(p))
                for p in (first, second)
            )
            a = self._merged(s, low, high)
        return a

    # combining

    def _lets(self, s: Fold) -> None:
        for let in s.body:
            self._emitter.let(let.name, let.value)

    def _dtype(self, s: Fold) -> str:
        """Return the dtype that is folded: a position's is that of the values compared."""
        return dtypes.TABLE[s.value.dtype if COMBINERS[s.combine] else s.dtype].compute

    def _start(self, s: Fold, lanes: int) -> _Accumulator:
        dtype, arithmetic = self._dtype(s), self._emitter.arithmetic
        value = arithmetic.constant(identity(s.combine, dtype), COMPUTE[dtype], lanes)
        return _Accumulator(value, arithmetic.constant(_UNSET, "i64", lanes) if COMBINERS[s.combine] else None)

    def _combined(self, s: Fold, a: _Accumulator, copy: int, mask: Vector | None = None) -> _Accumulator:
        """Return an accumulator with one more value in each lane of the mask (None: in all)."""
        dtype = self._dtype(s)
        if a.position is not None:
            position = self._emitter.lanes_of_dim(_position(s.loops), copy)
            value = self._value(s.value, dtype, copy)
            takes = _takes(a.value, value, s.combine, dtype)
            takes = takes if mask is None else takes & mask
            return _Accumulator(takes.select(value, a.value), takes.select(position, a.position))
        if mask is None and s.combine == "sum" and dtypes.is_float(dtype):
            product = _factors(s.value, dtype)
            if product is not None:
                left, right = (self._value(e, dtype, copy) for e in product)
                return _Accumulator(left.fma(right, a.value))
        value = self._value(s.value, dtype, copy)
        combined = _combine(s.combine, a.value, value, dtype)
        return _Accumulator(combined if mask is None else mask.select(combined, a.value))

    def _value(self, e: Expr, dtype: str, copy: int) -> Vector:
        return convert(self._emitter.value(e, copy), dtypes.TABLE[e.dtype].compute, dtype)

    def _merged(self, s: Fold, a: _Accumulator, b: _Accumulator) -> _Accumulator:
        """Return two accumulators of different elements as one."""
        dtype = self._dtype(s)
        if a.position is None or b.position is None:
            return _Accumulator(_combine(s.combine, a.value, b.value, dtype))
        beats = _takes(a.value, b.value, s.combine, dtype)
        loses = _takes(b.value, a.value, s.combine, dtype)
        takes = beats | (~loses & (b.position < a.position))
        return _Accumulator(takes.select(b.value, a.value), takes.select(b.position, a.position))


def _combine(combine: str, a: Vector, b: Vector, dtype: str) -> Vector:
    match combine:
        case "sum" | "any":
            return a | b if dtype == "bool" else a + b
        case "prod" | "all":
            return a & b if dtype == "bool" else a * b
        case "max":
            return larger(a, b, dtype)
        case _:
            return smaller(a, b, dtype)


def _takes(best: Vector, value: Vector, combine: str, dtype: str) -> Vector:
    """Return where a value replaces the best so far: it is further out, or the first nan."""
    relation = "gt" if combine == "argmax" else "lt"
    if best.is_float:
        # Unordered comparison lets a nan in; nothing replaces one.
        return value.compare("u" + relation, best) & best.compare("ord", best)
    return value.compare(("s" if dtypes.TABLE[dtype].kind == "int" else "u") + relation, best)


def _factors(e: Expr, dtype: str) -> tuple[Expr, Expr] | None:
    """Return the factors of a product that is computed in this dtype."""
    match e:
        case Call("multiply", (left, right), product) if dtypes.TABLE[product].compute == dtype:
            return left, right
    return None


def _position(loops: _Loops) -> Dim:
    """Return the row-major number of an iteration."""
    position: Dim = 0
    for symbol, extent in loops:
        position = add(multiply(position, extent), Polynomial({(symbol,): 1}))
    return position
