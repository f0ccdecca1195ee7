"""The verifier accepts what is well formed and names what is not."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import symbolic
from graphc.errors import CompileError
from graphc.loopir import (
    Argument,
    Buffer,
    Call,
    Const,
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
    Plan,
    Result,
    Statement,
    Store,
    verify_kernel,
    verify_plan,
)
from graphc.records import replace
from graphc.symbolic import Symbol
from tests.loopir.programs import batch, call, contract_kernel, elementwise_kernel, fold_kernel, loop, relu_plan

OUT = Parameter("out", "float32", writable=True)
A = Parameter("a", "float32")
ROWS, i = loop("i", 4)
ONE = Const(1.0, "float32")


def kernel(*body: Statement, parameters: tuple[Parameter, ...] = (A, OUT)) -> LoopKernel:
    return LoopKernel(parameters, (), body)


def storing(value: Expr) -> LoopKernel:
    return kernel(For(ROWS, 4, (Store("out", i, value),), vector=True))


@pytest.mark.parametrize("good", [elementwise_kernel(), fold_kernel("sum"), contract_kernel(), storing(ONE)])
def test_good_kernels_pass(good: Kernel) -> None:
    verify_kernel(good)


def test_a_good_plan_passes() -> None:
    verify_plan(relu_plan())


_CONTRACT = contract_kernel()
_GUARDED = replace(_CONTRACT.left, guard=Const(True, "bool"), other=ONE)

BAD_KERNELS = [
    ("load of b, which is no parameter", storing(Load("b", i, "float32"))),
    ("load of a as float64; it is float32", storing(Load("a", i, "float64"))),
    ("store of int32 to out, which is float32", storing(Const(1, "int32"))),
    ("store to a, which is not writable", kernel(Store("a", 0, ONE))),
    ("store to c, which is no parameter", kernel(Store("c", 0, ONE))),
    ("symbol q of q is not bound", kernel(Store("out", symbolic.symbol("q"), ONE))),
    ("t is not bound", storing(Local("t", "float32"))),
    ("t is bound twice", kernel(Let("t", ONE), Let("t", ONE))),
    ("t is float32, used as float64", kernel(Let("t", ONE), Let("u", Local("t", "float64")))),
    ("1 is no bool", storing(call("cast", Const(1, "bool"), dtype="float32"))),
    ("300 is no uint8", storing(call("cast", Const(300, "uint8"), dtype="float32"))),
    (r"add takes 2 arguments, not 1", storing(call("add", ONE))),
    (r"shrink takes None arguments", storing(call("shrink", ONE))),
    (r"add\(float32, int64\) cannot give float32", storing(call("add", ONE, Index(i)))),
    (r"less\(float32, float32\) cannot give float32", storing(call("less", ONE, ONE))),
    (r"where\(float32, float32, float32\) cannot give", storing(call("where", ONE, ONE, ONE))),
    (r"exp\(int64\) cannot give int64", kernel(Let("t", call("exp", Index(3))))),
    (r"logical_and\(bool, float32\)", kernel(Let("t", call("logical_and", Const(True, "bool"), ONE)))),
    ("the guard of .* is float32", storing(Load("a", i, "float32", ONE, ONE))),
    ("has a guard but no other value", storing(Load("a", i, "float32", Const(True, "bool")))),
    ("the index 1.0 is float32", storing(Load("a", symbolic.value(ONE), "float32"))),
    ("loop symbol i is bound twice", kernel(For(ROWS, 4, (For(ROWS, 4, ()),)))),
    ("loop i runs to 5, its symbol to 4", kernel(For(ROWS, 5, ()))),
    ("loop symbol n has no extent", kernel(For(Symbol("n"), 4, ()))),
    ("parallel loop i is not outermost", kernel(For(Symbol("k", 2), 2, (For(ROWS, 4, (), parallel=True),)))),
    ("vector loop k has a loop inside", kernel(For(Symbol("k", 2), 2, (For(ROWS, 4, ()),), vector=True))),
    ("a parallel loop has other statements beside it", kernel(Let("t", ONE), For(ROWS, 4, (), parallel=True))),
    ("fold r has the unknown combiner 'mul'", kernel(Fold("r", "mul", ((ROWS, 4),), ONE, "float32"))),
    ("fold r is float64, its value float32", kernel(Fold("r", "sum", ((ROWS, 4),), ONE, "float64"))),
    ("fold r: a position is an integer", kernel(Fold("r", "argmax", ((ROWS, 4),), ONE, "float32"))),
    ("fold r: any takes bool", kernel(Fold("r", "any", ((ROWS, 4),), ONE, "float32"))),
    ("two parameters have one name", kernel(parameters=(A, A))),
    ("parameter z has the unknown dtype 'float8'", kernel(parameters=(Parameter("z", "float8"),))),
    ("the left operand is guarded", replace(_CONTRACT, left=_GUARDED)),
    ("the left operand depends on j", replace(_CONTRACT, left=Load("x", symbolic.symbol("j", 3), "float32"))),
    (
        "the right operand is not affine in k",
        replace(_CONTRACT, right=Load("w", symbolic.symbol("k", 4) * symbolic.symbol("k", 4), "float32")),
    ),
    (
        "symbol k of k is not bound",
        replace(_CONTRACT, epilogue=(Store("out", symbolic.symbol("k", 4), Local("sum", "float32")),)),
    ),
    (
        "the store to out is not affine in j",
        replace(_CONTRACT, epilogue=(Store("out", symbolic.symbol("j", 3) // 2, Local("sum", "float32")),)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "bad"), BAD_KERNELS, ids=[problem for problem, _ in BAD_KERNELS])
def test_bad_kernels_are_named(problem: str, bad: Kernel) -> None:
    with pytest.raises(CompileError, match=problem):
        verify_kernel(bad)


def changed(**fields: object) -> Plan:
    return replace(relu_plan(), **fields)


def buffers(*others: Buffer, out_role: str = "output", out_size: symbolic.Dim = batch * 5) -> tuple[Buffer, ...]:
    return (
        Buffer("a", "float32", batch * 5, "input"),
        Buffer("b", "float32", 5, "input"),
        Buffer("out", "float32", out_size, out_role),  # type: ignore[arg-type]
        *others,
    )


_LAUNCH = relu_plan().launches[0]

BAD_PLANS = [
    ("two buffers have one name", changed(buffers=buffers(Buffer("a", "float32", 1, "input")))),
    ("out is not an output buffer of float32", changed(buffers=buffers(out_role="temporary"))),
    ("out depends on q, which is no size", changed(buffers=buffers(out_size=symbolic.symbol("q")))),
    ("constant c has no value of its size", changed(buffers=buffers(Buffer("c", "float32", 3, "constant")))),
    (
        "constant d has no value of its size",
        changed(buffers=buffers(Buffer("d", "float32", 3, "constant", value=np.zeros(2)))),
    ),
    ("state s has no source", changed(buffers=buffers(Buffer("s", "float32", 3, "state")))),
    ("no argument binds the size batch", changed(arguments=(Argument("a", "a", (batch * 2, 5), "float32"),))),
    ("a is not an input buffer of float64", changed(arguments=(Argument("a", "a", (batch, 5), "float64"),))),
    ("two results share a buffer", changed(results=(Result("out", (batch, 5), "float32"),) * 2)),
    ("launch 0: 3 parameters, 2 buffers", changed(steps=(replace(_LAUNCH, arguments=("a", "b")),))),
    ("launch 0: z is no buffer", changed(steps=(replace(_LAUNCH, arguments=("a", "z", "out")),))),
    ("launch 0: writes the input a", changed(steps=(replace(_LAUNCH, arguments=("out", "b", "a")),))),
    ("launch 0: out is passed twice and written", changed(steps=(replace(_LAUNCH, arguments=("a", "out", "out")),))),
    ("launch 0: batch is no size of the plan", changed(sizes=())),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "bad"), BAD_PLANS, ids=[problem for problem, _ in BAD_PLANS])
def test_bad_plans_are_named(problem: str, bad: Plan) -> None:
    with pytest.raises(CompileError, match=problem):
        verify_plan(bad)


def test_a_plan_with_a_bad_kernel_is_refused() -> None:
    bad = replace(_LAUNCH.kernel, body=(Store("a", 0, Call("add", (ONE, ONE), "float32")),))
    with pytest.raises(CompileError, match="store to a, which is not writable"):
        verify_plan(changed(steps=(replace(_LAUNCH, kernel=bad),)))
