"""The meaning of the loop IR, in NumPy: the oracle of both targets.

Loops whose iterations are independent (parallel, vector) become array axes; other loops run one by one. A new
axis is put in front, so that values of outer loops broadcast as they are. Sixteen-bit floats are storage:
loading widens to float32, storing rounds to nearest even, and nothing in between rounds. Memory that was not
written holds 0xFF bytes, so that reading it shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import numpy as np

from graphc import symbolic
from graphc.dtypes import TABLE, is_float, itemsize
from graphc.errors import ExecutionError, ShapeError
from graphc.loopir.nodes import (
    Call,
    Const,
    ContractKernel,
    Expr,
    Fold,
    For,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    LoopKernel,
    Statement,
    Store,
)
from graphc.loopir.plan import Launch, Loop, Place, Plan, Step
from graphc.loopir.scalar import MEANING, cast, fold, philox
from graphc.symbolic import Dim, FloorDiv, Modulo, Symbol, Value

Array = np.ndarray[Any, Any]


def evaluate_plan(plan: Plan, arrays: Sequence[Any]) -> tuple[list[Array], dict[str, Array]]:
    """Return (results, new values of the state buffers, flat, by buffer name) for arrays given in argument order.

    Changes no state. Raises ShapeError for arrays that do not fit, ExecutionError for an access out of range.
    """
    sizes = _bind_sizes(plan, arrays)
    memory = _allocate(plan, arrays, sizes)
    _run_steps(plan.steps, memory, sizes)
    results = [
        memory[r.buffer].reshape([symbolic.evaluate(dim, sizes) for dim in r.shape]).copy() for r in plan.results
    ]
    return results, {b.name: memory[b.name] for b in plan.buffers if b.role == "state"}


def _run_steps(steps: Sequence[Step], memory: Mapping[str, Array], sizes: Mapping[Symbol, int]) -> None:
    """Run steps; `sizes` binds the symbols of the loops around them too."""
    for step in steps:
        match step:
            case Launch(kernel):
                named = {p.name: _elements(place, memory, sizes) for p, place in zip(kernel.parameters, step.places)}
                evaluate_kernel(kernel, named, sizes)
            case Loop(symbol, extent, inner):
                for position in range(symbolic.evaluate(extent, sizes)):
                    _run_steps(inner, memory, {**sizes, symbol: position})


def _elements(place: Place, memory: Mapping[str, Array], sizes: Mapping[Symbol, int]) -> Array:
    if place.index is not None and place.initial is not None and symbolic.evaluate(place.index, sizes) == 0:
        return _elements(place.initial, memory, sizes)
    offset = symbolic.evaluate(place.offset, sizes)
    if not 0 <= offset <= memory[place.buffer].size:
        raise ExecutionError(f"{place.buffer} has {memory[place.buffer].size} elements; a place starts at {offset}")
    return memory[place.buffer][offset:]


def _bind_sizes(plan: Plan, arrays: Sequence[Any]) -> dict[Symbol, int]:
    if len(arrays) != len(plan.arguments):
        raise ShapeError(f"the plan takes {len(plan.arguments)} arrays; {len(arrays)} were given")
    sizes: dict[Symbol, int] = {}
    for argument, array in zip(plan.arguments, arrays):
        if np.ndim(array) != len(argument.shape):
            raise ShapeError(
                f"'{argument.name}' has rank {len(argument.shape)}; an array of {np.shape(array)} was given"
            )
        for dim, size in zip(argument.shape, np.shape(array)):
            for symbol in symbolic.symbols(dim):
                if dim == symbolic.symbol(symbol.name, symbol.extent):
                    sizes.setdefault(symbol, size)
    for argument, array in zip(plan.arguments, arrays):
        expected = tuple(symbolic.evaluate(dim, sizes) for dim in argument.shape)
        if expected != np.shape(array):
            raise ShapeError(f"'{argument.name}' has shape {expected}; an array of {np.shape(array)} was given")
    return sizes


def _allocate(plan: Plan, arrays: Sequence[Any], sizes: dict[Symbol, int]) -> dict[str, Array]:
    given = {a.buffer: array for a, array in zip(plan.arguments, arrays)}
    arena = np.full(symbolic.evaluate(plan.arena, sizes), 0xFF, np.uint8)
    memory: dict[str, Array] = {}
    for b in plan.buffers:
        dtype = TABLE[b.dtype].numpy
        count = symbolic.evaluate(b.size, sizes)
        match b.role:
            case "input":
                memory[b.name] = np.array(given[b.name], dtype).reshape(-1)
            case "constant":
                memory[b.name] = np.asarray(b.value, dtype).reshape(-1)
            case "state":
                memory[b.name] = b.source.get_value().reshape(-1)
            case "temporary" if b.slot is not None:
                start = symbolic.evaluate(b.slot, sizes)
                end = start + count * itemsize(b.dtype)
                if end > arena.size:
                    raise ExecutionError(f"{b.name} ends at byte {end} of an arena of {arena.size} bytes")
                memory[b.name] = arena[start:end].view(dtype)
            case _:
                memory[b.name] = np.full(count * itemsize(b.dtype), 0xFF, np.uint8).view(dtype)
    return memory


def evaluate_kernel(kernel: Kernel, memory: Mapping[str, Array], sizes: Mapping[Symbol, int]) -> None:
    """Run a kernel on flat arrays by parameter name, in place; `sizes` binds its size symbols.

    Raises ExecutionError for an access out of range.
    """
    run = _Run(memory, dict(sizes))
    with np.errstate(all="ignore"):
        match kernel:
            case LoopKernel(body=body):
                run.body(body, ())
            case ContractKernel():
                run.contraction(kernel)


class _Run:
    """One run of a kernel: memory, the values of symbols and locals. `axes` are the extents of vectorised loops."""

    def __init__(self, memory: Mapping[str, Array], symbols: dict[Symbol, Any]) -> None:
        self.memory = memory
        self.symbols = symbols
        self.locals: dict[str, Array] = {}

    def body(self, body: Sequence[Statement], axes: tuple[int, ...]) -> None:
        for s in body:
            self.statement(s, axes)

    def statement(self, s: Statement, axes: tuple[int, ...]) -> None:
        match s:
            case For(symbol, extent, body, parallel, vector):
                count = self.extent(extent)
                if count == 0:
                    return
                if (parallel or vector) and not _has_extent_of(body, symbol):
                    self.symbols[symbol] = np.arange(count).reshape((count,) + (1,) * len(axes))
                    self.body(body, (count, *axes))
                    return
                for position in range(count):
                    self.symbols[symbol] = np.int64(position)
                    self.body(body, axes)
            case Let(name, value):
                self.locals[name] = self.value(value)
            case Store():
                self.store(s)
            case Fold():
                self.locals[s.name] = self.fold(s, axes)

    def extent(self, extent: Dim) -> int:
        count = np.asarray(self.dim(extent, {}))
        if count.ndim:
            raise ExecutionError("a loop's extent depends on a vectorised loop through a computed value")
        return max(0, int(count))

    def fold(self, s: Fold, axes: tuple[int, ...]) -> Array:
        counts = tuple(self.extent(extent) for _, extent in s.loops)
        if 0 in counts:
            return fold(s.combine, np.empty((0,) + (1,) * len(axes), TABLE[TABLE[s.dtype].compute].numpy), s.dtype)
        for axis, ((symbol, _), count) in enumerate(zip(s.loops, counts)):
            shape = (count,) + (1,) * (len(counts) - axis - 1 + len(axes))
            self.symbols[symbol] = np.arange(count).reshape(shape)
        self.body(s.body, counts + axes)
        value = self.value(s.value)
        full = np.broadcast_shapes(value.shape, counts + (1,) * len(axes))
        values = np.broadcast_to(value, full).reshape((math.prod(counts),) + full[len(counts) :])
        return fold(s.combine, values, s.dtype)

    def store(self, s: Store) -> None:
        memory = self.memory[s.buffer]
        memo: dict[int, Any] = {}
        offset = np.asarray(self.dim(s.offset, memo))
        self.check_range(s.buffer, offset)
        value = self.value(s.value, memo)
        offset, value = np.broadcast_arrays(offset, value)
        stored = memory.dtype.type
        if s.accumulate:
            wide = memory.astype(value.dtype)
            np.add.at(wide, offset, value)
            touched = np.unique(offset)
            memory[touched] = wide[touched].astype(stored)
        else:
            memory[offset] = value.astype(stored)

    def check_range(self, buffer: str, offset: Array) -> None:
        size = self.memory[buffer].size
        if offset.size and (int(offset.min()) < 0 or int(offset.max()) >= size):
            raise ExecutionError(f"{buffer} has {size} elements; {int(offset.min())}..{int(offset.max())} are accessed")

    def value(self, e: Expr, memo: dict[int, Any] | None = None) -> Array:
        """Return e's value over all current axes it depends on; `memo` keeps shared parts, by identity."""
        if memo is None:
            memo = {}
        found = memo.get(id(e))
        if found is None:
            found = memo[id(e)] = self.compute(e, memo)
        return found

    def compute(self, e: Expr, memo: dict[int, Any]) -> Array:
        compute = TABLE[TABLE[e.dtype].compute].numpy
        match e:
            case Const(value, _):
                return np.array(value, compute)
            case Index(dim, _):
                return np.asarray(self.dim(dim, memo)).astype(compute)
            case Local(name, _):
                return self.locals[name]
            case Load():
                return self.load(e, memo).astype(compute)
            case Call("philox", (Const(word, _), *words), _):
                values = [self.value(word_expression, memo) for word_expression in words]
                return philox(int(word), tuple(values[:4]), tuple(values[4:]))
            case Call("cast", (argument,), dtype):
                return cast(self.value(argument, memo), dtype)
            case Call(primitive, arguments, _):
                result = MEANING[primitive](*(self.value(argument, memo) for argument in arguments))
                return np.asarray(result).astype(compute, copy=False)
        assert_never(e)

    def load(self, e: Load, memo: dict[int, Any]) -> Array:
        memory = self.memory[e.buffer]
        offset = np.asarray(self.dim(e.offset, memo))
        if e.guard is None:
            self.check_range(e.buffer, offset)
            return np.asarray(memory[offset])
        guard, offset = np.broadcast_arrays(self.value(e.guard, memo), offset)
        self.check_range(e.buffer, offset[guard])
        other = np.array(e.other.value if e.other is not None else 0, memory.dtype)
        result = np.full(guard.shape, other)
        result[guard] = memory[offset[guard]]
        return result

    def dim(self, dim: Dim, memo: dict[int, Any]) -> Any:
        """Return a dim's value: an int, or an array over the axes it depends on."""
        if isinstance(dim, int):
            return dim
        total: Any = 0
        for monomial, coefficient in dim.terms.items():
            term: Any = coefficient
            for atom in monomial:
                match atom:
                    case Symbol():
                        term = term * self.symbols[atom]
                    case FloorDiv(numerator, divisor):
                        term = term * (self.dim(numerator, memo) // self.dim(divisor, memo))
                    case Modulo(numerator, divisor):
                        term = term * (self.dim(numerator, memo) % self.dim(divisor, memo))
                    case Value(payload):
                        term = term * self.value(payload, memo).astype(np.int64)  # type: ignore[arg-type]
            total = total + term
        return total

    def contraction(self, kernel: ContractKernel) -> None:
        loops = (*kernel.batch, kernel.row, kernel.column)
        counts = [self.extent(extent) for _, extent in loops]
        if 0 in counts:
            return
        depths = [self.extent(extent) for _, extent in kernel.depth]
        deep = math.prod(depths)
        row, column = kernel.row[0], kernel.column[0]
        for axis, ((symbol, _), count) in enumerate(zip(loops, counts)):
            self.symbols[symbol] = np.arange(count).reshape((count,) + (1,) * (len(loops) - axis - 1))
        batch = tuple(counts[:-2])
        rows, columns = counts[-2:]
        # Axes (batch, row, depth) for the left operand, (batch, depth, column) for the right one.
        positions = np.unravel_index(np.arange(deep), depths) if deep else [np.arange(0)] * len(depths)
        self.symbols |= {symbol: position for (symbol, _), position in zip(kernel.depth, positions)}
        left = np.broadcast_to(self.value(kernel.left), (*batch, rows, deep))
        self.symbols |= {symbol: position.reshape(deep, 1) for (symbol, _), position in zip(kernel.depth, positions)}
        # Summed in float64 and rounded once: closer to the sum than any order of a kernel's.
        wide = np.float64 if is_float(kernel.dtype) else left.dtype
        for total, right in zip(kernel.sums, kernel.rights):
            factors = np.broadcast_to(self.value(right), (*batch, deep, columns))
            product = np.matmul(left.astype(wide), factors.astype(wide))
            self.locals[total.name] = product.astype(TABLE[TABLE[kernel.dtype].compute].numpy)
        for symbol, _ in kernel.depth:
            del self.symbols[symbol]
        self.symbols[row] = np.arange(rows).reshape(rows, 1)
        self.symbols[column] = np.arange(columns)
        self.body(kernel.epilogue, tuple(counts))


def _has_extent_of(body: Sequence[Statement], symbol: Symbol) -> bool:
    """Tell whether a loop in the body runs to an extent that depends on the symbol."""
    for s in body:
        match s:
            case For(_, extent, inner, _, _):
                if symbol in symbolic.symbols(extent) or _has_extent_of(inner, symbol):
                    return True
            case Fold(loops=loops) if any(symbol in symbolic.symbols(extent) for _, extent in loops):
                return True
    return False
