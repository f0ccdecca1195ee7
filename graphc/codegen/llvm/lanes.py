"""How many vectors an unrolled loop runs at once, and which lanes of its last vector are active."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.codegen.llvm.builder import Operand
from graphc.codegen.llvm.expression import ExpressionEmitter
from graphc.codegen.llvm.facts import Fact, Facts
from graphc.codegen.llvm.vector import Vector
from graphc.codegen.target import Target
from graphc.loopir import Expr, Fold, For, Let, Statement, Store
from graphc.symbolic import Dim

# Measured with chains of add, exp and tanh: more instructions than this in flight at once spill or gain nothing.
_BUSY = 48
_MOST_COPIES = 4


def remaining_mask(emitter: ExpressionEmitter, remaining: Operand, lanes: int) -> Vector:
    """Return the mask of the lanes whose number is below `remaining`."""
    arithmetic = emitter.arithmetic
    if isinstance(remaining, int):
        return arithmetic.each_lane([lane < remaining for lane in range(lanes)], "i1")
    bound = arithmetic.scalar(emitter.builder.minimum(remaining, lanes)).convert("trunc", "i32").splat(lanes)
    return arithmetic.each_lane(list(range(lanes)), "i32").compare("ult", bound)


def unrolling(facts: Facts, s: For | Fold, target: Target) -> int:
    """Return the number of vectors that one pass of the innermost loop of `s` runs."""
    body: tuple[Statement, ...] = s.body
    extent = s.extent if isinstance(s, For) else s.loops[-1][1]
    roots = [facts.of(e) for e in _values(body)] + ([facts.of(s.value)] if isinstance(s, Fold) else [])
    cost, bits = _weigh(roots)
    busy = _BUSY * target.registers // 32
    copies = _MOST_COPIES
    while copies > 1 and cost * copies * max(bits, 32) // 32 > busy:
        copies //= 2
    return _fitted(copies, extent, target.lanes)


def _fitted(copies: int, extent: Dim, lanes: int) -> int:
    """Return the number of copies that leaves the least of a static extent over."""
    if not isinstance(extent, int) or extent >= 4 * copies * lanes:
        return copies
    vectors = max(1, extent // lanes)
    return next(n for n in range(min(copies, vectors), 0, -1) if vectors % n == 0)


def _values(body: tuple[Statement, ...]) -> Iterator[Expr]:
    for s in body:
        match s:
            case Let(_, value) | Store(_, _, value, _):
                yield value
            case Fold(_, _, _, value, _, lets):
                yield value
                yield from _values(lets)
            case For(_, _, inner):
                yield from _values(inner)


def _weigh(roots: list[Fact]) -> tuple[int, int]:
    """Return the cost of everything below the roots, each fact once, and the width of the widest element."""
    seen: set[int] = set()
    stack, cost, bits = list(roots), 0, 1
    while stack:
        fact = stack.pop()
        if fact.number not in seen:
            seen.add(fact.number)
            cost, bits = cost + fact.cost, max(bits, fact.bits)
            stack.extend(fact.children)
    return cost, bits
