"""Emit: Plan -> text. Pure: needs no device, no LLVM and no CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.llvm import emit_peak, emit_plan, operations_of_turn
from graphc.codegen.target import Target, describe_target
from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc.codegen.cuda import emit_cuda, emit_cuda_kernel, prelude

__all__ = [
    "Target", "describe_target", "emit_cuda", "emit_cuda_kernel", "emit_peak", "emit_plan", "operations_of_turn",
    "prelude",
]  # fmt: skip

# A first call on the CPU need not wait for what writes CUDA.
__getattr__, __dir__ = loaded_on_first_use(__name__, {"cuda": "emit_cuda emit_cuda_kernel prelude"})
