"""Contraction kernels, natively, against NumPy: shapes, layouts, blocking, epilogues, threads."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from graphc import symbolic
from graphc.codegen.llvm.contraction.blocking import (
    STREAM_CACHES,
    STREAM_COLUMNS,
    STREAM_ROWS,
    choose_blocking,
)
from graphc.codegen.llvm.contraction.kernel import contract_scratch_bytes, emit_contract_kernel
from graphc.errors import CompileError
from graphc.loopir import Call, Const, ContractKernel, Expr, Let, Load, Local, Parameter, Store, evaluate_kernel
from graphc.records import record, replace
from graphc.symbolic import Dim, Symbol
from tests.codegen.contraction import Compiled, at_the_end_of_memory
from tests.codegen.native import host_target, narrow_target

Array = np.ndarray[Any, Any]
TARGETS = {"host": host_target(), "narrow": narrow_target()}
ROWS, COLUMNS, DEPTH = (symbolic.symbol(name) for name in ("rows", "columns", "depth"))


@record
class Case:
    """A product of (batch, rows, depth) and (batch, depth, columns); `run_time` names the extents that are sizes."""

    rows: int
    columns: int
    depth: int
    run_time: str = ""
    transposed: str = ""
    batch: int = 0
    dtype: str = "float32"
    left_dtype: str = ""
    right_dtype: str = ""
    padding: int = 0

    def sizes(self) -> dict[Symbol, int]:
        extents = {"m": self.rows, "n": self.columns, "k": self.depth}
        names = {"m": "rows", "n": "columns", "k": "depth"}
        return {Symbol(names[letter]): extents[letter] for letter in "mnk" if letter in self.run_time}

    def kernel(self, epilogue: str = "none") -> ContractKernel:
        rows: Dim = ROWS if "m" in self.run_time else self.rows
        columns: Dim = COLUMNS if "n" in self.run_time else self.columns
        depth: Dim = DEPTH if "k" in self.run_time else self.depth
        row, column, inner = (Symbol(name, extent) for name, extent in (("r", rows), ("c", columns), ("d", depth)))
        r, c, d = (
            symbolic.symbol(s.name, s.extent) if s.extent != 1 else 0 for s in (row, column, inner)
        )  # as the scheduler has it: an axis of one element is in no offset
        b: Dim = symbolic.symbol("b", self.batch) if self.batch else 0
        left_row, right_row = depth + self.padding, columns + self.padding
        if "l" in self.transposed:
            left = b * (depth * (rows + self.padding)) + d * (rows + self.padding) + r
        else:
            left = b * (rows * left_row) + r * left_row + d
        if "r" in self.transposed:
            right = b * (columns * (depth + self.padding)) + c * (depth + self.padding) + d
        else:
            right = b * (depth * right_row) + d * right_row + c
        place = b * (rows * columns) + r * columns + c
        parameters = (
            Parameter("left", self.left_dtype or self.dtype),
            Parameter("right", self.right_dtype or self.dtype),
            Parameter("result", self.dtype, True),
            Parameter("bias", self.dtype),
            Parameter("second", self.dtype, True),
        )
        return ContractKernel(
            parameters,
            tuple(self.sizes()),
            ((Symbol("b", self.batch), self.batch),) if self.batch else (),
            (row, rows),
            (column, columns),
            ((inner, depth),),
            Load("left", left, self.left_dtype or self.dtype),
            Load("right", right, self.right_dtype or self.dtype),
            self.dtype,
            EPILOGUES[epilogue](self.dtype, place, c),
        )

    def memory(self, seed: int = 0) -> dict[str, Array]:
        random_numbers = np.random.default_rng(seed)
        batch = self.batch or 1

        def operand(first: int, second: int, dtype: str) -> Array:
            return random_numbers.normal(size=batch * first * (second + self.padding)).astype(_numpy_dtype(dtype))

        shapes = {"left": (self.rows, self.depth), "right": (self.depth, self.columns)}
        for name, letter in (("left", "l"), ("right", "r")):
            if letter in self.transposed:
                shapes[name] = shapes[name][::-1]
        size = batch * self.rows * self.columns
        return {
            "left": operand(*shapes["left"], self.left_dtype or self.dtype),
            "right": operand(*shapes["right"], self.right_dtype or self.dtype),
            "result": random_numbers.normal(size=size).astype(self.dtype),
            "bias": random_numbers.normal(size=self.columns).astype(self.dtype),
            "second": random_numbers.normal(size=size).astype(self.dtype),
        }

    def product(self, memory: Mapping[str, Array]) -> Array:
        """Return NumPy's product, in float64."""
        operands = []
        for name, letter, shape in (
            ("left", "l", (self.rows, self.depth)),
            ("right", "r", (self.depth, self.columns)),
        ):
            flipped = letter in self.transposed
            first, second = shape[::-1] if flipped else shape
            array = (
                memory[name].astype(np.float64).reshape(self.batch or 1, first, second + self.padding)[:, :, :second]
            )
            operands.append(array.swapaxes(1, 2) if flipped else array)
        return np.asarray(operands[0] @ operands[1])


