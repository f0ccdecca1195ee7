"""How much arithmetic a kernel does: floating-point operations, as a dim over the kernel's sizes."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.loopir.nodes import Call, ContractKernel, Expr, Fold, For, Kernel, Let, Load, LoopKernel, Statement, Store
from graphc.symbolic import Dim, product, substitute, symbols

# Choosing and converting are no arithmetic.
_FREE = frozenset({"where", "cast"})


def count_operations(kernel: Kernel) -> Dim:
    """Return the floating-point operations of one run: a multiply-add is two, an exp or a division one.

    What is shared within a statement counts once; operations on integers and bools count nothing.
    """
    match kernel:
        case ContractKernel(batch=batch, row=row, column=column, depth=depth, epilogue=epilogue):
            elements = product([*(e for _, e in batch), row[1], column[1]])
            sums = len(kernel.rights)
            return elements * (2 * sums * product([e for _, e in depth]) + _of_body(epilogue))
        case LoopKernel(body=body):
            return _of_body(body)


def _of_body(body: Iterable[Statement]) -> Dim:
    total: Dim = 0
    for s in body:
        total = total + _of_statement(s)
    return total


def _of_statement(s: Statement) -> Dim:
    match s:
        case For(symbol, extent, body, _, _):
            inside = _of_body(body)
            if symbol not in symbols(inside):
                return extent * inside
            # The last iteration may be a smaller block than the others.
            last = substitute(inside, {symbol: extent - 1})
            return (extent - 1) * substitute(inside, {symbol: 0}) + last
        case Let(_, value):
            return _of_expression(value)
        case Store(_, _, value, accumulate):
            return _of_expression(value) + accumulate
        case Fold(_, _, loops, value, _, body):
            return product([extent for _, extent in loops]) * (1 + _of_expression(value) + _of_body(body))


def _of_expression(e: Expr) -> int:
    seen: set[int] = set()
    stack: list[Expr] = [e]
    count = 0
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        match current:
            case Call(primitive, arguments, dtype):
                count += primitive not in _FREE and "float" in dtype
                stack.extend(arguments)
            case Load(_, _, _, guard, _) if guard is not None:
                stack.append(guard)
    return count
