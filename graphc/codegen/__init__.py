"""Emit: Plan -> text. Pure: needs no device and no LLVM."""

from graphc.codegen.llvm_module import emit_plan
from graphc.codegen.llvm_peak import emit_peak, operations_of_turn
from graphc.codegen.target import Target, describe_target

__all__ = ["Target", "describe_target", "emit_peak", "emit_plan", "operations_of_turn"]
