"""Subnormal numbers count as zero while a program runs: the processor's control register, set and put back.

A processor takes a hundred cycles where an operand or a result is subnormal. Running averages that nothing feeds any
more decay into such numbers and stay there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphc.codegen.llvm.builder import FunctionBuilder
from graphc.codegen.target import Target

# MXCSR of x86: results to zero (bit 15), operands as zero (bit 6). FPCR of 64-bit ARM: both (bit 24).
_MXCSR_FLUSH = 1 << 15 | 1 << 6
_FPCR_FLUSH = 1 << 24


@contextmanager
def flushing(f: FunctionBuilder, target: Target) -> Iterator[None]:
    """Emit what is inside so that the calling thread takes subnormal numbers for zeros, where the target does so."""
    match target.subnormals:
        case "mxcsr":
            saved, flushed = f.value("alloca i32"), f.value("alloca i32")
            f.call("void", "llvm.x86.sse.stmxcsr", [("ptr", saved)])
            before = f.value(f"load i32, ptr {saved}")
            f.emit(f"store i32 {f.value(f'or i32 {before}, {_MXCSR_FLUSH}')}, ptr {flushed}")
            f.call("void", "llvm.x86.sse.ldmxcsr", [("ptr", flushed)])
            yield
            f.call("void", "llvm.x86.sse.ldmxcsr", [("ptr", saved)])
        case "fpcr":
            before = f.call("i64", "llvm.aarch64.get.fpcr", [])
            f.call("void", "llvm.aarch64.set.fpcr", [("i64", f.value(f"or i64 {before}, {_FPCR_FLUSH}"))])
            yield
            f.call("void", "llvm.aarch64.set.fpcr", [("i64", before)])
        case _:
            yield
