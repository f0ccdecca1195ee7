"""The CPU: Plan -> LLVM IR as text."""

from graphc.codegen.llvm.module import emit_plan
from graphc.codegen.llvm.peak import emit_peak, operations_of_turn

__all__ = ["emit_peak", "emit_plan", "operations_of_turn"]
