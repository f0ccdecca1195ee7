"""Emit: Plan -> text. Pure: needs no device, no LLVM and no CUDA."""

from graphc.codegen.cuda import emit_cuda, emit_cuda_kernel, prelude
from graphc.codegen.llvm import emit_peak, emit_plan, operations_of_turn
from graphc.codegen.target import Target, describe_target

__all__ = [
    "Target", "describe_target", "emit_cuda", "emit_cuda_kernel", "emit_peak", "emit_plan", "operations_of_turn",
    "prelude",
]  # fmt: skip
