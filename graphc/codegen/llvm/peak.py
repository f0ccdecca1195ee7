"""Two functions that show what a processor can do at most, to measure others against.

void graphc_fma(ptr out, i64 turns)          turns * operations_of_turn(target) multiply-adds in registers
void graphc_triad(ptr a, ptr b, ptr c, i64 count)   c = 3 * a + b over `count` vectors, 12 bytes an element
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import FunctionBuilder, FunctionText
from graphc.codegen.target import Target

# Independent sums: enough to hide the latency of two multiply-adds a cycle, few enough for sixteen registers.
_SUMS = 12


def operations_of_turn(target: Target) -> int:
    """Return the float32 operations of one turn of `graphc_fma`."""
    return 2 * _SUMS * target.lanes


def emit_peak(target: Target) -> str:
    """Return the module of the two functions."""
    functions = [_emit_fma(target), _emit_triad(target)]
    declarations = sorted(set().union(*(f.declarations for f in functions)))
    return "\n".join([*declarations, *(f.text for f in functions), target.attributes])


def _emit_fma(target: Target) -> FunctionText:
    vector = f"<{target.lanes} x float>"
    f = FunctionBuilder("graphc_fma", [("ptr", "out"), ("i64", "turns")])
    factor = f.value(f"load {vector}, ptr %out, align 4")
    # Sums that start from different memory are not taken for one.
    starts = [f.value(f"load {vector}, ptr {f.gep('%out', position, vector)}, align 4") for position in range(_SUMS)]
    with f.loop(0, "%turns", carried=[(vector, start) for start in starts]) as loop:
        loop.next = [
            f.call(vector, f"llvm.fma.v{target.lanes}f32", [(vector, x), (vector, factor), (vector, factor)])
            for x in loop.carried
        ]
    for position, total in enumerate(loop.results):
        f.emit(f"store {vector} {total}, ptr {f.gep('%out', position, vector)}, align 4")
    return f.finish()


def _emit_triad(target: Target) -> FunctionText:
    vector = f"<{target.lanes} x float>"
    f = FunctionBuilder("graphc_triad", [("ptr", "a"), ("ptr", "b"), ("ptr", "c"), ("i64", "count")])
    three = _splat(target, 3)
    with f.loop(0, "%count") as loop:
        a, b = (f.value(f"load {vector}, ptr {f.gep(name, loop.index, vector)}, align 4") for name in ("%a", "%b"))
        result = f.call(vector, f"llvm.fma.v{target.lanes}f32", [(vector, a), (vector, three), (vector, b)])
        f.emit(f"store {vector} {result}, ptr {f.gep('%c', loop.index, vector)}, align 4")
    return f.finish()


def _splat(target: Target, value: int) -> str:
    return f"<{', '.join([f'float {value}.0'] * target.lanes)}>"
