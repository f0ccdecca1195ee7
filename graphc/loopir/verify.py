"""Verifier of the loop IR: what a target may take for granted of a kernel and of a plan."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphc import symbolic
from graphc.dtypes import TABLE, is_float, is_integer
from graphc.errors import CompileError
from graphc.loopir.nodes import (
    COMBINERS,
    PRIMITIVES,
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
from graphc.loopir.plan import Buffer, Launch, Loop, Place, Plan, Step, launches_of
from graphc.loopir.printer import format_dim, format_expression, format_kernel, format_place
from graphc.loopir.rows import keeps_rows_apart
from graphc.symbolic import Dim, Polynomial, Symbol, add

_COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal"})
_LOGIC = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})
_FLOAT_ONLY = frozenset({
    "divide", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "tanh", "sigmoid", "erf", "erfinv", "sin", "cos", "tan",
    "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "rint", "floor", "ceil",
})  # fmt: skip


@dataclass
class _Scope:
    """What is bound where a statement stands. `problems` is shared by all scopes of a kernel."""

    parameters: dict[str, Parameter]
    symbols: dict[Symbol, Dim | None]
    locals: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def inside(self) -> _Scope:
        return _Scope(self.parameters, dict(self.symbols), dict(self.locals), self.problems, self.names)

    def report(self, problem: str) -> None:
        self.problems.append(problem)


def verify_kernel(kernel: Kernel) -> None:
    """Check that a kernel is well formed. Raises CompileError with every problem and the kernel's text.

    Every name, symbol and parameter is bound where it is used; dtypes agree; only writable parameters are stored
    to; parallel loops stand outermost and vector loops innermost; a contraction's operands are unguarded loads
    affine in its loops.
    """
    problems = _kernel_problems(kernel)
    if problems:
        raise CompileError("malformed kernel: " + "; ".join(problems) + "\n" + format_kernel(kernel))


def _kernel_problems(kernel: Kernel) -> list[str]:
    scope = _Scope({p.name: p for p in kernel.parameters}, dict.fromkeys(kernel.sizes))
    if len(scope.parameters) != len(kernel.parameters):
        scope.report("two parameters have one name")
    for parameter in kernel.parameters:
        if parameter.dtype not in TABLE:
            scope.report(f"parameter {parameter.name} has the unknown dtype {parameter.dtype!r}")
    match kernel:
        case LoopKernel(body=body):
            _check_body(body, scope, outermost=True)
        case ContractKernel():
            _check_contraction(kernel, scope)
    return scope.problems


def _check_body(body: Sequence[Statement], scope: _Scope, outermost: bool) -> None:
    if outermost and len(body) > 1 and any(isinstance(s, For) and s.parallel for s in body):
        scope.report("a parallel loop has other statements beside it")
    for s in body:
        _check_statement(s, scope, outermost)


def _check_statement(s: Statement, scope: _Scope, outermost: bool) -> None:
    match s:
        case For(symbol, extent, body, parallel, vector):
            if parallel and not outermost:
                scope.report(f"parallel loop {symbol.name} is not outermost")
            if vector and any(isinstance(inner, For) for inner in body):
                scope.report(f"vector loop {symbol.name} has a loop inside")
            inner = scope.inside()
            _bind_loop(symbol, extent, inner)
            _check_body(body, inner, outermost=False)
        case Let(name, value):
            _bind_local(name, _check_expression(value, scope), scope)
        case Store():
            _check_store(s, scope)
        case Fold():
            _check_fold(s, scope)


def _check_fold(s: Fold, scope: _Scope) -> None:
    inner = scope.inside()
    for symbol, extent in s.loops:
        _bind_loop(symbol, extent, inner)
    for let in s.body:
        _check_statement(let, inner, outermost=False)
    dtype = _check_expression(s.value, inner)
    if s.combine not in COMBINERS:
        scope.report(f"fold {s.name} has the unknown combiner {s.combine!r}")
    elif COMBINERS[s.combine]:
        if not is_integer(s.dtype):
            scope.report(f"fold {s.name}: a position is an integer, not {s.dtype}")
    elif dtype != s.dtype:
        scope.report(f"fold {s.name} is {s.dtype}, its value {dtype}")
    if s.combine in ("any", "all") and dtype != "bool":
        scope.report(f"fold {s.name}: {s.combine} takes bool, not {dtype}")
    _bind_local(s.name, s.dtype, scope)


def _bind_loop(symbol: Symbol, extent: Dim, scope: _Scope) -> None:
    _check_dim(extent, scope)
    if symbol in scope.symbols:
        scope.report(f"loop symbol {symbol.name} is bound twice")
    if symbol.extent is None:
        scope.report(f"loop symbol {symbol.name} has no extent")
    elif symbol.extent != extent:
        scope.report(f"loop {symbol.name} runs to {format_dim(extent)}, its symbol to {format_dim(symbol.extent)}")
    scope.symbols[symbol] = extent


def _bind_local(name: str, dtype: str, scope: _Scope) -> None:
    if name in scope.locals:
        scope.report(f"{name} is bound twice")
    scope.locals[name] = dtype


def _check_store(s: Store, scope: _Scope) -> None:
    _check_dim(s.offset, scope)
    dtype = _check_expression(s.value, scope)
    parameter = scope.parameters.get(s.buffer)
    if parameter is None:
        scope.report(f"store to {s.buffer}, which is no parameter")
        return
    if not parameter.writable:
        scope.report(f"store to {s.buffer}, which is not writable")
    if parameter.dtype != dtype:
        scope.report(f"store of {dtype} to {s.buffer}, which is {parameter.dtype}")


def _check_expression(e: Expr, scope: _Scope) -> str:
    """Check e and what is inside, each shared part once; return its dtype."""
    seen: set[int] = set()
    pending: list[Expr] = [e]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        pending.extend(_check_one(part, scope))
    return e.dtype


def _check_one(e: Expr, scope: _Scope) -> list[Expr]:
    """Check one expression, not what is inside; return what is inside."""
    if e.dtype not in TABLE:
        scope.report(f"{format_expression(e)} has the unknown dtype {e.dtype!r}")
        return []
    match e:
        case Const(value, dtype):
            if not _fits(value, dtype):
                scope.report(f"{value!r} is no {dtype}")
        case Index(dim, dtype):
            if not is_integer(dtype):
                scope.report(f"index {format_dim(dim)} is {dtype}")
            _check_dim(dim, scope)
        case Local(name, dtype):
            bound = scope.locals.get(name)
            if bound is None:
                scope.report(f"{name} is not bound")
            elif bound != dtype:
                scope.report(f"{name} is {bound}, used as {dtype}")
        case Load():
            return _check_load(e, scope)
        case Call():
            _check_call(e, scope)
            return list(e.arguments)
    return []


def _check_load(e: Load, scope: _Scope) -> list[Expr]:
    parameter = scope.parameters.get(e.buffer)
    if parameter is None:
        scope.report(f"load of {e.buffer}, which is no parameter")
    elif parameter.dtype != e.dtype:
        scope.report(f"load of {e.buffer} as {e.dtype}; it is {parameter.dtype}")
    _check_dim(e.offset, scope)
    if e.guard is None:
        return []
    if e.guard.dtype != "bool":
        scope.report(f"the guard of {format_expression(e)} is {e.guard.dtype}")
    if e.other is None or e.other.dtype != e.dtype:
        scope.report(f"{format_expression(e)} has a guard but no other value of its dtype")
    return [e.guard]


def _fits(value: bool | int | float, dtype: str) -> bool:
    kind = TABLE[dtype].kind
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    bits = TABLE[dtype].bits
    return 0 <= value < 1 << bits if kind == "uint" else -1 << (bits - 1) <= value < 1 << (bits - 1)


def _check_call(e: Call, scope: _Scope) -> None:
    arity = PRIMITIVES.get(e.primitive)
    given = tuple(a.dtype for a in e.arguments)
    if arity is None or arity != len(given):
        scope.report(f"{e.primitive} takes {arity} arguments, not {len(given)}")
    elif not _has_dtypes(e.primitive, given, e.dtype):
        scope.report(f"{e.primitive}({', '.join(given)}) cannot give {e.dtype}")


def _has_dtypes(primitive: str, given: tuple[str, ...], result: str) -> bool:
    if primitive == "cast":
        return True
    if primitive == "philox":
        return given[1:] == ("uint32",) * 6 and result == "uint32"
    if primitive == "where":
        return given == ("bool", result, result)
    if primitive in _COMPARISONS:
        return result == "bool" and given[0] == given[1]
    if primitive in _LOGIC:
        return all(dtype == "bool" for dtype in (result, *given))
    same = all(dtype == result for dtype in given)
    return same and (primitive not in _FLOAT_ONLY or is_float(result))


def _check_dim(dim: Dim, scope: _Scope) -> None:
    for atom in symbolic.atoms(dim):
        if isinstance(atom, Symbol) and atom not in scope.symbols:
            scope.report(f"symbol {atom.name} of {format_dim(dim)} is not bound")
        elif isinstance(atom, symbolic.Value):
            e: Expr = atom.payload  # type: ignore[assignment]
            if not is_integer(_check_expression(e, scope)):
                scope.report(f"the index {format_expression(e)} is {e.dtype}")


def _check_contraction(kernel: ContractKernel, scope: _Scope) -> None:
    loops = (*kernel.batch, kernel.row, kernel.column, *kernel.depth)
    if not kernel.depth:
        scope.report("the contraction has no depth")
    for symbol, extent in loops:
        _bind_loop(symbol, extent, scope)
    row, column = kernel.row[0], kernel.column[0]
    for side, operand, foreign in (("left", kernel.left, column), *(("right", right, row) for right in kernel.rights)):
        _check_expression(operand, scope)
        if operand.guard is not None:
            scope.report(f"the {side} operand is guarded")
        if operand.dtype != kernel.dtype:
            scope.report(f"the {side} operand is {operand.dtype}, the sum {kernel.dtype}")
        if foreign in symbolic.symbols(operand.offset):
            scope.report(f"the {side} operand depends on {foreign.name}")
        _check_affine(operand.offset, [symbol for symbol, _ in loops], f"the {side} operand", scope)
    inner = scope.inside()
    for symbol, _ in kernel.depth:
        del inner.symbols[symbol]
    for right, total in zip(kernel.rights, kernel.sums):
        inner.locals[total.name] = kernel.dtype
        distance = add(right.offset, -1 * kernel.right.offset)
        if right.buffer != kernel.right.buffer or symbolic.symbols(distance) & {symbol for symbol, _ in loops}:
            scope.report(f"the right operand of {total.name} is at no fixed distance from the first")
    for s in kernel.epilogue:
        _check_statement(s, inner, outermost=False)
        if isinstance(s, Store):
            _check_affine(s.offset, [column], f"the store to {s.buffer}", scope)


def _check_affine(offset: Dim, symbols: list[Symbol], what: str, scope: _Scope) -> None:
    for symbol in symbols:
        if symbolic.affine(offset, symbol) is None:
            scope.report(f"{what} is not affine in {symbol.name}: {format_dim(offset)}")


def verify_plan(plan: Plan) -> None:
    """Check that a plan and its kernels are well formed. Raises CompileError with every problem.

    Buffers are named once and sized by bound symbols; launches pass buffers of the right dtype, never one place
    to a written parameter and another one; inputs and constants are never written; every result has its own
    output buffer; every size is the bare dim of an argument; a loop binds a symbol that no loop around it binds;
    private buffers are used in loops alone whose iterations are apart.
    """
    problems = _plan_problems(plan)
    if problems:
        raise CompileError("malformed plan: " + "; ".join(problems))
    for kernel in {id(launch.kernel): launch.kernel for launch in plan.launches}.values():
        verify_kernel(kernel)


def _plan_problems(plan: Plan) -> list[str]:
    problems: list[str] = []
    buffers = {b.name: b for b in plan.buffers}
    if len(buffers) != len(plan.buffers):
        problems.append("two buffers have one name")
    bound = {
        next(iter(symbolic.symbols(dim)))
        for argument in plan.arguments
        for dim in argument.shape
        if isinstance(dim, Polynomial) and len(symbolic.symbols(dim)) == 1 and dim == _bare(dim)
    }
    problems += [f"no argument binds the size {size.name}" for size in plan.sizes if size not in bound]
    sized = [(b.name, b.size) for b in plan.buffers] + [("the arena", plan.arena)]
    sized += [(b.name, b.slot) for b in plan.buffers if b.slot is not None]
    for name, dim in sized:
        missing = symbolic.symbols(dim) - set(plan.sizes)
        problems += [f"{name} depends on {symbol.name}, which is no size" for symbol in missing]
    for b in plan.buffers:
        if b.role == "constant" and (b.value is None or b.value.size != b.size):
            problems.append(f"constant {b.name} has no value of its size")
        if b.role in ("kept", "private") and not isinstance(b.size, int):
            problems.append(f"{b.role} {b.name} is of run-time size")
        if b.role == "state" and b.source is None:
            problems.append(f"state {b.name} has no source")
    expected_roles = [(a.buffer, a.dtype, "input") for a in plan.arguments]
    expected_roles += [(r.buffer, r.dtype, "output") for r in plan.results]
    for name, dtype, role in expected_roles:
        if name not in buffers or (buffers[name].role, buffers[name].dtype) != (role, dtype):
            problems.append(f"{name} is not an {role} buffer of {dtype}")
    if len({r.buffer for r in plan.results}) != len(plan.results):
        problems.append("two results share a buffer")
    problems += _StepChecker(plan).problems(plan.steps, frozenset(plan.sizes))
    return problems + _private_problems(plan, buffers)


def _private_problems(plan: Plan, buffers: dict[str, Buffer]) -> list[str]:
    """Return private buffers outside loops whose iterations are apart, and such loops with others inside."""
    problems: list[str] = []
    for step in plan.steps:
        is_apart = isinstance(step, Loop) and step.apart
        if isinstance(step, Loop) and is_apart and any(isinstance(inner, Loop) for inner in step.steps):
            problems.append(f"loop {step.symbol.name}: iterations that are apart have a loop inside")
        used = {name for launch in launches_of((step,)) for place in launch.places for name in place.buffers}
        private = sorted(name for name in used & buffers.keys() if buffers[name].role == "private")
        if not is_apart:
            problems += [f"private {name} is used where iterations are not apart" for name in private]
    return problems


def _bare(dim: Polynomial) -> Dim:
    symbol = next(iter(symbolic.symbols(dim)))
    return symbolic.symbol(symbol.name, symbol.extent)


class _StepChecker:
    """Checks a plan's steps in order; launches are numbered through."""

    def __init__(self, plan: Plan) -> None:
        self._buffers = {b.name: b for b in plan.buffers}
        self._numbers = itertools.count()

    def problems(self, steps: Sequence[Step], bound: frozenset[Symbol]) -> list[str]:
        """Return the problems of steps inside loops that, with the sizes, bind `bound`."""
        found: list[str] = []
        for step in steps:
            match step:
                case Launch(kernel):
                    number = next(self._numbers)
                    missing = [f"{symbol.name} is no size of the plan" for symbol in set(kernel.sizes) - bound]
                    found += [f"launch {number}: {problem}" for problem in self._of_launch(step, bound) + missing]
                case Loop(symbol, extent, inner):
                    if symbol in bound or symbol.extent != extent:
                        found.append(f"loop {symbol.name}: the symbol is bound around it or runs to another extent")
                    missing = [s.name for s in symbolic.symbols(extent) - bound]
                    found += [f"loop {symbol.name}: {name} of its extent is not bound" for name in missing]
                    found += self.problems(inner, bound | {symbol})
                    if step.rows is not None and not keeps_rows_apart(inner, step.rows):
                        found.append(f"loop {symbol.name} brings rows of {step.rows.name} together")
        return found

    def _of_launch(self, launch: Launch, bound: frozenset[Symbol]) -> list[str]:
        parameters, places = launch.kernel.parameters, launch.places
        if len(parameters) != len(places):
            return [f"{len(parameters)} parameters, {len(places)} buffers"]
        problems: list[str] = []
        for parameter, place in zip(parameters, places):
            problems += self._of_place(place, parameter, bound)
            if parameter.writable and places.count(place) > 1:
                # Targets promise LLVM that parameters do not alias.
                problems.append(f"{format_place(place)} is passed twice and written")
        return problems

    def _of_place(self, place: Place, parameter: Parameter, bound: frozenset[Symbol]) -> list[str]:
        given: Buffer | None = self._buffers.get(place.buffer)
        problems: list[str] = []
        if given is None:
            problems.append(f"{place.buffer} is no buffer")
        elif given.dtype != parameter.dtype:
            problems.append(f"{place.buffer} is {given.dtype}, parameter {parameter.name} {parameter.dtype}")
        elif parameter.writable and given.role in ("input", "constant"):
            problems.append(f"writes the {given.role} {place.buffer}")
        dims = [d for d in (place.offset, place.index) if d is not None]
        missing = {s.name for d in dims for s in symbolic.symbols(d) - bound}
        problems += [f"{format_place(place)}: {name} is not bound" for name in missing]
        if (place.index is None) != (place.initial is None):
            problems.append(f"{place.buffer} has an index without an initial place, or one without the other")
        if place.initial is not None:
            if parameter.writable:
                problems.append(f"writes {format_place(place)}, which is now one buffer, now another")
            problems += self._of_place(place.initial, parameter, bound)
        return problems
