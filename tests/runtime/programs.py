"""Small plans written by hand, and what they mean in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc import symbolic
from graphc.codegen import describe_target, emit_plan
from graphc.graph import State
from graphc.loopir import (
    Argument,
    Buffer,
    Call,
    Const,
    Expr,
    Fold,
    For,
    Index,
    Launch,
    Load,
    Local,
    LoopKernel,
    Origin,
    Parameter,
    Plan,
    Result,
    Store,
)
from graphc.runtime import Executable, Translation, cpu, load_plan
from graphc.symbolic import Dim, Symbol

Array = np.ndarray[Any, Any]
ROWS = Symbol("rows")
N = symbolic.symbol("rows")
FEATURES = 7
FIRST = Origin("relu", "float32[rows, 5]", "first", "user.py:3")


def compiled(plan: Plan, name: str = "program", single: bool = False) -> Executable:
    """Return the executable of a plan on this machine."""
    host = cpu().host
    target = describe_target(host.name, host.features, host.l1, host.l2)
    translation = Translation(plan, emit_plan(plan, target))
    return load_plan(lambda: translation, name, single)


def _call(primitive: str, *arguments: Expr) -> Call:
    return Call(primitive, arguments, "float32")


def relu_kernel(size: Dim) -> LoopKernel:
    """p2[i] = max(p0[i] + p1[i], 0)."""
    i = symbolic.symbol("i", size)
    total = _call("add", Load("p0", i, "float32"), Load("p1", i, "float32"))
    store = Store("p2", i, _call("maximum", total, Const(0.0, "float32")))
    loop = For(Symbol("i", size), size, (store,), parallel=True, vector=True)
    parameters = (Parameter("p0", "float32"), Parameter("p1", "float32"), Parameter("p2", "float32", True))
    return LoopKernel(parameters, (ROWS,), (loop,), "relu")


def relu_twice(work: Dim = 20 * N) -> Plan:
    """relu(relu(x + y) + y) for x and y of shape (rows, 10), through a temporary."""
    size = N * 10
    kernel = relu_kernel(size)
    return Plan(
        sizes=(ROWS,),
        buffers=(
            Buffer("x", "float32", size, "input"),
            Buffer("y", "float32", size, "input"),
            Buffer("between", "float32", size, "temporary", slot=64),
            Buffer("out", "float32", size, "output"),
        ),
        arguments=(Argument("x", "x", (N, 10), "float32"), Argument("y", "y", (N, 10), "float32")),
        results=(Result("out", (N, 10), "float32"),),
        steps=(
            Launch(
                kernel,
                ("x", "y", "between"),
                work,
                N * 120,
                origin=(Origin("relu", "float32[rows, 5]", "first", "user.py:3"),),
            ),
            Launch(kernel, ("between", "y", "out"), work, N * 120),
        ),
        arena=64 + N * 40,
    )


def relu_twice_in_numpy(x: Array, y: Array) -> Array:
    """What `relu_twice` means."""
    return np.maximum(np.maximum(x + y, 0) + y, 0)


def counter(state: State) -> Plan:
    """Return the state (5 float32) from before the call; add the argument to it."""
    i = symbolic.symbol("i", 5)
    parameters = (Parameter("p0", "float32"), Parameter("p1", "float32", True))
    copy = LoopKernel(
        parameters, (), (For(Symbol("i", 5), 5, (Store("p1", i, Load("p0", i, "float32")),), True, True),), "copy"
    )
    step = LoopKernel(
        parameters,
        (),
        (
            For(
                Symbol("i", 5),
                5,
                (Store("p1", i, _call("add", Load("p1", i, "float32"), Load("p0", i, "float32"))),),
                True,
                True,
            ),
        ),
        "add",
    )
    return Plan(
        sizes=(),
        buffers=(
            Buffer("by", "float32", 5, "input"),
            Buffer("state", "float32", 5, "state", source=state),
            Buffer("out", "float32", 5, "output"),
        ),
        arguments=(Argument("by", "by", (5,), "float32"),),
        results=(Result("out", (5,), "float32"),),
        steps=(Launch(copy, ("state", "out"), 5, 40), Launch(step, ("by", "state"), 5, 60)),
        arena=0,
    )


def training_step(weights: State) -> Plan:
    """One step of least squares: the mean squared error of x @ weights against y, then weights -= rate * gradient.

    x has shape (rows, 7), y (rows,), rate (); weights 7. The error is that of before the step.
    """
    i, j = symbolic.symbol("i", N), symbolic.symbol("j", FEATURES)
    row, feature = (Symbol("i", N), N), (Symbol("j", FEATURES), FEATURES)
    count = Call("cast", (Index(N),), "float32")
    product = _call("multiply", Load("p0", i * FEATURES + j, "float32"), Load("p1", j, "float32"))
    predict = LoopKernel(
        (
            Parameter("p0", "float32"),
            Parameter("p1", "float32"),
            Parameter("p2", "float32"),
            Parameter("p3", "float32", True),
        ),
        (ROWS,),
        (
            For(
                *row,
                (
                    Fold("v0", "sum", (feature,), product, "float32"),
                    Store("p3", i, _call("subtract", Local("v0", "float32"), Load("p2", i, "float32"))),
                ),
                parallel=True,
            ),
        ),
        "residual",
    )
    residual = Load("p0", i, "float32")
    loss = LoopKernel(
        (Parameter("p0", "float32"), Parameter("p1", "float32", True)),
        (ROWS,),
        (
            Fold("v0", "sum", (row,), _call("multiply", residual, residual), "float32"),
            Store("p1", 0, _call("divide", Local("v0", "float32"), count)),
        ),
        "loss",
    )
    slope = _call("multiply", residual, Load("p1", i * FEATURES + j, "float32"))
    change = _call("multiply", Load("p2", 0, "float32"), _call("divide", Local("v0", "float32"), count))
    update = LoopKernel(
        (
            Parameter("p0", "float32"),
            Parameter("p1", "float32"),
            Parameter("p2", "float32"),
            Parameter("p3", "float32", True),
        ),
        (ROWS,),
        (
            For(
                *feature,
                (
                    Fold("v0", "sum", (row,), slope, "float32"),
                    Store("p3", j, _call("subtract", Load("p3", j, "float32"), change)),
                ),
                parallel=True,
            ),
        ),
        "update",
    )
    return Plan(
        sizes=(ROWS,),
        buffers=(
            Buffer("x", "float32", N * FEATURES, "input"),
            Buffer("y", "float32", N, "input"),
            Buffer("rate", "float32", 1, "input"),
            Buffer("weights", "float32", FEATURES, "state", source=weights),
            Buffer("residual", "float32", N, "temporary", slot=0),
            Buffer("loss", "float32", 1, "output"),
        ),
        arguments=(
            Argument("x", "x", (N, FEATURES), "float32"),
            Argument("y", "y", (N,), "float32"),
            Argument("rate", "rate", (), "float32"),
        ),
        results=(Result("loss", (), "float32"),),
        steps=(
            Launch(predict, ("x", "weights", "y", "residual"), N * 14, N * 40),
            Launch(loss, ("residual", "loss"), N * 2, N * 4),
            Launch(update, ("residual", "x", "rate", "weights"), N * 14, N * 32, barrier=False),
        ),
        arena=N * 4 + 64,
    )
