"""Groups to kernels: loops around lets, folds and stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphc.graph import Node
from graphc.loopir import (
    Call,
    Expr,
    Fold,
    For,
    Kernel,
    Let,
    Local,
    LoopKernel,
    Parameter,
    Statement,
    Store,
)
from graphc.records import record, replace
from graphc.schedule.contract import KERNEL_DTYPES, contraction_kernel, describe_contraction, total
from graphc.schedule.elements import Elements, as_symbol, buffer_name, linear, loads, loop_symbols, spread, squeezed
from graphc.schedule.group import Group, folded_dims, is_part_by_part, label
from graphc.schedule.rewrite import Loops, Rewriter, collapse, dims_of, share_first
from graphc.schedule.unroll import unrolled_loops
from graphc.symbolic import Dim, Value, atoms, substitute, symbols


@record
class BuiltKernel:
    """A kernel and the buffers for its parameters, in order."""

    kernel: Kernel
    arguments: tuple[str, ...]


@record
class Places:
    """Where values are: `read[name]` is the buffer an anchored node or source is read from, `written[n]` the
    buffers its kernel stores it to (none: it lives in registers only), `dtype` every buffer's dtype."""

    read: Mapping[str, str]
    written: Mapping[Node, Sequence[str]]
    dtype: Mapping[str, str]


def build_kernel(group: Group, elements: Elements, places: Places) -> BuiltKernel:
    """Return the kernel of a group that is not structured."""
    if group.kind == "contract" and group.members[0].dtype in KERNEL_DTYPES:
        return _contract_kernel(group, elements, places)
    if group.steps:
        body = unrolled_loops(group, lambda element: _flat_statements(element, elements, places))
        return _named(body, places, label(group))
    if is_part_by_part(group):
        n = group.members[0]
        outer = squeezed(n.shape[:-1])
        loops = [(as_symbol(s), e) for s, e in zip(loop_symbols(outer, "i"), outer)]
        return loop_kernel(_part_statements(n, elements, places), loops, [], places, label(group))
    statements = _row_statements(group, elements, places) if group.inner else _flat_statements(group, elements, places)
    return loop_kernel(statements, outer_loops(group), inner_loops(group), places, label(group))


def outer_loops(group: Group) -> Loops:
    """Return the loops over the group's domain."""
    return [(as_symbol(s), e) for s, e in zip(group.outer_symbols, group.domain)]


def inner_loops(group: Group) -> Loops:
    """Return the loops over a row."""
    return [(as_symbol(s), e) for s, e in zip(group.inner_symbols, group.inner)]


def loop_kernel(statements: Sequence[Statement], outer: Loops, inner: Loops, places: Places, name: str) -> BuiltKernel:
    """Return the kernel that runs `statements` in the outer loops, merged where memory is walked through as one.

    Folds and Fors directly among the statements run over `inner` (merged likewise) when it is not empty; else
    the last outer loop is the vector loop, unless there are Fors inside.
    """
    has_rows = bool(inner) or any(isinstance(s, For) for s in statements)
    used = dims_of(statements)
    outer, outer_replaced = collapse(outer, used)
    inner, inner_replaced = collapse(inner, used)
    if len(outer) > (1 if has_rows else 2):
        outer, shared = share_first(outer)
        outer_replaced = {old: substitute(new, shared) for old, new in outer_replaced.items()} | shared
    rewriter = Rewriter(symbols=outer_replaced | inner_replaced)
    body = tuple(map(rewriter.statement, statements))
    if inner:
        body = tuple(_over_row(s, inner) for s in body)
    for depth, (variable, extent) in enumerate(reversed(outer)):
        vector = depth == 0 and not has_rows
        body = (For(variable, extent, body, parallel=depth == len(outer) - 1, vector=vector),)
    return _named(body, places, name)


def _named(body: tuple[Statement, ...], places: Places, name: str) -> BuiltKernel:
    """Return the kernel of a body, with canonical names."""
    naming = _Naming(body, places)
    kernel = LoopKernel(naming.parameters, naming.sizes, tuple(map(naming.rewriter.statement, body)), name)
    return BuiltKernel(kernel, naming.arguments)


def _over_row(s: Statement, inner: Loops) -> Statement:
    match s:
        case Fold(name, combine, _, e, dtype, body):
            return Fold(name, combine, tuple(inner), e, dtype, body)
        case For(_, _, body, _, _):
            for depth, (variable, extent) in enumerate(reversed(inner)):
                body = (For(variable, extent, body, vector=depth == 0),)
            return body[0]
        case _:
            return s


