"""IR 2: how to compute. Data only; imports nothing of `graph`."""

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
    expressions,
)
from graphc.loopir.plan import Argument, Buffer, Launch, Plan, Result

__all__ = [
    "COMBINERS", "PRIMITIVES", "Argument", "Buffer", "Call", "Const", "ContractKernel", "Expr", "Fold", "For",
    "Index", "Kernel", "Launch", "Let", "Load", "Local", "LoopKernel", "Parameter", "Plan", "Result", "Statement",
    "Store", "expressions",
]  # fmt: skip
