"""Contraction kernels of several sums, natively, against the meaning of the loop IR."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import symbolic
from graphc.codegen.llvm.contraction.kernel import row_grain, row_height
from graphc.loopir import (
    Call,
    ContractKernel,
    Expr,
    Let,
    Load,
    Local,
    Parameter,
    Store,
    evaluate_kernel,
    sum_name,
    verify_kernel,
)
from graphc.records import replace
from graphc.symbolic import Dim, Symbol
from tests.codegen.contraction import Compiled, at_the_end_of_memory
from tests.codegen.native import host_target, narrow_target

Array = np.ndarray[Any, Any]
TARGETS = {"host": host_target(), "narrow": narrow_target()}


def gates(rows: int, columns: int, depth: int, parts: int, heavy: bool, run_time: bool, dtype: str) -> ContractKernel:
    """Columns of `parts` equal parts of one matrix, and what meets over them: first * g(second) * g(third) ..."""
    height: Dim = symbolic.symbol("rows") if run_time else rows
    row, column, inner = (Symbol(name, extent) for name, extent in (("r", height), ("c", columns), ("d", depth)))
    r, c, d = (symbolic.symbol(s.name, s.extent) if s.extent != 1 else 0 for s in (row, column, inner))
    rights = [Load("right", d * (parts * columns) + c + number * columns, dtype) for number in range(parts)]
    value: Expr = Local("sum", dtype)
    for number in range(1, parts):
        other: Expr = Local(sum_name(number), dtype)
        if heavy:
            other = Call("sigmoid", (Call("add", (other, Load("bias", c, dtype)), dtype),), dtype)
        value = Call("multiply", (value, other), dtype)
    place = r * columns + c
    last = Store("second", place, Local(sum_name(parts - 1), dtype))
    epilogue = (Let("v", value), Store("result", place, Local("v", dtype)), last)
    names = ("left", "right", "bias", "result", "second")
    return ContractKernel(
        tuple(Parameter(name, dtype, name in ("result", "second")) for name in names),
        (Symbol("rows"),) if run_time else (),
        (),
        (row, height),
        (column, columns),
        ((inner, depth),),
        Load("left", r * depth + d, dtype),
        rights[0],
        dtype,
        epilogue,
        beside=tuple(rights[1:]),
    )  # fmt: skip


def memory(rows: int, columns: int, depth: int, parts: int, dtype: str) -> dict[str, Array]:
    shapes = {"left": rows * depth, "right": depth * parts * columns, "bias": columns}
    shapes |= {"result": rows * columns, "second": rows * columns}
    rng = np.random.default_rng(3)
    return {name: (rng.standard_normal(size) * 0.3).astype(dtype) for name, size in shapes.items()}


EXTENTS = [(1, 32, 20), (5, 16, 7), (14, 10, 33), (37, 40, 65), (3, 1, 9), (13, 33, 2100), (350, 300, 130), (9, 16, 1)]


@pytest.mark.parametrize("parts", [2, 3, 4])
@pytest.mark.parametrize("extents", EXTENTS, ids=str)
@pytest.mark.parametrize("target", TARGETS)
def test_sums_are_those_of_numpy_whatever_the_threads(target: str, extents: tuple[int, int, int], parts: int) -> None:
    for heavy, run_time, dtype in ((True, True, "float32"), (False, False, "float32"), (True, False, "float64")):
        kernel = gates(*extents, parts, heavy, run_time, dtype)
        verify_kernel(kernel)
        arrays = memory(*extents, parts, dtype)
        sizes = {symbol: extents[0] for symbol in kernel.sizes}
        expected = {name: array.copy() for name, array in arrays.items()}
        evaluate_kernel(kernel, expected, sizes)
        compiled = Compiled(kernel, TARGETS[target])
        results = [compiled.run(arrays, sizes, threads) for threads in (1, 3)]
        for name in ("result", "second"):
            np.testing.assert_allclose(results[0][name], expected[name], rtol=2e-4, atol=2e-4)
            assert np.array_equal(results[0][name], results[1][name])


@pytest.mark.parametrize("columns", [16, 20, 33])
def test_nothing_beyond_the_operands_is_read(columns: int) -> None:
    for rows in (1, 6, 11):
        kernel = gates(rows, columns, 9, 4, True, True, "float32")
        sizes = {Symbol("rows"): rows}
        arrays = {n: at_the_end_of_memory(a) for n, a in memory(rows, columns, 9, 4, "float32").items()}
        expected = {name: array.copy() for name, array in arrays.items()}
        evaluate_kernel(kernel, expected, sizes)
        Compiled(kernel, TARGETS["host"]).run_in_place(arrays, sizes, 1)
        np.testing.assert_allclose(arrays["result"], expected["result"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("target", TARGETS)
def test_rows_cut_at_a_multiple_of_the_grain_have_the_bits_of_the_whole(target: str, parts: int) -> None:
    columns, depth, symbol = 48, 70, Symbol("rows")
    kernel = gates(1, columns, depth, parts, True, True, "float32")
    compiled, grain = Compiled(kernel, TARGETS[target]), row_grain(kernel, TARGETS[target])
    assert grain <= row_height(kernel, TARGETS[target])
    for rows in (7, 25, 32):
        whole = memory(rows, columns, depth, parts, "float32")
        expected = compiled.run(whole, {symbol: rows}, 1)["result"]
        for cut in range(grain, rows, grain):
            for first, count in ((0, cut), (cut, rows - cut)):
                part = {**whole, "left": whole["left"][first * depth :][: count * depth].copy()}
                got = compiled.run(part, {symbol: count}, 1)["result"][: count * columns]
                assert np.array_equal(got, expected[first * columns :][: count * columns])


def test_two_threads_share_the_rows_of_four_gates_evenly() -> None:
    """A tile holds six rows of four sums; by sixes, two threads would have 18 and 14 of 32 rows."""
    kernel, target = gates(1, 128, 128, 4, True, True, "float32"), replace(host_target(), lanes=16, registers=32)
    assert row_height(kernel, target) == 6
    assert 16 % row_grain(kernel, target) == 0
