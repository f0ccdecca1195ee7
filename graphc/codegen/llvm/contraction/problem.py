"""What a contraction kernel asks for, read off its loops and offsets: distances, layout, what batches share.

    problem  = batches around everything (`separate`) x products of shared right operands
    product  = batches that read the same right operand (`shared`) x rows x columns x depth

Rows of one shared product may lie in lines: the innermost shared batch loop and the row loop, which a tile covers
together where single lines are too short to fill it.
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import LINE
from graphc.codegen.llvm.contraction.blocking import (
    STREAM_COLUMNS,
    Blocking,
    Layout,
    choose_blocking,
    choose_shared_blocking,
)
from graphc.codegen.target import Target
from graphc.dtypes import itemsize
from graphc.errors import CompileError
from graphc.loopir import ContractKernel, Load
from graphc.records import record, replace
from graphc.symbolic import Dim, Symbol, add, affine, multiply, product, symbols

Loop = tuple[Symbol, Dim]


@record
class Distances:
    """An operand's offset: rest + line * (line of rows) + across * (row or column) + the sum of depth * (its loops).

    Distances of loops of one iteration are 0.
    """

    rest: Dim
    line: Dim
    across: Dim
    depth: tuple[Dim, ...]


@record
class Problem:
    """A kernel, the loops of its batch, its operands' distances and its blocking.

    `line` is the shared loop of which tiles take several iterations, None where they take rows of one. `beside` are the
    distances from the right operand to those of further sums.
    """

    kernel: ContractKernel
    separate: tuple[Loop, ...]
    shared: tuple[Loop, ...]
    line: Loop | None
    left: Distances
    right: Distances
    blocking: Blocking
    beside: tuple[Dim, ...] = ()

    def tile_bytes(self, target: Target) -> int:
        """Return the bytes at the start of the scratch memory that hold copies of tiles."""
        blocking = self.blocking
        tile = blocking.tile
        vectors = max((t.rows * t.across for t in blocking.rest), default=1)
        if tile is not None:
            slots = blocking.row_panels * blocking.column_panels if blocking.block_depth else 1
            vectors = max(vectors, slots * tile.rows * tile.across)
        if blocking.stream:
            across = -(-STREAM_COLUMNS // target.lanes)
            vectors = max(vectors, blocking.stream_rows * across)
        return vectors * target.lanes * itemsize(self.kernel.dtype)

    @property
    def steps(self) -> int:
        """The steps of the depth; 0 where they are known at run time alone."""
        steps = product(extent for _, extent in self.kernel.depth)
        return steps if isinstance(steps, int) else 0

    @property
    def least_rows(self) -> int:
        """The rows of a batch that there are at least where no size is 0."""
        rows = self.kernel.row[1]
        return rows if isinstance(rows, int) else min(rows.terms.values())

    @property
    def right_run(self) -> int:
        """The bytes of a right operand that lies in one run, behind which the next product's follows; else 0."""
        right, columns, steps = self.right, self.kernel.column[1], self.steps
        if not self.separate or right.across != 1 or not steps or not isinstance(columns, int) or self.beside:
            return 0
        distance: Dim = columns
        for (_, extent), at in zip(reversed(self.kernel.depth), reversed(right.depth)):
            if extent != 1 and at != distance:
                return 0
            distance = multiply(distance, extent)
        parts = affine(right.rest, self.separate[-1][0])
        follows = parts is not None and parts[0] == distance
        return columns * steps * itemsize(self.kernel.right.dtype) if follows else 0

    def is_left_far(self, target: Target) -> bool:
        """Tell whether tiles may wait for the left operand; of unknown batches one is counted.

        It may be more than the second cache keeps, or have been computed by another thread, in whose cache it is.
        """
        kernel, of_left = self.kernel, symbols(self.kernel.left.offset)
        batch = [extent for symbol, extent in kernel.batch if symbol in of_left and isinstance(extent, int)]
        elements = product([*batch, kernel.row[1], *(extent for _, extent in kernel.depth)])
        return not isinstance(elements, int) or elements * itemsize(kernel.left.dtype) > target.l2 // 16

    def scratch_bytes(self, target: Target) -> int:
        """Return the bytes of scratch memory that one thread needs: it is handed out in cache lines."""
        packed = self.blocking.copied_elements(target.lanes) * itemsize(self.kernel.dtype)
        return -(-(self.tile_bytes(target) + packed) // LINE) * LINE


def describe_problem(kernel: ContractKernel, target: Target) -> Problem:
    """Return what a kernel asks for.

    Raises CompileError for dtypes without a kernel, offsets that are not affine, and several right operands that do not
    lie in rows.
    """
    if kernel.dtype not in ("float32", "float64"):
        raise CompileError(f"contraction {kernel.label!r}: dtype {kernel.dtype} has no contraction kernel")
    left, right = _distances(kernel, kernel.left, kernel.row), _distances(kernel, kernel.right, kernel.column)
    is_deep = any(extent != 1 for _, extent in kernel.depth)
    beside = tuple(add(load.offset, multiply(-1, kernel.right.offset)) for load in kernel.beside)
    if kernel.column[1] == 1 and kernel.row[1] != 1 and left.across == 1 and is_deep and not beside:
        # A matrix-vector product whose matrix is contiguous in the rows: vectors run along the rows instead.
        kernel = replace(kernel, row=kernel.column, column=kernel.row, left=kernel.right, right=kernel.left)
        left, right = right, left
    of_right = symbols(kernel.right.offset)
    shared = tuple(loop for loop in kernel.batch if loop[0] not in of_right)
    layout = "rows" if beside else _layout(kernel, right)
    if beside and right.across not in (0, 1):
        raise CompileError(f"contraction {kernel.label!r}: right operands of several sums must lie in rows")
    if shared and kernel.column[1] != 1 and not beside:
        problem = _shared_problem(kernel, shared, left, right, layout, target)
    else:
        blocking = choose_blocking(
            kernel.row[1],
            kernel.column[1],
            tuple(extent for _, extent in kernel.depth),
            layout,
            right.depth[-1],
            itemsize(kernel.dtype),
            target,
            1 + len(beside),
            product(extent for _, extent in kernel.batch),
        )
        problem = Problem(kernel, kernel.batch, (), None, left, right, blocking, beside)
    if problem.blocking.pack_right == "many" and kernel.right.dtype != kernel.dtype:
        # A panel's dtype must not depend on whether it was copied.
        return replace(problem, blocking=replace(problem.blocking, pack_right=""))
    return problem


def _shared_problem(
    kernel: ContractKernel,
    shared: tuple[Loop, ...],
    left: Distances,
    right: Distances,
    layout: Layout,
    target: Target,
) -> Problem:
    """Return the problem of a right operand that serves several batches."""
    by_line = affine(left.rest, shared[-1][0])
    lines = shared[-1][1]
    if by_line is None or not isinstance(lines, int) or not symbols(by_line[0]).isdisjoint(s for s, _ in shared):
        lines = 1
    blocking = choose_shared_blocking(
        kernel.row[1],
        lines,
        product(extent for _, extent in shared),
        kernel.column[1],
        tuple(extent for _, extent in kernel.depth),
        layout,
        (left.across, left.depth[-1]),
        itemsize(kernel.dtype),
        target,
    )
    separate = tuple(loop for loop in kernel.batch if loop not in shared)
    if blocking.lines == 1 or by_line is None:
        return Problem(kernel, separate, shared, None, left, right, blocking)
    left = replace(left, rest=by_line[1], line=by_line[0])
    return Problem(kernel, separate, shared[:-1], shared[-1], left, right, blocking)


def _distances(kernel: ContractKernel, load: Load, outer: Loop) -> Distances:
    rest = load.offset
    found: list[Dim] = []
    loops = {symbol for symbol, _ in (*kernel.batch, outer, *kernel.depth)}
    for symbol, extent in (outer, *kernel.depth):
        parts = affine(rest, symbol)
        if parts is None or not symbols(parts[0]).isdisjoint(loops):
            raise CompileError(f"contraction {kernel.label!r}: offset {load.offset} is not affine")
        found.append(0 if extent == 1 else parts[0])
        rest = parts[1]
    return Distances(rest, 0, found[0], tuple(found[1:]))


def _layout(kernel: ContractKernel, right: Distances) -> Layout:
    if kernel.column[1] == 1:
        return "columns"
    if right.across == 1:
        return "rows"
    return "columns" if right.depth[-1] == 1 else "strided"
