"""Emit: Plan -> text. Pure: needs no device and no LLVM."""
