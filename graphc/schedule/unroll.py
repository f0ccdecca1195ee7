"""Kernels whose iterations compute several neighbouring elements each: loops over blocks of `Group.steps`.

The elements of a block are written out one after the other, so that what they share is computed once. Where blocks do
not divide an axis its last one is smaller: its statements stand beside those of the others, in a loop of one or of no
iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as every

from graphc.loopir import Fold, For, Let, Statement, Store
from graphc.records import record, replace
from graphc.schedule.elements import as_symbol
from graphc.schedule.group import Group
from graphc.schedule.rewrite import Loops, Rewriter, share_first
from graphc.symbolic import Dim, Symbol, ceildiv, floordiv, substitute, symbol


@record
class _Axis:
    """An axis of the domain in blocks: how many, which one an iteration is in, how many elements a block and the last
    one have. `is_loop` tells whether the axis has a loop of its own."""

    count: Dim
    block: Dim
    step: int
    last: int
    is_loop: bool


def unrolled_loops(group: Group, statements_of: Callable[[Group], list[Statement]]) -> tuple[Statement, ...]:
    """Return the loops over a group's blocks, the outermost parallel, the innermost run as lanes.

    `statements_of` gives the Lets, Folds and Stores of one element: that at the `position` of the group it is given.
    """
    axes = [_axis(number, extent, step) for number, (extent, step) in enumerate(zip(group.domain, group.steps))]
    loops = [number for number, axis in enumerate(axes) if axis.is_loop]
    if not loops:
        return _nest(group, statements_of, axes, ())
    around: Loops = [(as_symbol(axes[number].block), axes[number].count) for number in loops]
    shared: dict[Symbol, Dim] = {}
    if len(around) > 2:
        around, shared = share_first(around)
    for number in loops[: len(loops) - len(around) + 1]:
        axes[number] = replace(axes[number], block=substitute(axes[number].block, shared), is_loop=False)
    body = _nest(group, statements_of, axes, ())
    is_single = len(loops) == 1 and axes[loops[0]].step == 1
    return (For(*around[0], body, parallel=True, vector=is_single),)


def _axis(number: int, extent: Dim, step: int) -> _Axis:
    if isinstance(extent, int) and extent <= step:
        return _Axis(1, 0, extent, 0, False)
    count = ceildiv(extent, step)
    last = extent % step if isinstance(extent, int) else 0
    return _Axis(count, symbol(f"i{number}", count), step, last, True)


def _nest(
    group: Group,
    statements_of: Callable[[Group], list[Statement]],
    axes: list[_Axis],
    sizes: tuple[int, ...],
) -> tuple[Statement, ...]:
    """Return the loops over all axes but those in blocks of `sizes` elements, whose loops stand around."""
    if len(sizes) == len(axes):
        return tuple(_block(group, statements_of, axes, sizes))
    axis = axes[len(sizes)]
    body = _nest(group, statements_of, axes, (*sizes, axis.step))
    if axis.last:
        is_last = floordiv(axis.block, axis.count - 1)
        part = _nest(group, statements_of, axes, (*sizes, axis.last))
        body = (
            For(as_symbol(symbol(f"whole{len(sizes)}", 1 - is_last)), 1 - is_last, body),
            For(as_symbol(symbol(f"part{len(sizes)}", is_last)), is_last, part),
        )
    if not axis.is_loop:
        return body
    is_innermost = axis.step == 1 and not any(later.is_loop for later in axes[len(sizes) + 1 :])
    return (For(as_symbol(axis.block), axis.count, body, vector=is_innermost),)


def _block(
    group: Group,
    statements_of: Callable[[Group], list[Statement]],
    axes: list[_Axis],
    sizes: tuple[int, ...],
) -> list[Statement]:
    """Return the statements of all elements of a block."""
    result: list[Statement] = []
    for number, places in enumerate(every(*map(range, sizes))):
        position = tuple(axis.block * step + place for axis, step, place in zip(axes, group.steps, places))
        statements = statements_of(replace(group, position=position))
        names = {s.name: f"{s.name}_{number}" for s in statements if isinstance(s, (Let, Fold))}
        result += map(Rewriter(local_names=names).statement, statements)
    # Stores come last: what lets read must still be there.
    return sorted(result, key=lambda s: isinstance(s, Store))
