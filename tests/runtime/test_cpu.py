"""The CPU device: text to code to memory, by both loaders."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable

import pytest

from graphc.errors import CompileError
from graphc.runtime import cpu, elf, symbols

TEXT = """
@graphc_threads = external global i32
@counts = global [3 x i64] [i64 4, i64 9, i64 25]
@where = global ptr @twice
@table = private constant [6 x double] [double 0.5, double 1.5, double 2.5, double 3.5, double 4.5, double 5.5]
declare ptr @memset(ptr, i32, i64)
define internal i64 @twice(i64 %x) noinline {
 %y = mul i64 %x, 2
 ret i64 %y
}
define i64 @total(i64 %x) {
 %a = call i64 @twice(i64 %x)
 %p = getelementptr i64, ptr @counts, i64 2
 %b = load i64, ptr %p
 %c = add i64 %a, %b
 %t = load i32, ptr @graphc_threads
 %t64 = sext i32 %t to i64
 %m = mul i64 %t64, 1000
 %d = add i64 %c, %m
 ret i64 %d
}
define double @row(i64 %i) {
 %p = getelementptr double, ptr @table, i64 %i
 %x = load double, ptr %p
 ret double %x
}
define i64 @indirect(i64 %x) {
 %f = load ptr, ptr @where
 %y = call i64 %f(i64 %x)
 ret i64 %y
}
define void @clear(ptr %p, i64 %n) {
 %r = call ptr @memset(ptr %p, i32 7, i64 %n)
 ret void
}
"""

LOADERS: dict[str, Callable[[bytes], object]] = {
    "elf": lambda code: elf.ElfImage(code, symbols.addresses()),
    "engine": cpu()._load_by_engine,
}


@pytest.mark.parametrize("loader", LOADERS)
def test_code_runs(loader: str) -> None:
    loaded = LOADERS[loader](cpu().compile(TEXT))

    def function(name: str, result: type, *arguments: type) -> Callable[..., int]:
        return ctypes.CFUNCTYPE(result, *arguments)(loaded.address(name))  # type: ignore[attr-defined]

    assert function("total", ctypes.c_int64, ctypes.c_int64)(3) == 6 + 25 + 1000 * symbols.threads()
    assert function("row", ctypes.c_double, ctypes.c_int64)(5) == 5.5
    assert function("indirect", ctypes.c_int64, ctypes.c_int64)(-11) == -22
    memory = (ctypes.c_uint8 * 40)()
    function("clear", None, ctypes.c_void_p, ctypes.c_int64)(memory, 33)  # type: ignore[arg-type]
    assert list(memory) == [7] * 33 + [0] * 7
    counts = (ctypes.c_int64 * 3).from_address(loaded.address("counts"))  # type: ignore[attr-defined]
    assert list(counts) == [4, 9, 25]
    with pytest.raises(KeyError):
        loaded.address("absent")  # type: ignore[attr-defined]


def test_two_loads_of_one_code_have_their_own_variables() -> None:
    code = cpu().compile(TEXT)
    first, second = cpu().load(code), cpu().load(code)
    ctypes.c_int64.from_address(first.address("counts")).value = 100
    assert ctypes.c_int64.from_address(second.address("counts")).value == 4


def test_unknown_symbols_are_named() -> None:
    code = cpu().compile(
        "declare void @graphc_nowhere()\ndefine void @f() {\n call void @graphc_nowhere()\n ret void\n}"
    )
    with pytest.raises(CompileError, match="graphc_nowhere"):
        elf.ElfImage(code, symbols.addresses())


def test_invalid_text_and_code_are_refused() -> None:
    with pytest.raises(CompileError, match="LLVM rejects"):
        cpu().compile("define void @f() { ret i32 0 }")
    with pytest.raises(CompileError, match="not a relocatable"):
        elf.ElfImage(b"MZ" + bytes(100), {})


def test_assembly_shows_the_code() -> None:
    assembly = cpu().assembly(TEXT)
    assert "total:" in assembly
    assert "twice:" in assembly


def test_import_loads_nothing_of_llvm() -> None:
    code = (
        "import sys, graphc.runtime; print([m for m in ('llvmlite.binding', 'networkx', 'h5py') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
