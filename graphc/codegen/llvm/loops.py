"""Loop kernels: For, Let, Store and Fold as LLVM loops over lanes, split over threads.

A parallel For gives each thread one contiguous range. A vector For runs unrolled vectors, then the rest under a
mask. A Fold outside of a vector For runs over lanes itself, with a number of accumulators that depends on its
extents alone, and is combined at the end in a fixed tree: no result depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm.builder import FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm.expression import ExpressionEmitter
from graphc.codegen.llvm.fold import FoldEmitter
from graphc.codegen.llvm.lanes import remaining_mask, unrolling
from graphc.codegen.target import Target
from graphc.loopir import Fold, For, Let, LoopKernel, Statement, Store


def emit_loop_kernel(kernel: LoopKernel, name: str, target: Target) -> FunctionText:
    """Return the function of a kernel.

    Its arguments are a pointer for each parameter, an i64 for each size, scratch memory, thread and threads.
    """
    pointers = {p.name: f"p{position}" for position, p in enumerate(kernel.parameters)}
    sizes = {symbol: f"size{position}" for position, symbol in enumerate(kernel.sizes)}
    builder = FunctionBuilder(
        name,
        [("ptr noalias", pointer) for pointer in pointers.values()]
        + [("i64", size) for size in sizes.values()]
        + [("ptr", "scratch"), ("i64", "thread"), ("i64", "threads")],
    )
    emitter = ExpressionEmitter(builder, target, kernel.parameters, {n: f"%{p}" for n, p in pointers.items()})
    for symbol, size in sizes.items():
        emitter.bind(symbol, f"%{size}")
    _LoopEmitter(builder, emitter, target).kernel(kernel)
    return builder.finish()


class _LoopEmitter:
    def __init__(self, builder: FunctionBuilder, emitter: ExpressionEmitter, target: Target) -> None:
        self._builder = builder
        self._emitter = emitter
        self._target = target
        self._folds = FoldEmitter(builder, emitter, target)

    def kernel(self, kernel: LoopKernel) -> None:
        """Emit the body: split over threads, or by the first thread alone."""
        match kernel.body:
            case (For(parallel=True) as s,):
                self._for(s, split=True)
            case _:
                with self._builder.when(self._builder.compare("eq", "%thread", 0)), self._emitter.scope():
                    self._statements(kernel.body)

    def _statements(self, body: Sequence[Statement]) -> None:
        for s in body:
            match s:
                case For():
                    self._for(s)
                case Let(name, value):
                    self._emitter.let(name, value)
                case Store():
                    self._emitter.store(s)
                case Fold():
                    self._folds.emit(s)

    def _for(self, s: For, split: bool = False) -> None:
        if s.vector:
            self._vector_for(s, split)
            return
        low, high = self._range(s, 1, split)
        with self._builder.loop(low, high) as loop, self._emitter.scope(loop.section):
            self._emitter.bind(s.symbol, loop.index)
            self._statements(s.body)

    def _range(self, s: For, block: int, split: bool) -> tuple[Operand, Operand]:
        """Return the bounds of a loop: all of it or this thread's share, which starts at a multiple of a block."""
        b = self._builder
        extent = self._emitter.dim(s.extent)
        if not split:
            return 0, extent
        blocks = b.divide(b.add(extent, block - 1), block)
        low = b.divide(b.multiply(blocks, "%thread"), "%threads")
        high = b.divide(b.multiply(blocks, b.add("%thread", 1)), "%threads")
        return b.multiply(low, block), b.minimum(b.multiply(high, block), extent)

    def _vector_for(self, s: For, split: bool) -> None:
        b, lanes = self._builder, self._target.lanes
        copies = unrolling(self._emitter.facts, s, self._target)
        block = lanes * copies
        low, high = self._range(s, block, split)
        whole = b.add(low, b.multiply(b.divide(b.subtract(high, low), block), block))
        if not isinstance(s.extent, int) or s.extent >= block:
            self._vectors(s, low, whole, copies, masked=False)
        if not isinstance(s.extent, int) or s.extent % block != 0:
            masked = not isinstance(s.extent, int) or s.extent % lanes != 0
            self._vectors(s, whole, high, 1, masked)

    def _vectors(self, s: For, low: Operand, high: Operand, copies: int, masked: bool) -> None:
        lanes = self._target.lanes
        with (
            self._builder.loop(low, high, lanes * copies) as loop,
            self._emitter.scope(loop.section),
        ):
            mask = None
            if masked:
                mask = remaining_mask(self._emitter, self._builder.subtract(high, loop.index), lanes)
            with self._emitter.vector(s.symbol, loop.index, lanes, [mask] * copies):
                self._statements(s.body)
