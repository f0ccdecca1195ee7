"""Pictures of kernels and plans."""

from __future__ import annotations

from collections.abc import Callable

from graphc import symbolic
from graphc.loopir import (
    Call,
    Const,
    Fold,
    Index,
    Let,
    Load,
    Local,
    format_dim,
    format_expression,
    format_kernel,
    format_plan,
)
from tests.loopir.programs import batch, call, contract_kernel, fold_kernel, loop, relu_plan


def test_a_plan(golden: Callable[[str, str], None]) -> None:
    golden("loopir/relu_plan.txt", format_plan(relu_plan()))


def test_kernels(golden: Callable[[str, str], None]) -> None:
    golden("loopir/fold.txt", format_kernel(fold_kernel("max")))
    golden("loopir/contract.txt", format_kernel(contract_kernel()))


def test_expressions() -> None:
    _, i = loop("i", 4)
    x = Load("x", i * 2 + 1, "float32")
    inside = Call("less", (Index(i), Const(3, "int64")), "bool")
    assert format_expression(call("exp", call("negative", x))) == "exp(negative(x[2*i + 1]))"
    assert format_expression(call("cast", x, dtype="int8")) == "int8(x[2*i + 1])"
    guarded = Load("x", i, "float32", inside, Const(0.5, "float32"))
    assert format_expression(guarded) == "(x[i] if (<i> < 3) else 0.5)"


def test_dims() -> None:
    _, i = loop("i", 4)
    assert format_dim(batch * 3 - i + 7) == "3*batch - i + 7"
    assert format_dim(-1 * batch) == "-batch"
    assert format_dim((batch + i) // 3) == "((batch + i) // 3)"
    assert format_dim(symbolic.value(Local("position", "int64")) * 5 + i) == "5*[position] + i"
    assert format_dim((i * 7 + 1) % batch) == "((7*i + 1) % batch)"


def test_a_fold_with_a_body() -> None:
    cols, j = loop("j", 3)
    fold = Fold("r", "sum", ((cols, 3),), Local("t", "float32"), "float32", (Let("t", Load("x", j, "float32")),))
    text = format_kernel(fold_kernel("sum").__class__((), (), (fold,)))
    assert text == "loops():\n  r: float32 = sum over j < 3 of:\n    t = x[j]\n    t"
