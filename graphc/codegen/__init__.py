"""Emit: Plan -> text. Pure: needs no device, no LLVM and no CUDA."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphc.codegen.llvm import emit_peak, emit_plan, operations_of_turn
from graphc.codegen.target import Target, describe_target

if TYPE_CHECKING:
    from graphc.codegen.cuda import emit_cuda, emit_cuda_kernel, prelude

__all__ = [
    "Target", "describe_target", "emit_cuda", "emit_cuda_kernel", "emit_peak", "emit_plan", "operations_of_turn",
    "prelude",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # A first call on the CPU need not wait for what writes CUDA.
    if name in ("emit_cuda", "emit_cuda_kernel", "prelude"):
        return getattr(importlib.import_module("graphc.codegen.cuda"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
