"""Kernels of ops that are not one indexed expression: running folds along an axis, and scattering."""

from __future__ import annotations

from collections.abc import Callable

from graphc.dtypes import is_float
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
    """Return the template of out[.., i, ..] = out[.., i - 1, ..] (primitive) x[.., i, ..]; from the end if reversed."""

    def build(n: Node, elements: Elements, places: Places) -> list[BuiltKernel]:
        axis, extent = n.attrs["axis"], n.shape[n.attrs["axis"]]
        variables = loop_symbols(n.shape, "i")
        step, position = variables[axis], as_symbol(variables[axis])
        backwards = n.attrs["reverse"]
        index = tuple(extent - 1 - v if backwards and a == axis else v for a, v in enumerate(variables))
        offset, stride = linear(index, n.shape), strides(n.shape)[axis]
        [target] = places.written[n]
        first = Const(start if is_float(n.dtype) else int(start), n.dtype)
        is_later = Call("less", (Const(0, "int64"), Index(step)), "bool")
        before = Load(target, offset + stride if backwards else offset - stride, n.dtype, is_later, first)
        total = Call(primitive, (before, elements.read(n.inputs[0], index)), n.dtype)
        loops = _loops(variables, n.shape)
        body = _nest((Store(target, offset, total),), loops[axis + 1 :], vector=True)
        body = _nest((For(position, extent, body),), loops[:axis], parallel=True)
        return [loop_kernel(body, [], [], places, n.op.name)]

    return build


def _nest(
    body: tuple[Statement, ...], loops: Loops, parallel: bool = False, vector: bool = False
) -> tuple[Statement, ...]:
    """Return statements in nested loops, the outermost split over threads or the innermost run as lanes."""
    for depth, (s, d) in enumerate(reversed(loops)):
        body = (For(s, d, body, parallel and depth == len(loops) - 1, vector and depth == 0),)
    return body


def _scatter_add(n: Node, elements: Elements, places: Places) -> list[BuiltKernel]:
    """out = base; out[.., positions[r], ..] += updates[.., r, ..], in row-major order of r.

    The axes before the indexed one are independent and split over threads.
    """
    base, positions, updates = n.inputs
    axis = n.attrs["axis"]
    [target] = places.written[n]
    variables = loop_symbols(n.shape, "i")
    loops = _loops(variables, n.shape)
    copying = [Store(target, linear(variables, n.shape), elements.read(base, variables))]
    copy = loop_kernel(copying, loops, [], places, "base")
    rows = loop_symbols(positions.shape, "r")
    place = _clamped(elements.read(positions, rows), n.shape[axis])
    before, behind = variables[:axis], variables[axis + 1 :]
    update = elements.read(updates, (*before, *rows, *behind))
    offset = linear((*before, place, *behind), n.shape)
    body = _nest((Store(target, offset, update, accumulate=True),), loops[axis + 1 :], vector=True)
    body = _nest(_nest(body, _loops(rows, positions.shape)), loops[:axis], parallel=True)
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