class _Naming:
    """Canonical names, so that kernels that differ in their buffers alone are the same kernel."""

    def __init__(self, statements: Iterable[Statement | Expr], places: Places, loops: Loops | None = None) -> None:
        statements = tuple(statements)
        read: dict[str, None] = {}
        written: dict[str, None] = {}
        _collect_buffers(statements, read, written)
        raw_to_buffer = {raw: places.read.get(raw, raw) for raw in read}
        ordered = list(dict.fromkeys([*raw_to_buffer.values(), *written]))
        self.arguments = tuple(ordered)
        parameter = {buffer: f"p{i}" for i, buffer in enumerate(ordered)}
        self.parameters = tuple(Parameter(parameter[b], places.dtype[b], b in written) for b in ordered)
        names = {raw: parameter[buffer] for raw, buffer in raw_to_buffer.items()} | parameter
        locals_ = {name: f"v{i}" for i, name in enumerate(dict.fromkeys(_bound_names(statements)))}
        self.rewriter = Rewriter(buffers=names, local_names=locals_)
        used = dims_of(statements) | {e for _, e in _loops_of(statements)} | {e for _, e in loops or ()}
        found = {s for d in used for s in symbols(d) if s.extent is None}
        self.sizes = tuple(sorted(found, key=lambda s: s.name))


def _bound_names(statements: Iterable[Statement | Expr]) -> Iterable[str]:
    for s in statements:
        match s:
            case For(_, _, body, _, _):
                yield from _bound_names(body)
            case Let(name, _):
                yield name
            case Fold(name, _, _, _, _, body):
                yield from _bound_names(body)
                yield name


def _loops_of(statements: Iterable[Statement | Expr]) -> Loops:
    found: Loops = []
    for s in statements:
        match s:
            case For(variable, extent, body, _, _):
                found.append((variable, extent))
                found += _loops_of(body)
            case Fold(_, _, loops, _, _, _):
                found += loops
    return found


def _collect_buffers(statements: Iterable[Statement | Expr], read: dict[str, None], written: dict[str, None]) -> None:
    for s in statements:
        match s:
            case For(_, _, body, _, _):
                _collect_buffers(body, read, written)
            case Store(buffer, offset, e, _):
                written[buffer] = None
                _collect_buffers(_payloads(offset), read, written)
                _collect_buffers([e], read, written)
            case Let(_, e):
                _collect_buffers([e], read, written)
            case Fold(_, _, _, e, _, body):
                _collect_buffers([*body, e], read, written)
            case _:
                read.update(dict.fromkeys(load.buffer for load in loads(s)))


def _payloads(offset: Dim) -> list[Expr]:
    """Return the expressions that a data-dependent offset is computed from."""
    return [atom.payload for atom in atoms(offset) if isinstance(atom, Value)]  # type: ignore[misc]


def _local(n: Node) -> Local:
    return Local(f"v{n.serial}", n.dtype)


def _taking_from_locals(known: Iterable[Node]) -> Rewriter:
    """Return a rewriter that takes these members from locals instead of their buffers."""
    by_name = {buffer_name(m): _local(m) for m in known}
    return Rewriter(replace=lambda load: by_name.get(load.buffer))


def _bind(n: Node, value: Expr) -> Let | Fold:
    """Bind a member's local to its value; for a reduction, to the fold of it."""
    if n.op.kind != "reduction":
        return Let(_local(n).name, value)
    loops = tuple((as_symbol(s), e) for s, e in zip(loop_symbols(folded_dims(n), "r"), folded_dims(n)))
    assert n.op.fold is not None
    return Fold(_local(n).name, n.op.fold, loops, value, n.dtype)


def _member(
    n: Node, group: Group, elements: Elements, places: Places, known: Iterable[Node]
) -> tuple[list[Let | Fold], list[Store]]:
    """Return what binds a member's value and what stores it; `known` members are read from their locals."""
    rewriter = _taking_from_locals(known)
    [(offset, element), *others] = group.parts(n, elements)
    bindings, stores = [_bind(n, rewriter.expr(element))], [(offset, _local(n))]
    for number, (offset, element) in enumerate(others, 1):
        part = Local(f"{_local(n).name}_{number}", n.dtype)
        bindings.append(Let(part.name, rewriter.expr(element)))
        stores.append((offset, part))
    return bindings, [Store(b, offset, value) for b in places.written.get(n, ()) for offset, value in stores]


