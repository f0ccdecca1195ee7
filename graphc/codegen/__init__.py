"""Emit: Plan -> text. Pure: needs no device and no LLVM."""

from graphc.codegen.target import Target, describe_target

__all__ = ["Target", "describe_target"]
