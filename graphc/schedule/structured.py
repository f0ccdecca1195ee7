"""Kernels of ops that are not one indexed expression: running folds along an axis, and scattering."""

from __future__ import annotations

from collections.abc import Callable

from graphc.errors import CompileError
from graphc.graph import Node
from graphc.loopir import Call, Const, Expr, For, Index, Load, Statement, Store
from graphc.schedule.elements import Elements, as_symbol, linear, loop_symbols, strides
from graphc.schedule.kernels import BuiltKernel, Places, loop_kernel
from graphc.schedule.rewrite import Loops
from graphc.symbolic import Dim, value

Template = Callable[[Node, Elements, Places], list[BuiltKernel]]


def build_structured(n: Node, elements: Elements, places: Places) -> list[BuiltKernel]:
    """Return the kernels of a structured op, to be run in order with a barrier between."""
    template = TEMPLATES.get(n.op.name)
    if template is None:
        raise CompileError(f"structured op '{n.op.name}' has no template in the scheduler")
    return template(n, elements, places)


def _loops(variables: tuple[Dim, ...], shape: tuple[Dim, ...]) -> Loops:
    return [(as_symbol(v), d) for v, d in zip(variables, shape)]


def _running_fold(primitive: str, start: float) -> Template:
    """Return the template of out[.., i, ..] = out[.., i - 1, ..] (primitive) x[.., i, ..]."""

    def build(n: Node, elements: Elements, places: Places) -> list[BuiltKernel]:
        axis = n.attrs["axis"]
        index = loop_symbols(n.shape, "i")
        position, extent = as_symbol(index[axis]), n.shape[axis]
        offset = linear(index, n.shape)
        [target] = places.written[n]
        first = Const(start if n.dtype.startswith(("float", "bfloat")) else int(start), n.dtype)
        is_later = Call("less", (Const(0, "int64"), Index(index[axis])), "bool")
        before = Load(target, offset - strides(n.shape)[axis], n.dtype, is_later, first)
        total = Call(primitive, (before, elements.read(n.inputs[0], index)), n.dtype)
        body: tuple[Statement, ...] = (Store(target, offset, total),)
        inner = [(s, d) for a, (s, d) in enumerate(_loops(index, n.shape)) if a > axis]
        outer = [(s, d) for a, (s, d) in enumerate(_loops(index, n.shape)) if a < axis]
        for depth, (s, d) in enumerate(reversed(inner)):
            body = (For(s, d, body, vector=depth == 0),)
        statements = [For(position, extent, body)]
        return [_nest(statements, outer, places, n)]

    return build


def _nest(statements: list[Statement], outer: Loops, places: Places, n: Node) -> BuiltKernel:
    """Return the kernel of statements that have their own inner loops, in outer loops split over threads."""
    body = tuple(statements)
    for depth, (s, d) in enumerate(reversed(outer)):
        body = (For(s, d, body, parallel=depth == len(outer) - 1),)
    return loop_kernel(body, [], [], places, n.op.name)


def _scatter_add(n: Node, elements: Elements, places: Places) -> list[BuiltKernel]:
    """out = base; out[indices[i], ...] += updates[i, ...], in the order of i. Columns are independent, rows not."""
    base, indices, updates = n.inputs
    [target] = places.written[n]
    everywhere = loop_symbols(n.shape, "i")
    copying = [Store(target, linear(everywhere, n.shape), elements.read(base, everywhere))]
    copy = loop_kernel(copying, _loops(everywhere, n.shape), [], places, f"{n.op.name}: base")
    rows = loop_symbols(indices.shape, "r")
    columns = loop_symbols(n.shape[1:], "i")
    position = _clamped(elements.read(indices, rows), n.shape[0])
    offset = linear((position, *columns), n.shape)
    update = elements.read(updates, (*rows, *columns))
    body: tuple[Statement, ...] = (Store(target, offset, update, accumulate=True),)
    inner = _loops(columns, n.shape[1:])
    for depth, (s, d) in enumerate(reversed(inner)):
        body = (For(s, d, body, vector=depth == 0),)
    for s, d in reversed(_loops(rows, indices.shape)):
        body = (For(s, d, body),)
    return [copy, loop_kernel(body, [], [], places, n.op.name)]


def _clamped(position: Expr, extent: Dim) -> Dim:
    wide = position if position.dtype == "int64" else Call("cast", (position,), "int64")
    low = Call("maximum", (wide, Const(0, "int64")), "int64")
    return value(Call("minimum", (low, Index(extent - 1)), "int64"))


TEMPLATES: dict[str, Template] = {
    "cumsum": _running_fold("add", 0.0),
    "cumprod": _running_fold("multiply", 1.0),
    "scatter_add": _scatter_add,
}