def _flat_statements(group: Group, elements: Elements, places: Places) -> list[Statement]:
    """Lets and folds of all members, then the stores: a store may overwrite what a later let would read."""
    statements: list[Statement] = []
    stores: list[Statement] = []
    known: list[Node] = []
    for n in group.members:
        if n.op.kind == "contraction":
            statements.append(_contraction_fold(n, group, elements))
            stores += _stores(n, group, places, _local(n))
        else:
            bindings, storing = _member(n, group, elements, places, known)
            statements += bindings
            stores += storing
        known.append(n)
    return statements + stores


def _stores(n: Node, group: Group, places: Places, value: Local) -> list[Store]:
    """Return what stores a contraction's sum."""
    return [Store(b, linear(group.index(n), n.shape), value) for b in places.written.get(n, ())]


def _contraction_fold(n: Node, group: Group, elements: Elements) -> Fold:
    """Return the plain sum of products, for dtypes that have no contraction kernel."""
    c = describe_contraction(n, group, elements)
    return Fold(_local(n).name, "sum", tuple(c.depth), Call("multiply", (c.left, c.right), n.dtype), n.dtype)


def _part_statements(n: Node, elements: Elements, places: Places) -> list[Statement]:
    """Return a loop for each part of a row of a concatenation."""
    outer = loop_symbols(squeezed(n.shape[:-1]), "i")
    statements: list[Statement] = []
    start: Dim = 0
    for number, part in enumerate(n.inputs):
        width = part.shape[-1]
        [along] = loop_symbols((width,), "r")
        index = spread(part.shape, (*outer, along))
        value = Local(f"{_local(n).name}_{number}", n.dtype)
        offset = linear((*index[:-1], along + start), n.shape)
        stores = [Store(buffer, offset, value) for buffer in places.written.get(n, ())]
        body: tuple[Statement, ...] = (Let(value.name, elements.read(part, index)), *stores)
        statements.append(For(as_symbol(along), width, body, vector=True))
        start = start + width
    return statements


def _row_statements(group: Group, elements: Elements, places: Places) -> list[Statement]:
    """One row: scalars and folds, and loops over the row for members with a value for each inner element.

    Neighbouring row members share one loop; a fold, or a scalar that reads the loop's results, closes it.
    """
    statements: list[Statement] = []
    scalar_stores: list[Statement] = []
    scalars: list[Node] = []
    open_members: list[Node] = []
    lets: list[Statement] = []
    stores: list[Statement] = []

    def close() -> None:
        if lets:
            variable = as_symbol(group.inner_symbols[-1])
            statements.append(For(variable, group.inner[-1], (*lets, *stores), vector=True))
        for pending in (open_members, lets, stores):
            pending.clear()

    for n in group.members:
        if group.is_inner(n):
            bindings, storing = _member(n, group, elements, places, [*scalars, *open_members])
            lets += bindings
            open_members.append(n)
            stores += storing
            continue
        if {buffer_name(m) for m in open_members} & {load.buffer for load in group.loads(n, elements)}:
            close()
        bindings, storing = _member(n, group, elements, places, scalars)
        statements += bindings
        scalars.append(n)
        scalar_stores += storing
    close()
    return statements + scalar_stores


def _contract_kernel(group: Group, elements: Elements, places: Places) -> BuiltKernel:
    contractions = group.contractions
    totals = {buffer_name(n): total(n, number) for number, n in enumerate(contractions)}
    epilogue: list[Let | Store] = []
    stores: list[Let | Store] = []
    known: list[Node] = []
    take_sums = Rewriter(replace=lambda load: totals.get(load.buffer))
    for n in group.members:
        if n in contractions:
            stores += _stores(n, group, places, totals[buffer_name(n)])
            continue
        bindings, storing = _member(n, group, elements, places, known)
        epilogue += [take_sums.straight(s) for s in bindings if isinstance(s, Let)]
        stores += storing
        known.append(n)
    bare = contraction_kernel([describe_contraction(n, group, elements) for n in contractions], epilogue + stores)
    loops = [*bare.batch, bare.row, bare.column, *bare.depth]
    naming = _Naming([bare.left, *bare.rights, *bare.epilogue], places, loops)
    rename = naming.rewriter
    kernel = replace(
        bare,
        parameters=naming.parameters,
        sizes=naming.sizes,
        left=rename.load(bare.left),
        right=rename.load(bare.right),
        beside=tuple(rename.load(load) for load in bare.beside),
        epilogue=tuple(rename.straight(s) for s in bare.epilogue),
        label=label(group),
    )
    return BuiltKernel(kernel, naming.arguments)