def _numpy_dtype(name: str) -> Any:
    return ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def _call(primitive: str, *arguments: Expr) -> Call:
    return Call(primitive, arguments, arguments[-1].dtype)


def _plain(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    return (Store("result", place, Local("sum", dtype)),)


def _bias_relu(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    added = _call("add", Local("sum", dtype), Load("bias", column, dtype))
    return (
        Let("x", added),
        Store("result", place, _call("maximum", Local("x", dtype), Const(0.0, dtype))),
    )


def _two_stores(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    total = Local("sum", dtype)
    tanh = _call("tanh", _call("multiply", total, Const(0.125, dtype)))
    return (
        Let("x", tanh),
        Store("result", place, _call("add", Local("x", dtype), Load("bias", column, dtype))),
        Store("second", place, total),
    )


def _update(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    """A step of momentum: both stores read what was at the same element, so it must run exactly once."""
    step = _call("multiply", Local("sum", dtype), Const(0.25, dtype))
    moved = _call("subtract", _call("multiply", Load("second", place, dtype), Const(0.5, dtype)), step)
    return (
        Let("v", moved),
        Store("second", place, Local("v", dtype)),
        Store("result", place, _call("add", Load("result", place, dtype), Local("v", dtype))),
    )


EPILOGUES = {"none": _plain, "bias_relu": _bias_relu, "two_stores": _two_stores, "update": _update}


def expected(epilogue: str, product: Array, memory: Mapping[str, Array]) -> dict[str, Array]:
    """Return the buffers that an epilogue writes, flat, in float64."""
    result, second = (memory[name].astype(np.float64) for name in ("result", "second"))
    if epilogue == "none":
        return {"result": product.ravel(), "second": second}
    if epilogue == "bias_relu":
        return {"result": np.maximum(product + memory["bias"], 0).ravel(), "second": second}
    if epilogue == "two_stores":
        return {"result": (np.tanh(product * 0.125) + memory["bias"]).ravel(), "second": product.ravel()}
    velocity = 0.5 * second - 0.25 * product.ravel()
    return {"result": result + velocity, "second": velocity}


def check(
    case: Case,
    epilogue: str = "none",
    target: str = "host",
    threads: Sequence[int] = (1, 2, 3),
    others: Sequence[Case] = (),
) -> None:
    """Compare a kernel with NumPy; every number of threads must give the same bits.

    `others` are cases of the same kernel with other run-time sizes.
    """
    compiled = Compiled(case.kernel(epilogue), TARGETS[target])
    for seed, same in enumerate((case, *others)):
        memory = same.memory(seed)
        wanted = expected(epilogue, same.product(memory), memory)
        found = [compiled.run(memory, same.sizes(), count) for count in threads]
        tolerance = (3e-6 if same.dtype == "float32" else 1e-14) * max(4.0, same.depth**0.5 * 4)
        for name, array in wanted.items():
            np.testing.assert_allclose(found[0][name], array, rtol=tolerance, atol=tolerance, err_msg=f"{name} {same}")
            for count, other in zip(threads[1:], found[1:]):
                np.testing.assert_array_equal(other[name], found[0][name], err_msg=f"{name} {count} threads {same}")
        for name in ("left", "right", "bias"):
            np.testing.assert_array_equal(found[0][name], memory[name])


EXTENTS = [1, 2, 3, 7, 15, 16, 17, 33, 64, 100]


def _random_cases(count: int) -> list[tuple[Case, str, str]]:
    choose = random.Random(20)
    cases = []
    for _ in range(count):
        rows, columns, depth = choose.sample(EXTENTS, 3)
        case = Case(
            rows,
            columns,
            depth,
            run_time="".join(
                letter for letter, share in (("m", 0.4), ("k", 0.3), ("n", 0.1)) if choose.random() < share
            ),
            transposed="".join(letter for letter in "lr" if choose.random() < 0.35),
            batch=choose.choice([0, 0, 0, 5]),
            dtype=choose.choice(["float32", "float32", "float64"]),
            padding=choose.choice([0, 0, 3]),
        )
        cases.append((case, choose.choice(list(EPILOGUES)), choose.choice(["host", "host", "narrow"])))
    return cases


@pytest.mark.parametrize(("case", "epilogue", "target"), _random_cases(64))
def test_random_products(case: Case, epilogue: str, target: str) -> None:
    check(case, epilogue, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("transposed", ["", "r", "l"])
def test_one_kernel_serves_all_run_time_rows(transposed: str, target: str) -> None:
    cases = [Case(rows, 50, 23, "m", transposed) for rows in (128, 1, 2, 3, 5, 8, 13, 31, 64)]
    check(cases[0], "bias_relu", target, others=cases[1:])


@pytest.mark.parametrize("target", TARGETS)
def test_run_time_depth_from_empty_to_several_blocks(target: str) -> None:
    cases = [Case(19, 37, depth, "k", "l") for depth in (64, 0, 1, 5, 512, 513, 1200)]
    check(cases[0], "update", target, others=cases[1:])


def test_all_extents_at_run_time() -> None:
    cases = [Case(*extents, "mnk") for extents in ((33, 70, 11), (1, 5, 9), (8, 16, 1), (50, 1, 20), (7, 200, 3))]
    check(cases[0], "two_stores", others=cases[1:])


@pytest.mark.parametrize("transposed", ["", "r", "lr"])
@pytest.mark.parametrize("depth", [1600, 4100])
def test_deep_products_in_blocks(depth: int, transposed: str) -> None:
    check(Case(21, 70, depth, "", transposed), "bias_relu", threads=(1, 2))


def test_panels_of_many_rows_are_packed() -> None:
    blocking = choose_blocking(ROWS, 1030, (130,), "rows", 1030, 4, TARGETS["host"])
    assert blocking.pack_right == "many"
    cases = [Case(rows, 1030, 130, "m") for rows in (400, 12)]
    check(cases[0], others=cases[1:], threads=(1, 2))
    assert choose_blocking(400, 1030, (130,), "rows", 1030, 4, TARGETS["host"]).pack_right == "always"
    check(Case(400, 1030, 130), threads=(1, 2))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rows", [1, 7, 23, STREAM_ROWS, 0])
def test_few_rows_stream_a_large_right_operand(rows: int, target: str) -> None:
    columns = 613
    depth = STREAM_CACHES * TARGETS[target].l2 // (4 * columns) + 3
    blocking = choose_blocking(rows or ROWS, columns, (depth,), "rows", columns, 4, TARGETS[target])
    assert blocking.stream_rows == (rows or STREAM_ROWS)
    if rows:
        check(Case(rows, columns, depth), "bias_relu", target, threads=(1, 2))
        return
    cases = [Case(rows, columns, depth, "m") for rows in (1, 5, 13, STREAM_ROWS + 1)]
    check(cases[0], "bias_relu", target, others=cases[1:], threads=(1, 2))


def test_many_right_operands_stream_where_all_of_them_are_large() -> None:
    columns, depth, batch = 530, 300, 4 * STREAM_CACHES
    target = replace(TARGETS["host"], l2=batch * columns * depth * 4 // STREAM_CACHES)
    assert choose_blocking(19, columns, (depth,), "rows", columns, 4, target, matrices=batch).stream
    assert not choose_blocking(19, columns, (depth,), "rows", columns, 4, target).stream
    enough = TARGETS["host"].l2 * STREAM_CACHES // (4 * columns * depth) + 1
    check(Case(19, columns, depth, batch=enough), "bias_relu", threads=(1, 2))


def test_wide_streams_go_in_blocks_of_columns() -> None:
    check(Case(3, STREAM_COLUMNS + 70, 270), threads=(1, 3))


@pytest.mark.parametrize(
    ("rows", "columns", "depth", "distance"),
    [(STREAM_ROWS + 1, 2000, 4000, 2000), (8, 200, 40000, 200), (8, 600, 100, 600), (8, COLUMNS, 4000, 2000)],
)
def test_what_is_not_streamed(rows: int, columns: Dim, depth: int, distance: int) -> None:
    assert not choose_blocking(rows, columns, (depth,), "rows", distance, 4, TARGETS["host"]).stream


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize(
    "case", [Case(9, 1, 40, "m"), Case(40, 1, 9, "k", "l"), Case(1, 40, 9, "", "r"), Case(1, 1, 5)]
)
def test_vectors(case: Case, epilogue: str) -> None:
    check(case, epilogue)


@pytest.mark.parametrize("rows", [4, 20])
@pytest.mark.parametrize("transposed", ["", "l", "r"])
@pytest.mark.parametrize("narrow", ["float16", "bfloat16"])
def test_narrow_operands_are_widened(narrow: str, transposed: str, rows: int) -> None:
    check(Case(rows, 35, 18, "", transposed, left_dtype=narrow, right_dtype=narrow), "bias_relu")


def test_narrow_right_operand_far_apart() -> None:
    check(Case(400, 2060, 130, "m", right_dtype="float16"), threads=(1,))


@pytest.mark.parametrize("rows", [3, 40])
def test_operands_with_no_contiguous_axis(rows: int) -> None:
    """Every other element in both axes."""
    columns, depth = 21, 10
    row, column, inner = Symbol("r", rows), Symbol("c", columns), Symbol("d", depth)
    r, c, d = (symbolic.symbol(s.name, s.extent) for s in (row, column, inner))
    kernel = ContractKernel(
        (Parameter("left", "float32"), Parameter("right", "float32"), Parameter("result", "float32", True)),
        (),
        (),
        (row, rows),
        (column, columns),
        ((inner, depth),),
        Load("left", 4 * depth * r + 2 * d + 1, "float32"),
        Load("right", 4 * columns * d + 2 * c, "float32"),
        "float32",
        (Store("result", 3 * columns * r + 3 * c, Local("sum", "float32")),),
    )
    numbers = np.random.default_rng(3)
    memory = {
        "left": numbers.normal(size=4 * depth * rows).astype(np.float32),
        "right": numbers.normal(size=4 * columns * depth).astype(np.float32),
        "result": np.zeros(3 * rows * columns, np.float32),
    }
    wanted = {name: array.copy() for name, array in memory.items()}
    evaluate_kernel(kernel, wanted, {})
    found = Compiled(kernel, TARGETS["host"]).run(memory, {}, 2)
    np.testing.assert_allclose(found["result"], wanted["result"], rtol=1e-5, atol=1e-5)
    assert np.count_nonzero(found["result"]) == rows * columns


def test_broadcast_left_operand_of_a_batch() -> None:
    """The same left matrix for each of the batch, as `matmul` broadcasts."""
    batch, rows, columns, depth = Symbol("b", 6), Symbol("r", 11), Symbol("c", 18), Symbol("d", 5)
    b, r, c, d = (symbolic.symbol(s.name, s.extent) for s in (batch, rows, columns, depth))
    kernel = ContractKernel(
        (Parameter("left", "float64"), Parameter("right", "float64"), Parameter("result", "float64", True)),
        (),
        ((batch, 6),),
        (rows, 11),
        (columns, 18),
        ((depth, 5),),
        Load("left", 5 * r + d, "float64"),
        Load("right", 90 * b + 18 * d + c, "float64"),
        "float64",
        (Store("result", 198 * b + 18 * r + c, Local("sum", "float64")),),
    )
    numbers = np.random.default_rng(4)
    left, right = numbers.normal(size=(11, 5)), numbers.normal(size=(6, 5, 18))
    memory = {"left": left.ravel(), "right": right.ravel(), "result": np.zeros(6 * 198)}
    compiled = Compiled(kernel, TARGETS["host"])
    for threads in (1, 4, 5):
        found = compiled.run(memory, {}, threads)["result"].reshape(6, 11, 18)
        np.testing.assert_allclose(found, left @ right, rtol=1e-13)


def _run_at_the_end_of_memory(case: Case) -> None:
    compiled = Compiled(case.kernel("bias_relu"), TARGETS["host"])
    memory = {name: at_the_end_of_memory(array) for name, array in case.memory().items()}
    compiled.run_in_place(memory, case.sizes(), 1)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages as Linux does")
@pytest.mark.parametrize(
    "case",
    [
        Case(9, 10, 30, "m"), Case(17, 2, 30), Case(40, 100, 7), Case(8, 33, 3), Case(1, 3, 1), Case(1, 10, 30),
        Case(20, 18, 21, "", "r"), Case(3, 19, 5, "", "r"), Case(12, 1, 33, "m"), Case(20, 10, 30, "k", "l"),
        Case(11, 21, 30, "", "", 3), Case(30, 13, 5, "n"), Case(9, 10, 30, "", "lr", dtype="float64"),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_beyond_the_operands_is_read(case: Case) -> None:
    """In a process of its own, since a fault would end it."""
    child = multiprocessing.get_context("fork").Process(target=_run_at_the_end_of_memory, args=(case,))
    child.start()
    child.join()
    assert child.exitcode == 0


def test_nan_and_infinity_stay_in_their_rows_and_columns() -> None:
    case = Case(20, 35, 24)
    memory = case.memory()
    memory["left"].reshape(20, 24)[3, 5] = np.nan
    memory["right"].reshape(24, 35)[7, 34] = np.inf
    found = Compiled(case.kernel(), TARGETS["host"]).run(memory, {}, 2)["result"].reshape(20, 35)
    touched = np.zeros((20, 35), bool)
    touched[3], touched[:, 34] = True, True
    np.testing.assert_array_equal(~np.isfinite(found), touched)


def test_blocking_fits_the_registers() -> None:
    """Accumulators, a row of the right operand and a broadcast never exceed the vector registers."""
    extents: list[Dim] = [1, 5, 16, 33, 64, 300, 1024]
    for target, itemsize in itertools.product(TARGETS.values(), (4, 8)):
        registers = target.registers * 4 // itemsize
        for rows, columns in itertools.product([*extents, ROWS], [*extents, COLUMNS]):
            blocking = choose_blocking(rows, columns, (100,), "rows", columns, itemsize, target)
            for tile in (blocking.tile, *blocking.rest):
                if tile is not None:
                    used = tile.chains * tile.rows * tile.vectors + tile.vectors + 1
                    assert used <= registers, (target.name, rows, columns, tile)


def test_blocking_covers_every_row_once() -> None:
    for rows in range(1, 200):
        blocking = choose_blocking(rows, 70, (100,), "rows", 70, 4, TARGETS["host"])
        if blocking.tile is None:
            left = rows
            for tile in blocking.rest:
                left %= tile.rows
            assert left == 0
        else:
            assert blocking.panels is not None and not blocking.rest
            last = blocking.last_rows or blocking.tile.rows
            assert (blocking.panels - 1) * blocking.tile.rows + last == rows


def test_small_products_have_small_code() -> None:
    text = emit_contract_kernel(Case(1, 10, 10).kernel("bias_relu"), "kernel", TARGETS["host"]).text
    assert text.count("\n") < 150
    assert contract_scratch_bytes(Case(1, 10, 10).kernel(), TARGETS["host"]) <= 1024


def test_integers_are_refused() -> None:
    with pytest.raises(CompileError, match="int32 has no contraction kernel"):
        emit_contract_kernel(Case(4, 5, 6, dtype="int32").kernel(), "kernel", TARGETS["host"])


def test_offsets_that_are_not_affine_are_refused() -> None:
    case = Case(4, 5, 6)
    kernel = case.kernel()
    r = symbolic.symbol("r", 4)
    bent = Load("left", r * r, "float32")
    broken = ContractKernel(
        kernel.parameters, kernel.sizes, kernel.batch, kernel.row, kernel.column, kernel.depth, bent, kernel.right,
        kernel.dtype, kernel.epilogue,
    )  # fmt: skip
    with pytest.raises(CompileError, match="not affine"):
        emit_contract_kernel(broken, "kernel", TARGETS["host"])
