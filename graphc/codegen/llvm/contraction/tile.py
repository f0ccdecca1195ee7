"""One tile of a contraction, with its masks, its place in blocks of the depth, and its epilogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.codegen.llvm.contraction.epilogue import Epilogue, save_tile
from graphc.codegen.llvm.contraction.micro_kernel import (
    LEAST_ASKING,
    Ahead,
    Strided,
    TileShape,
    VectorWriter,
    emit_tile,
)
from graphc.codegen.llvm.contraction.problem import Distances, Loop, Problem
from graphc.codegen.target import Target
from graphc.loopir import Load
from graphc.records import record, replace
from graphc.symbolic import Symbol


@record
class Product:
    """The operands of a product, or of a block of its depth, and its extents."""

    left: Strided
    right: Strided
    rows: Operand
    columns: Operand
    depth: tuple[Operand, ...]


@record
class Place:
    """Where a tile's results go.

    `column` is its first column, of which `remaining` are left from there on, with their masks. `saved` is where its
    accumulators may be kept; `block` tells whether the depth is in blocks, and if so whether this is the first and
    whether it is the last.
    """

    column: Operand
    remaining: Operand
    masks: Sequence[str | None]
    saved: str = "%scratch"
    block: tuple[str, str] | None = None


class TileWriter:
    """Writes tiles of one kernel's function. `extents` are rows, columns, then those of the depth."""

    def __init__(self, problem: Problem, name: str, target: Target) -> None:
        kernel = problem.kernel
        written = {p.name for p in kernel.parameters if p.writable}
        arguments = [
            (f"ptr noalias{'' if p.name in written else ' readonly'}", f"p{i}") for i, p in enumerate(kernel.parameters)
        ]
        arguments += [("i64", f"size{i}") for i in range(len(kernel.sizes))]
        arguments += [("ptr noalias", "scratch"), ("i64", "thread"), ("i64", "threads")]
        self.problem = problem
        self.kernel = kernel
        self.target = target
        self.builder = FunctionBuilder(name, arguments)
        self.writer = VectorWriter(self.builder, kernel.dtype, target.lanes, target.fma)
        self.pointers = {p.name: f"%p{i}" for i, p in enumerate(kernel.parameters)}
        self.rows: list[Symbol] = [kernel.row[0]] if problem.line is None else [problem.line[0], kernel.row[0]]
        self.epilogue = Epilogue(kernel, self.builder, self.writer, target, self.pointers, self.rows)
        self.expressions = self.epilogue.expressions
        for i, symbol in enumerate(kernel.sizes):
            self.expressions.bind(symbol, f"%size{i}")

    def read_extents(self) -> None:
        """Read sizes once, ahead of all loops."""
        kernel = self.kernel
        extents = [self.expressions.dim(extent) for _, extent in (kernel.row, kernel.column, *kernel.depth)]
        self.columns = extents[1]
        self._extents = extents

    def product(self) -> Product:
        """Return the product of the separate batches that are bound; of shared ones, the first."""
        left = self._operand(self.kernel.left, self.problem.left)
        if self.problem.line is not None:
            line_rows = self.kernel.row[1]
            assert isinstance(line_rows, int)
            left = replace(left, line=self.expressions.dim(self.problem.left.line), line_rows=line_rows)
        right = self._operand(self.kernel.right, self.problem.right)
        if not self.problem.shared:
            left = self.of_batch(left)
        right = right.moved(self.builder, self.expressions.dim(self.problem.right.rest))
        right = replace(right, beside=tuple(map(self.expressions.dim, self.problem.beside)))
        rows, columns, *depth = self._extents
        return Product(left, right, rows, columns, tuple(depth))

    def of_batch(self, left: Strided) -> Strided:
        """Return the left operand of the shared batches that are bound, or the whole one where there are none."""
        return left.moved(self.builder, self.expressions.dim(self.problem.left.rest))

    def _operand(self, load: Load, distances: Distances) -> Strided:
        dim = self.expressions.dim
        depth = tuple(dim(distance) for distance in distances.depth)
        return Strided(self.pointers[load.buffer], dim(distances.across), depth, load.dtype)

    @contextmanager
    def batch(self, loops: Sequence[Loop], number: Operand) -> Iterator[None]:
        """Bind the symbols of batch loops to their values in iteration `number` of all of them."""
        b, rest = self.builder, number
        # Read where they are first needed: ahead of the loop that the number comes from.
        sizes = [self.expressions.dim(extent) for _, extent in loops]
        positions: list[Operand] = []
        for size in reversed(sizes[1:]):
            positions.append(b.remainder(rest, size))
            rest = b.divide(rest, size)
        positions.append(rest)
        with self.expressions.scope():
            for (symbol, _), position in zip(loops, reversed(positions)):
                self.expressions.bind(symbol, position)
            # What depends on the batch alone goes ahead of the tiles, inside the loop.
            with self.expressions.scope():
                yield

    def first_column(self, panel: Operand, width: int) -> Operand:
        """Return the first column of a panel."""
        is_single = isinstance(self.columns, int) and self.columns <= width
        return 0 if is_single else self.builder.multiply(panel, width)

    def masks(self, remaining: Operand, vectors: int) -> list[str | None]:
        """Return the mask of each vector of a panel; None for each where panels fill the columns."""
        lanes = self.target.lanes
        if isinstance(self.columns, int) and self.columns % (vectors * lanes) == 0:
            return [None] * vectors
        return [self.writer.lanes_below(self.builder.subtract(remaining, vector * lanes)) for vector in range(vectors)]

    def write(
        self,
        shape: TileShape,
        product: Product,
        reading: Sequence[str | None],
        place: Place,
        symbols_of: Callable[[Operand], Sequence[Operand]],
        ahead: Ahead | None = None,
    ) -> None:
        """Write a tile at the operands' pointers, and its epilogue.

        `reading` are the masks to read the right operand with; `symbols_of` gives the symbols of rows their values in
        a row of the tile; `ahead` is what the tile asks for meanwhile.
        """
        b = self.builder
        initial = None if place.block is None else self._resume(shape, place.saved, place.block[0])
        left, right, masked = product.left, product.right, self._masked_steps(shape)
        if place.block is None and shape.sums >= LEAST_ASKING:
            # Before the sums, which take as long as these take to come.
            self.epilogue.ask_ahead(shape.rows, symbols_of, place.column, place.masks)
        is_far = self.problem.is_left_far(self.target)
        sums = emit_tile(self.writer, shape, left, right, product.depth, reading, masked, initial, is_far, ahead)
        if place.block is None:
            self._finish(sums, shape, place, symbols_of)
            return
        final, unfinished, joined = b.label("final"), b.label("unfinished"), b.label("joined")
        b.branch_if(place.block[1], final, unfinished)
        b.begin(final)
        self._finish(sums, shape, place, symbols_of)
        b.branch(joined)
        b.begin(unfinished)
        save_tile(self.writer, sums, place.saved)
        b.branch(joined)
        b.begin(joined)

    def _finish(
        self, sums: Sequence[str], shape: TileShape, place: Place, symbols_of: Callable[[Operand], Sequence[Operand]]
    ) -> None:
        rows = [sums[start : start + shape.across] for start in range(0, len(sums), shape.across)]
        self.epilogue.emit(rows, symbols_of, place.column, place.masks, place.remaining, place.saved)

    def _masked_steps(self, shape: TileShape) -> int | None:
        """Return for how many rows of the right operand, the last of a loop, a panel may reach beyond its memory.

        What lies beyond the columns of an earlier row is the next row: it may be read, and is masked in the end.
        None where the extents do not tell.
        """
        columns, distance = self.kernel.column[1], self.problem.right.depth[-1]
        if not isinstance(columns, int) or not isinstance(distance, int) or distance <= 0:
            return None
        beyond = -columns % (shape.vectors * self.target.lanes)
        return -(-beyond // distance)

    def _resume(self, shape: TileShape, saved: str, first: str) -> list[str]:
        """Return the accumulators to start from: zeros in the first block, else those that were saved."""
        b, w = self.builder, self.writer
        before, stored, start = b.block, b.label("stored"), b.label("start")
        b.branch_if(first, start, stored)
        b.begin(stored)
        loaded = [w.load(b.gep(saved, i * w.lanes, w.scalar), w.dtype) for i in range(shape.rows * shape.across)]
        b.branch(start)
        b.begin(start)
        return [b.value(f"phi {w.vector} [zeroinitializer, %{before}], [{x}, %{stored}]") for x in loaded]
