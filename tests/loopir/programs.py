"""Small hand-written kernels and plans that the tests of the loop IR share."""

from __future__ import annotations

from graphc import symbolic
from graphc.loopir import (
    Argument,
    Buffer,
    Call,
    Const,
    ContractKernel,
    Expr,
    Fold,
    For,
    Kernel,
    Launch,
    Let,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Plan,
    Result,
    Statement,
    Store,
)
from graphc.symbolic import Dim, Symbol

BATCH = Symbol("batch")
batch = symbolic.symbol("batch")


def loop(name: str, extent: Dim) -> tuple[Symbol, Dim]:
    """Return a loop symbol and the dim that is this symbol."""
    return Symbol(name, extent), symbolic.symbol(name, extent)


def call(primitive: str, *arguments: Expr, dtype: str | None = None) -> Call:
    """Return a call whose dtype is its first argument's unless given."""
    return Call(primitive, arguments, dtype or arguments[0].dtype)


def elementwise_kernel(columns: int = 5) -> LoopKernel:
    """out[i, j] = max(a[i, j] + b[j], 0) for i < batch, j < columns."""
    (rows, i), (cols, j) = loop("i", batch), loop("j", columns)
    total = call("add", Load("a", i * columns + j, "float32"), Load("b", j, "float32"))
    inner: tuple[Statement, ...] = (
        Let("t", total),
        Store("out", i * columns + j, call("maximum", Local("t", "float32"), Const(0.0, "float32"))),
    )
    body = For(rows, batch, (For(cols, columns, inner, vector=True),), parallel=True)
    parameters = (Parameter("a", "float32"), Parameter("b", "float32"), Parameter("out", "float32", writable=True))
    return LoopKernel(parameters, (BATCH,), (body,), "relu")


def fold_kernel(combine: str, columns: int = 5, dtype: str = "float32", result: str = "float32") -> LoopKernel:
    """out[i] = the fold over j < columns of a[i, j]."""
    (rows, i), (cols, j) = loop("i", batch), loop("j", columns)
    body = For(
        rows,
        batch,
        (
            Fold("r", combine, ((cols, columns),), Load("a", i * columns + j, dtype), result),
            Store("out", i, Local("r", result)),
        ),
        parallel=True,
    )
    return LoopKernel((Parameter("a", dtype), Parameter("out", result, writable=True)), (BATCH,), (body,), combine)


def contract_kernel(depth: int = 4, columns: int = 3) -> ContractKernel:
    """out[i, j] = max(sum over k of x[i, k] w[k, j] + b[j], 0) for i < batch."""
    (rows, i), (cols, j), (deep, k) = loop("i", batch), loop("j", columns), loop("k", depth)
    total = call("add", Local("sum", "float32"), Load("b", j, "float32"))
    return ContractKernel(
        (
            Parameter("x", "float32"),
            Parameter("w", "float32"),
            Parameter("b", "float32"),
            Parameter("out", "float32", writable=True),
        ),
        (BATCH,),
        (),
        (rows, batch),
        (cols, columns),
        ((deep, depth),),
        Load("x", i * depth + k, "float32"),
        Load("w", k * columns + j, "float32"),
        "float32",
        (
            Let("t", total),
            Store("out", i * columns + j, call("maximum", Local("t", "float32"), Const(0.0, "float32"))),
        ),
        "dense",
    )


def plan_of(kernel: Kernel, buffers: tuple[Buffer, ...], columns: int) -> Plan:
    """A plan of one launch: float32 inputs `a` of (batch, columns) and `b` of (columns), output `out` like `a`."""
    return Plan(
        (BATCH,),
        buffers,
        (Argument("a", "a", (batch, columns), "float32"), Argument("b", "b", (columns,), "float32")),
        (Result("out", (batch, columns), "float32"),),
        0,
        (),
        (Launch(kernel, ("a", "b", "out"), batch * columns * 2, batch * columns * 8, origin=("relu  # script.py:3",)),),
    )


def relu_plan(columns: int = 5) -> Plan:
    """out = max(a + b, 0)."""
    buffers = (
        Buffer("a", "float32", batch * columns, "input"),
        Buffer("b", "float32", columns, "input"),
        Buffer("out", "float32", batch * columns, "output"),
    )
    return plan_of(elementwise_kernel(columns), buffers, columns)
