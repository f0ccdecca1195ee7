"""How the iterations of a loop kernel are shared among the threads of a GPU: facts read off its loops.

map      an iteration of the nest is an item; one thread does it
group    an item has folds or loops of its own, which neighbouring threads share
walk     some loops of the nest depend on earlier iterations: a thread walks through them in order
serial   one thread does everything
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from graphc.loopir import Expr, Fold, For, Let, Load, Local, LoopKernel, Statement, Store, expressions
from graphc.records import record
from graphc.symbolic import Dim, Polynomial, Symbol, Value, add, affine, atoms, multiply, product, symbols

Loop = tuple[Symbol, Dim]

# A fold of at most this many values is done by the thread that has the item.
SHORT_FOLD = 64


@record
class Form:
    """`loops` are shared among threads, `walked` are run in order by each; `body` is inside all of them."""

    kind: Literal["map", "group", "walk", "serial"]
    loops: tuple[Loop, ...]
    walked: tuple[Loop, ...]
    body: tuple[Statement, ...]


def choose_form(kernel: LoopKernel) -> Form:
    """Return the form of a kernel."""
    nest, body = peel(kernel.body)
    free = [s for s in nest if s.parallel or s.vector or s.extent == 1 or is_independent(s.symbol, body)]
    walked = [s for s in nest if s not in free]
    loops = tuple((s.symbol, s.extent) for s in free)
    if walked:
        order = tuple((s.symbol, s.extent) for s in walked)
        if not any(isinstance(s, For) for s in body) and _may_interchange(loops, order, body):
            return Form("walk", loops, order, body)
        return Form("serial", (), (), kernel.body)
    if any(symbols(extent) & {s for s, _ in loops} for _, extent in loops):
        return Form("serial", (), (), kernel.body)
    has_row = any(isinstance(s, For) or (isinstance(s, Fold) and not is_short(s)) for s in body)
    return Form("group" if has_row else "map", loops, (), body)


def peel(body: Sequence[Statement]) -> tuple[list[For], tuple[Statement, ...]]:
    """Return the perfectly nested loops that a body is, outermost first, and what is inside them."""
    nest: list[For] = []
    while len(body) == 1 and isinstance(body[0], For):
        nest.append(body[0])
        body = body[0].body
    return nest, tuple(body)


def is_short(s: Fold) -> bool:
    """Tell whether a fold is known to be of few values."""
    count = product(extent for _, extent in s.loops)
    return isinstance(count, int) and count <= SHORT_FOLD


def is_independent(symbol: Symbol, body: Sequence[Statement]) -> bool:
    """Tell whether iterations of a loop surely touch no element that another one writes.

    Every store moves with the loop, and what is read of the same buffer lies where it is stored, give or take loops
    inside.
    """
    stores = list(stores_of(body))
    for s in stores:
        parts = affine(s.offset, symbol)
        if s.accumulate or parts is None or parts[0] == 0 or any(isinstance(a, Value) for a in atoms(s.offset)):
            return False
        for load in loads_of(body):
            if load.buffer != s.buffer:
                continue
            distance = add(load.offset, multiply(s.offset, -1))
            if symbol in symbols(distance) or (not isinstance(distance, int) and () in distance.terms):
                return False
            if isinstance(distance, int) and distance != 0:
                return False
    return bool(stores)


def _may_interchange(loops: Sequence[Loop], walked: Sequence[Loop], body: Sequence[Statement]) -> bool:
    """Tell whether the shared loops may go around the walked ones.

    They may where elements are only added to, and where what is read of a written buffer was written by an earlier
    step of the walk at the same place of the shared loops.
    """
    for s in stores_of(body):
        offset = _without_values(s.offset, {symbol for symbol, _ in loops})
        if offset is None:
            return False
        if any((parts := affine(offset, symbol)) is None or parts[0] == 0 for symbol, extent in loops if extent != 1):
            return False
        steps = [parts[0] for symbol, _ in walked if (parts := affine(offset, symbol)) is not None]
        for load in loads_of(body):
            if load.buffer != s.buffer:
                continue
            distance = add(load.offset, multiply(s.offset, -1))
            if s.accumulate or (distance != 0 and distance not in steps + [multiply(step, -1) for step in steps]):
                return False
    return True


def _without_values(offset: Dim, inner: set[Symbol]) -> Dim | None:
    """Return an offset without the terms that the program computes; None where one depends on these symbols."""
    if isinstance(offset, int):
        return offset
    kept: Dim = 0
    for monomial, coefficient in offset.terms.items():
        payloads = [atom.payload for atom in monomial if isinstance(atom, Value)]
        if not payloads:
            kept = add(kept, Polynomial({monomial: coefficient}))
        elif any(_symbols_in(payload) & inner for payload in payloads):  # type: ignore[arg-type]
            return None
    return kept


def _symbols_in(e: Expr) -> set[Symbol]:
    """Return the symbols that a value depends on."""
    found: set[Symbol] = set()
    for part in expressions(e):
        found |= symbols(getattr(part, "offset", 0)) | symbols(getattr(part, "dim", 0))
    return found


def stores_of(body: Iterable[Statement]) -> Iterator[Store]:
    """Yield every store of a body."""
    for s in body:
        match s:
            case Store():
                yield s
            case For(_, _, inner, _, _):
                yield from stores_of(inner)


def loads_of(body: Iterable[Statement]) -> list[Load]:
    """Return every load of a body, those in offsets and guards too, each once."""
    return list(dict.fromkeys(e for e in _expressions_of(body) if isinstance(e, Load)))


def locals_of(body: Iterable[Statement]) -> set[str]:
    """Return the names of the locals that a body reads."""
    return {e.name for e in _expressions_of(body) if isinstance(e, Local)}


def _expressions_of(body: Iterable[Statement]) -> Iterator[Expr]:
    """Yield every expression of a body; shared ones once, by identity: a tree's walk could take exponentially long."""
    seen: set[int] = set()
    stack: list[Expr] = list(_roots(body))
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        yield e
        stack += _children(e)


def _children(e: Expr) -> list[Expr]:
    match e:
        case Load(_, offset, _, guard, _):
            return [*_values(offset), *([] if guard is None else [guard])]
        case _:
            return list(getattr(e, "arguments", ())) + list(_values(getattr(e, "dim", 0)))


def _values(dim: Dim) -> Iterator[Expr]:
    for atom in atoms(dim):
        if isinstance(atom, Value):
            yield atom.payload  # type: ignore[misc]


def _roots(body: Iterable[Statement]) -> Iterator[Expr]:
    for s in body:
        match s:
            case For(_, extent, inner, _, _):
                yield from _values(extent)
                yield from _roots(inner)
            case Let(_, value):
                yield value
            case Store(_, offset, value, _):
                yield from _values(offset)
                yield value
            case Fold(_, _, loops, value, _, inner):
                for _, extent in loops:
                    yield from _values(extent)
                yield from _roots(inner)
                yield value
