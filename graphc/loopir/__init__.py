"""IR 2: how to compute. Data, its printer, its verifier and its meaning; imports nothing of `graph`."""

from graphc.loopir.evaluate import evaluate_kernel, evaluate_plan
from graphc.loopir.interface import EPOCH_FIELDS, has_epoch, size_sources
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
from graphc.loopir.printer import format_dim, format_expression, format_kernel, format_plan
from graphc.loopir.verify import verify_kernel, verify_plan

__all__ = [
    "COMBINERS",
    "EPOCH_FIELDS",
    "PRIMITIVES",
    "Argument",
    "Buffer",
    "Call",
    "Const",
    "ContractKernel",
    "Expr",
    "Fold",
    "For",
    "Index",
    "Kernel",
    "Launch",
    "Let",
    "Load",
    "Local",
    "LoopKernel",
    "Parameter",
    "Plan",
    "Result",
    "Statement",
    "Store",
    "evaluate_kernel",
    "evaluate_plan",
    "expressions",
    "format_dim",
    "format_expression",
    "format_kernel",
    "format_plan",
    "has_epoch",
    "size_sources",
    "verify_kernel",
    "verify_plan",
]  # fmt: skip
