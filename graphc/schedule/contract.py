"""Contractions: a node's operands, depth, rows and columns, and the kernel of one with its epilogue."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.graph import Node
from graphc.loopir import Call, ContractKernel, Expr, Let, Load, Local, Store, sum_name
from graphc.records import record
from graphc.schedule.elements import Elements, as_symbol, loop_symbols
from graphc.schedule.group import Group
from graphc.schedule.rewrite import Loops, Rewriter, collapse, dims_of
from graphc.symbolic import Dim, Symbol, affine, symbols

# Dtypes that targets have contraction kernels for; others are plain folds.
KERNEL_DTYPES = ("float32", "float64")
# The sums of one kernel: with more, tiles have too few rows.
MOST_SUMS = 4


@record
class Contraction:
    """The elements whose products are summed, the loops of the sum, and the loops over the result.

    `rows` are those that the right element does not depend on or that both share (batches), `columns` those that
    only the right one depends on; outermost first, axes of length one left out.
    """

    left: Expr
    right: Expr
    depth: Loops
    rows: Loops
    columns: Loops


def depth_extents(n: Node) -> tuple[Dim, ...]:
    """Return the extents of the axes that a contraction sums over."""
    left = n.inputs[0].shape
    return tuple(left[axis] for axis, _ in n.attrs["depth"]) if "depth" in n.attrs else (left[-1],)


def column_count(n: Node) -> int:
    """Return how many of a contraction's last axes are the right operand's own."""
    if "depth" not in n.attrs:
        return 1
    return n.inputs[1].rank - len(n.attrs["batch"]) - len(n.attrs["depth"])


def describe_contraction(n: Node, group: Group, elements: Elements) -> Contraction:
    """Return the parts of a contraction at the index at which its group computes it."""
    extents = depth_extents(n)
    variables = loop_symbols(extents, "k")
    positions = tuple(0 if d == 1 else v for d, v in zip(extents, variables))
    index = group.index(n)
    match elements.lowered(n, (*index, *positions)):
        case Call("multiply", (left, right), _):
            pass
        case other:
            raise AssertionError(f"{n.op.name} lowers to {other}, not to a product")
    depth = [(as_symbol(v), d) for v, d in zip(variables, extents) if d != 1] or [(Symbol("k", 1), 1)]
    loops = [None if d == 1 else (as_symbol(i), d) for i, d in zip(index, n.shape)]
    first = n.rank - column_count(n)
    rows, columns = ([loop for loop in part if loop is not None] for part in (loops[:first], loops[first:]))
    return Contraction(left, right, depth, rows, columns)


def can_share_kernel(a: Contraction, b: Contraction) -> bool:
    """Tell whether one kernel can sum both: with one left operand, and columns at a fixed distance in one buffer."""
    if (a.left, a.depth, a.rows, a.columns) != (b.left, b.depth, b.rows, b.columns) or not a.columns:
        return False
    assert isinstance(a.right, Load) and isinstance(b.right, Load)
    along = affine(a.right.offset, a.columns[-1][0])
    distance = b.right.offset - a.right.offset
    is_fixed = all(s.extent is None for s in symbols(distance))
    return a.right.buffer == b.right.buffer and is_fixed and along is not None and along[0] == 1


def contraction_kernel(sums: Sequence[Contraction], epilogue: list[Let | Store]) -> ContractKernel:
    """Return the kernel of contractions that can share one and their epilogue, without parameters and sizes.

    Loops that all operands walk through as one are one; of those that are left, the last row and the last column
    are the tile's, the others go around it.
    """
    c = sums[0]
    operands = dims_of([c.left, *(s.right for s in sums)])
    everything = operands | dims_of(epilogue)
    depth, steps = collapse(c.depth, operands)
    rows = _merged(c.rows, everything, steps)
    if not rows or any(rows[-1][0] in symbols(d) for d in dims_of([Rewriter(symbols=steps).expr(c.right)])):
        # A batch of vectors: what both operands go along is no row of a tile.
        rows.append((Symbol("row", 1), 1))
    *outer, row = rows
    *around, column = _merged(c.columns, everything, steps) or [(Symbol("column", 1), 1)]
    step = Rewriter(symbols=steps)
    left, right, *beside = (step.load(e) for e in (c.left, *(s.right for s in sums)))
    body = tuple(step.straight(s) for s in epilogue)
    batch = (*outer, *around)
    return ContractKernel((), (), batch, row, column, tuple(depth), left, right, left.dtype, body, beside=tuple(beside))


def _merged(loops: Loops, dims: set[Dim], steps: dict[Symbol, Dim]) -> Loops:
    left, replaced = collapse(loops, dims)
    steps |= replaced
    return left


def total(n: Node, number: int) -> Local:
    """Return the local that a contraction kernel's epilogue reads a sum from."""
    return Local(sum_name(number), n.dtype)
