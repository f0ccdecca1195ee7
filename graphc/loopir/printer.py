"""Loop IR as readable pseudo code."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from graphc.loopir.nodes import (
    Call,
    Const,
    ContractKernel,
    Expr,
    Fold,
    For,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Statement,
    Store,
)
from graphc.loopir.plan import Buffer, Launch, Loop, Place, Plan, Step
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Symbol, Value, bare_atom

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=",
    "logical_and": "and", "logical_or": "or", "logical_xor": "xor",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
}  # fmt: skip


def format_expression(e: Expr) -> str:
    """Return an expression as text: infix arithmetic, `buffer[offset]` loads, `f(x)` for the rest."""
    match e:
        case Const(value, _):
            return repr(value)
        case Index(dim, _):
            return f"<{format_dim(dim)}>"
        case Local(name, _):
            return name
        case Load(buffer, offset, _, guard, other):
            text = f"{buffer}[{format_dim(offset)}]"
            if guard is None:
                return text
            return f"({text} if {format_expression(guard)} else {format_expression(other) if other else 0})"
        case Call("cast", (argument,), dtype):
            return f"{dtype}({format_expression(argument)})"
        case Call(primitive, (left, right), _) if primitive in _INFIX:
            return f"({format_expression(left)} {_INFIX[primitive]} {format_expression(right)})"
        case Call(primitive, arguments, _):
            return f"{primitive}({', '.join(map(format_expression, arguments))})"


def format_dim(dim: Dim) -> str:
    """Return a dim as text, with computed indices as `[expression]`."""
    if isinstance(dim, int):
        return str(dim)
    terms = []
    for monomial, coefficient in dim.terms.items():
        factors = [_format_atom(atom) for atom in monomial]
        if not factors or abs(coefficient) != 1:
            factors.insert(0, str(abs(coefficient)))
        terms.append((-len(monomial), "*".join(factors), coefficient < 0))
    text = ""
    for _, term, negative in sorted(terms):
        text += f" {'-' if negative else '+'} {term}" if text else ("-" if negative else "") + term
    return text


def _format_atom(atom: Atom) -> str:
    match atom:
        case Symbol(name):
            return name
        case FloorDiv(numerator, divisor):
            return f"({_operand(numerator)} // {_operand(divisor)})"
        case Modulo(numerator, divisor):
            return f"({_operand(numerator)} % {_operand(divisor)})"
        case Value(payload):
            return f"[{format_expression(payload)}]"  # type: ignore[arg-type]


def _operand(dim: Dim) -> str:
    """Return a dim as an operand of a division: a sum or a product in parentheses."""
    text = format_dim(dim)
    return text if isinstance(dim, int) or bare_atom(dim) is not None else f"({text})"


def format_kernel(kernel: Kernel) -> str:
    """Return a kernel as pseudo code: its signature, then its loops and stores."""
    return "\n".join(_kernel_lines(kernel))


def _kernel_lines(kernel: Kernel) -> Iterator[str]:
    parameters = ", ".join(map(_format_parameter, kernel.parameters))
    sizes = f"; {', '.join(s.name for s in kernel.sizes)}" if kernel.sizes else ""
    label = f"  # {kernel.label}" if kernel.label else ""
    match kernel:
        case LoopKernel():
            yield f"loops({parameters}{sizes}):{label}"
            yield from _body_lines(kernel.body, 1)
        case ContractKernel():
            yield f"contract({parameters}{sizes}):{label}"
            loops = (*kernel.batch, kernel.row, kernel.column)
            yield f"  for {', '.join(f'{symbol.name} < {format_dim(extent)}' for symbol, extent in loops)}:"
            depth = ", ".join(f"{symbol.name} < {format_dim(extent)}" for symbol, extent in kernel.depth)
            for total, right in zip(kernel.sums, kernel.rights):
                product = f"{format_expression(kernel.left)} * {format_expression(right)}"
                yield f"    {total.name}: {kernel.dtype} = sum over {depth} of {product}"
            yield from _body_lines(kernel.epilogue, 2)


def _format_parameter(parameter: Parameter) -> str:
    return f"{'out ' if parameter.writable else ''}{parameter.name}: {parameter.dtype}"


def _body_lines(body: tuple[Statement, ...], depth: int) -> Iterator[str]:
    for s in body:
        yield from _statement_lines(s, depth)


def _statement_lines(s: Statement, depth: int) -> Iterator[str]:
    indent = "  " * depth
    match s:
        case For(symbol, extent, body, parallel, vector):
            kind = ("parallel " if parallel else "") + ("vector " if vector else "")
            yield f"{indent}{kind}for {symbol.name} < {format_dim(extent)}:"
            yield from _body_lines(body, depth + 1)
        case Let(name, value):
            yield f"{indent}{name} = {format_expression(value)}"
        case Store(buffer, offset, value, accumulate):
            yield f"{indent}{buffer}[{format_dim(offset)}] {'+=' if accumulate else '='} {format_expression(value)}"
        case Fold(name, combine, loops, value, dtype, body):
            ranges = ", ".join(f"{symbol.name} < {format_dim(extent)}" for symbol, extent in loops)
            if not body:
                yield f"{indent}{name}: {dtype} = {combine} over {ranges} of {format_expression(value)}"
                return
            yield f"{indent}{name}: {dtype} = {combine} over {ranges} of:"
            yield from _body_lines(body, depth + 1)
            yield f"{indent}  {format_expression(value)}"


def format_plan(plan: Plan) -> str:
    """Return a plan as text: arguments, buffers, then each launch with its kernel."""
    return "\n".join(_plan_lines(plan))


def _plan_lines(plan: Plan) -> Iterator[str]:
    arguments = ", ".join(
        f"{a.name}: {a.dtype}[{', '.join(map(format_dim, a.shape))}] in {a.buffer}" for a in plan.arguments
    )
    yield f"plan({arguments})"
    if plan.sizes:
        yield f"  sizes {', '.join(s.name for s in plan.sizes)}"
    private = f", {plan.private} a thread" if plan.private else ""
    yield f"  arena {format_dim(plan.arena)} bytes{private}"
    yield from (f"  {_format_buffer(b)}" for b in plan.buffers)
    yield from _step_lines(plan.steps, 1, itertools.count())
    results = ", ".join(f"{r.dtype}[{', '.join(map(format_dim, r.shape))}] in {r.buffer}" for r in plan.results)
    yield f"  return {results}"


def _step_lines(steps: Sequence[Step], depth: int, numbers: Iterator[int]) -> Iterator[str]:
    indent = "  " * depth
    for step in steps:
        match step:
            case Loop(symbol, extent, inner, rows):
                parts = "iterations" if step.apart else "" if rows is None else f"rows of {rows.name}"
                comment = f"  # {parts} apart" if parts else ""
                yield f"{indent}loop {symbol.name} < {format_dim(extent)}:{comment}"
                yield from _step_lines(inner, depth + 1, numbers)
            case Launch(kernel, arguments):
                barrier = "barrier; " if step.barrier else ""
                cost = f"{barrier}work {format_dim(step.work)}, bytes {format_dim(step.bytes)}"
                yield f"{indent}launch {next(numbers)} ({', '.join(map(format_place, arguments))})  # {cost}"
                yield from (f"{indent}  # {origin}" for origin in step.origin)
                yield from (f"{indent}  {line}" for line in _kernel_lines(kernel))


def format_place(place: str | Place) -> str:
    """Return an argument of a launch as text: the buffer, where in it, and the place that index 0 stands for."""
    if isinstance(place, str):
        return place
    text = place.buffer if place.offset == 0 else f"{place.buffer}[{format_dim(place.offset)}:]"
    if place.index is None or place.initial is None:
        return text
    return f"{text} if {format_dim(place.index)} else {format_place(place.initial)}"


def _format_buffer(buffer: Buffer) -> str:
    place = "" if buffer.slot is None else f" at byte {format_dim(buffer.slot)}"
    return f"{buffer.role} {buffer.name}: {buffer.dtype}[{format_dim(buffer.size)}]{place}"
