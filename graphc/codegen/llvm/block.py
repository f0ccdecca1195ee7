"""The memory of a program's temporaries, which calls hand to each other so that it is asked for once: `graphc_block`.

    ptr graphc_take(i64 bytes)      memory of so many bytes; null where there is none
    void graphc_give(ptr memory)    gives it back

One call at a time has the block, which grows with what is asked for; another one meanwhile gets memory of its own.
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import LINE, FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm.sizes import Sizes, emit_dim
from graphc.loopir import Plan

# Its bytes, its address, whether a call has it.
BLOCK_VARIABLE = "@graphc_block = global { i64, ptr, i32 } zeroinitializer, align 64\n"
_ADDRESS, _IS_TAKEN = 8, 16
# From so many bytes on, memory is asked for in pages of two megabytes (Linux's madvise; where it is refused, no harm is
# done): what walks through many parts of a large arena spends a twentieth of its time on finding small pages.
_LARGE_BYTES, _LARGE_PAGE, _MADV_HUGEPAGE = 4 << 20, 2 << 20, 14


def arena_bytes(f: FunctionBuilder, plan: Plan, sizes: Sizes) -> Operand:
    """Return the bytes of a plan's temporaries, in whole cache lines."""
    return whole_lines(f, emit_dim(f, plan.arena, sizes))


def whole_lines(f: FunctionBuilder, count: Operand) -> Operand:
    """Return a number of bytes, rounded up to whole cache lines."""
    return f.multiply(f.divide(f.add(count, LINE - 1), LINE), LINE)


def store_memory(f: FunctionBuilder, plan: Plan, buffers: str, memory: str, arena: Operand) -> None:
    """Write the address of the arena, and of the scratch memory behind it, to where `graphc_run` reads them."""
    f.emit(f"store ptr {memory}, ptr {f.gep(buffers, len(plan.buffers), 'ptr')}")
    f.emit(f"store ptr {f.gep(memory, arena, 'i8')}, ptr {f.gep(buffers, len(plan.buffers) + 1, 'ptr')}")


def emit_block() -> list[FunctionText]:
    """Return `graphc_take` and `graphc_give`."""
    return [_emit_take(), _emit_give()]


def _emit_take() -> FunctionText:
    f = FunctionBuilder("graphc_take", [("i64", "total")], result="ptr", linkage="internal")
    holder = f.value("alloca ptr")
    taken = f.value(f"cmpxchg ptr {f.gep('@graphc_block', _IS_TAKEN, 'i8')}, i32 0, i32 1 acquire monotonic")
    is_block = f.value(f"extractvalue {{ i32, i1 }} {taken}, 1")
    address = f.gep("@graphc_block", _ADDRESS, "i8")
    fits = f.compare("sge", f.value("load i64, ptr @graphc_block"), "%total")
    with f.when(f.value(f"and i1 {is_block}, {fits}")):
        f.emit(f"ret ptr {f.value(f'load ptr, ptr {address}')}")
        f.begin(f.label("unreachable"))
    is_large = f.compare("sge", "%total", _LARGE_BYTES)
    alignment = f.value(f"select i1 {is_large}, i64 {_LARGE_PAGE}, i64 {LINE}")
    failed = f.call("i32", "posix_memalign", [("ptr", holder), ("i64", alignment), ("i64", "%total")])
    with f.when(f.value(f"icmp ne i32 {failed}, 0")):
        with f.when(is_block):
            _let_go(f)
        f.emit("ret ptr null")
        f.begin(f.label("unreachable"))
    memory = f.value(f"load ptr, ptr {holder}")
    with f.when(is_large):
        f.call("i32", "madvise", [("ptr", memory), ("i64", "%total"), ("i32", _MADV_HUGEPAGE)])
    with f.when(is_block):
        f.call("void", "free", [("ptr", f.value(f"load ptr, ptr {address}"))])
        f.emit(f"store ptr {memory}, ptr {address}")
        f.emit("store i64 %total, ptr @graphc_block")
    return f.finish(f"ptr {memory}")


def _emit_give() -> FunctionText:
    f = FunctionBuilder("graphc_give", [("ptr", "memory")], linkage="internal")
    # Memory of a call's own never lies where the block does.
    block = f.value(f"load ptr, ptr {f.gep('@graphc_block', _ADDRESS, 'i8')}")
    is_block = f.value(f"icmp eq ptr %memory, {block}")
    with f.when(is_block):
        _let_go(f)
        f.emit("ret void")
        f.begin(f.label("unreachable"))
    f.call("void", "free", [("ptr", "%memory")])
    return f.finish()


def _let_go(f: FunctionBuilder) -> None:
    f.emit(f"store atomic i32 0, ptr {f.gep('@graphc_block', _IS_TAKEN, 'i8')} release, align 4")
