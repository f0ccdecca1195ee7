"""Convolutions and their gradients as contraction kernels, natively, against NumPy; then through the whole compiler."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops, symbolic
from graphc.codegen import Target
from graphc.codegen.llvm.contraction.blocking import line_tile
from graphc.codegen.llvm.contraction.kernel import emit_contract_kernel
from graphc.codegen.llvm.contraction.problem import Problem, describe_problem
from graphc.graph import Graph, evaluate
from graphc.loopir import Call, Const, ContractKernel, Expr, Let, Load, Local, Parameter, Store, evaluate_kernel
from graphc.records import record, replace
from graphc.symbolic import Dim, Symbol
from tests.codegen.contraction import Compiled, at_the_end_of_memory
from tests.codegen.native import host_target, narrow_target

Array = np.ndarray[Any, Any]
TARGETS = {"host": host_target(), "narrow": narrow_target()}
# What blockings are asserted for; kernels run on this machine.
WIDE = Target("", "", 16, 32, fma=True, half=True, l2=1024 * 1024)
IMAGES, WIDTH = symbolic.symbol("images"), symbolic.symbol("width")


@record
class Case:
    """A convolution of padded images with kernels of `high x wide`: y[n, oy, ox, co] = sum of x[...] * w[...].

    `kind` is what is computed: y, the gradient of x's kernel (`weights`), or y with kernels stored as their gradient's
    convolution reads them, (channels out, channels in) and turned round (`turned`). `run_time` names what is a size:
    the images (n), the width of the result (x).
    """

    images: int
    space: tuple[int, int]
    before: int
    after: int
    high: int = 3
    wide: int = 3
    stride: int = 1
    dilation: int = 1
    kind: str = "forward"
    run_time: str = "n"
    dtype: str = "float32"
    epilogue: str = "none"

    def extents(self) -> dict[str, int]:
        """Return the extents of the result's lines and of x."""
        down = (self.space[0] - 1) * self.stride + (self.high - 1) * self.dilation + 1
        across = (self.space[1] - 1) * self.stride + (self.wide - 1) * self.dilation + 1
        return {"h": down, "w": across}

    def sizes(self) -> dict[Symbol, int]:
        values = {"n": ("images", self.images), "x": ("width", self.space[1])}
        return {Symbol(values[letter][0]): values[letter][1] for letter in "nx" if letter in self.run_time}

    def kernel(self) -> ContractKernel:
        """Return the kernel, with its loops merged as the scheduler does it."""
        n, (oh, ow) = IMAGES if "n" in self.run_time else self.images, self.space
        width: Dim = WIDTH if "x" in self.run_time else ow
        line = ((width - 1) * self.stride + (self.wide - 1) * self.dilation + 1) * self.before
        image = line * self.extents()["h"]
        loops = {
            "n": n, "y": oh, "x": width, "o": self.after, "a": self.high, "b": self.wide, "i": self.before,
            "m": self.wide * self.before,
        }  # fmt: skip
        symbols = {name: Symbol(name, extent) for name, extent in loops.items()}
        v = {name: symbolic.of_atom(symbol) for name, symbol in symbols.items()}
        corner = v["n"] * image + v["y"] * line * self.stride + v["x"] * self.before * self.stride
        corner = corner + v["a"] * line * self.dilation
        merged = self.dilation == 1
        within = v["m"] if merged else v["b"] * self.before * self.dilation + v["i"]
        x = Load("x", corner + within, self.dtype)
        kernel_row = v["a"] * self.wide * self.before
        tap = kernel_row + (v["m"] if merged else v["b"] * self.before + v["i"])
        y_place = ((v["n"] * oh + v["y"]) * width + v["x"]) * self.after + v["o"]

        def named(*names: str) -> tuple[tuple[Symbol, Dim], ...]:
            return tuple((symbols[name], loops[name]) for name in names)

        inside = ("m",) if merged else ("b", "i")
        if self.kind == "weights":
            *batch, row = named("a", *inside)
            column, depth = named("o")[0], named("n", "y", "x")
            right, place = Load("y", y_place, self.dtype), tap * self.after + v["o"]
        elif self.kind == "turned":
            # The kernel as it lies: (after, ky, kx, before), from its last tap to its first.
            taps = self.high * self.wide - 1 - v["a"] * self.wide - v["b"]
            x = Load("x", corner + v["b"] * self.before * self.dilation + v["i"], self.dtype)
            (*batch, row), column, depth = named("n", "y", "x"), named("o")[0], named("a", "b", "i")
            all_taps = self.high * self.wide * self.before
            right, place = Load("w", v["o"] * all_taps + taps * self.before + v["i"], self.dtype), y_place
        else:
            (*batch, row), column, depth = named("n", "y", "x"), named("o")[0], named("a", *inside)
            right, place = Load("w", tap * self.after + v["o"], self.dtype), y_place
        parameters = (
            Parameter("x", self.dtype), Parameter(right.buffer, self.dtype), Parameter("bias", self.dtype),
            Parameter("result", self.dtype, True),
        )  # fmt: skip
        body = EPILOGUES[self.epilogue](self.dtype, place, v["o"])
        return ContractKernel(
            parameters, tuple(self.sizes()), tuple(batch), row, column, depth, x, right, self.dtype, body
        )  # fmt: skip

    def memory(self, seed: int) -> dict[str, Array]:
        numbers = np.random.default_rng(seed)
        weights = self.high * self.wide * self.before * self.after
        result = self.images * self.space[0] * self.space[1] * self.after
        x = self.images * self.extents()["h"] * self.extents()["w"] * self.before
        found = {"x": numbers.normal(size=x).astype(self.dtype), "bias": numbers.normal(size=self.after)}
        if self.kind == "weights":
            found |= {"y": numbers.normal(size=result), "result": numbers.normal(size=weights)}
        else:
            found |= {"w": numbers.normal(size=weights), "result": numbers.normal(size=result)}
        return {name: array.astype(self.dtype) for name, array in found.items()}

    def expected(self, memory: dict[str, Array]) -> Array:
        """Return the result, flat, in float64."""
        extents = self.extents()
        x = memory["x"].astype(np.float64).reshape(self.images, extents["h"], extents["w"], self.before)
        result = np.zeros((self.images, *self.space, self.after))
        gradient = np.zeros((self.high, self.wide, self.before, self.after))
        if self.kind == "weights":
            y = memory["y"].astype(np.float64).reshape(result.shape)
        elif self.kind == "turned":
            stored = memory["w"].astype(np.float64).reshape(self.after, self.high, self.wide, self.before)
            w = stored[:, ::-1, ::-1].transpose(1, 2, 3, 0)
        else:
            w = memory["w"].astype(np.float64).reshape(gradient.shape)
        for a, b in itertools.product(range(self.high), range(self.wide)):
            down, across = (
                slice(tap * self.dilation, tap * self.dilation + (count - 1) * self.stride + 1, self.stride)
                for tap, count in zip((a, b), self.space)
            )
            if self.kind == "weights":
                gradient[a, b] = np.tensordot(x[:, down, across], y, ((0, 1, 2), (0, 1, 2)))
            else:
                result += x[:, down, across] @ w[a, b]
        total = (gradient if self.kind == "weights" else result).reshape(-1, self.after)
        if self.epilogue == "bias_relu":
            total = np.maximum(total + memory["bias"], 0)
        elif self.epilogue == "swish":
            total = np.tanh((total + memory["bias"]) * 0.125) * total
        return np.asarray(total.ravel())


def _call(primitive: str, *arguments: Expr) -> Call:
    return Call(primitive, arguments, arguments[-1].dtype)


def _plain(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    return (Store("result", place, Local("sum", dtype)),)


def _bias_relu(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    added = _call("add", Local("sum", dtype), Load("bias", column, dtype))
    return (Store("result", place, _call("maximum", added, Const(0.0, dtype))),)


def _swish(dtype: str, place: Dim, column: Dim) -> tuple[Let | Store, ...]:
    """Heavy enough to run over a copy of the tile."""
    total = Local("sum", dtype)
    added = _call("multiply", _call("add", total, Load("bias", column, dtype)), Const(0.125, dtype))
    return (
        Let("t", _call("tanh", added)),
        Store("result", place, _call("multiply", Local("t", dtype), total)),
    )


EPILOGUES = {"none": _plain, "bias_relu": _bias_relu, "swish": _swish}


def problem_of(case: Case) -> Problem:
    return describe_problem(case.kernel(), WIDE)


def check(case: Case, target: str = "host", others: Sequence[Case] = (), threads: Sequence[int] = (1, 2, 3)) -> None:
    """Compare a kernel with NumPy; every number of threads must give the same bits.

    `others` are cases of the same kernel with other run-time sizes.
    """
    compiled = Compiled(case.kernel(), TARGETS[target])
    for seed, same in enumerate((case, *others)):
        assert same.kernel() == case.kernel()
        memory = same.memory(seed)
        wanted = same.expected(memory)
        found = [compiled.run(memory, same.sizes(), count)["result"] for count in threads]
        terms = same.high * same.wide * same.before
        if same.kind == "weights":
            terms = same.images * same.space[0] * same.space[1]
        tolerance = (3e-6 if same.dtype == "float32" else 1e-14) * max(4.0, terms**0.5 * 4)
        np.testing.assert_allclose(found[0], wanted, rtol=tolerance, atol=tolerance, err_msg=str(same))
        for count, other in zip(threads[1:], found[1:]):
            np.testing.assert_array_equal(other, found[0], err_msg=f"{count} threads {same}")


def _random_cases(count: int) -> list[tuple[Case, str]]:
    choose = random.Random(7)
    cases = []
    for _ in range(count):
        before, after = choose.choice([1, 3, 4, 17, 32]), choose.choice([1, 2, 10, 16, 33, 50, 64])
        case = Case(
            choose.choice([1, 2, 5]),
            (choose.choice([1, 3, 6, 9]), choose.choice([1, 2, 5, 7, 13, 15, 28])),
            before,
            after,
            choose.choice([1, 2, 3]),
            choose.choice([2, 3, 5]),
            choose.choice([1, 1, 2]),
            choose.choice([1, 1, 2]),
            choose.choice(["forward", "weights", "turned"]),
            choose.choice(["n", "n", "", "nx"]),
            choose.choice(["float32", "float32", "float64"]),
            choose.choice(list(EPILOGUES)),
        )
        cases.append((case, choose.choice(["host", "host", "narrow"])))
    return cases


@pytest.mark.parametrize(("case", "target"), _random_cases(72))
def test_random_convolutions(case: Case, target: str) -> None:
    check(case, target)


@pytest.mark.parametrize("kind", ["forward", "turned", "weights"])
def test_the_test_agrees_with_the_meaning_of_the_loop_ir(kind: str) -> None:
    case = Case(2, (4, 5), 3, 6, 2, 3, 2, kind=kind)
    memory = case.memory(1)
    wanted = case.expected(memory)
    evaluate_kernel(case.kernel(), memory, case.sizes())
    np.testing.assert_allclose(memory["result"], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["forward", "turned", "weights"])
def test_one_kernel_serves_any_number_of_images(kind: str, target: str) -> None:
    cases = [Case(images, (6, 14), 5, 40, kind=kind, epilogue="bias_relu") for images in (3, 0, 1, 8)]
    check(cases[0], target, cases[1:])


@pytest.mark.parametrize("kind", ["forward", "turned", "weights"])
def test_one_kernel_serves_any_width(kind: str) -> None:
    cases = [Case(2, (3, width), 4, 35, kind=kind, run_time="nx") for width in (20, 1, 3, 8, 9, 33)]
    check(cases[0], others=cases[1:])


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("lines", [6, 7, 11])
def test_tiles_of_several_short_lines(lines: int, epilogue: str) -> None:
    case = Case(3, (lines, 5), 6, 32, epilogue=epilogue)
    problem = problem_of(case)
    assert problem.line is not None and problem.blocking.lines > 1
    assert problem.blocking.tile is not None and problem.blocking.tile.rows == 5 * problem.blocking.lines
    check(case)


def test_rows_that_share_a_cache_set_are_few() -> None:
    near, far = (problem_of(Case(2, (3, 14), channels, 64)).blocking for channels in (96, 1024))
    assert near.tile is not None and near.tile.rows == 14
    assert far.tile is not None and far.tile.rows <= 8
    check(Case(2, (3, 14), 1024, 64, 1), threads=(1, 2))


def test_few_rows_of_a_weight_gradient_come_from_several_lines_of_the_kernel() -> None:
    case = Case(4, (9, 11), 1, 32, kind="weights")
    blocking = problem_of(case).blocking
    assert blocking.tile is not None and (blocking.tile.rows, blocking.lines) == (9, 3)
    check(case)


def test_depth_in_blocks_of_whole_images() -> None:
    cases = [Case(images, (6, 7), 4, 33, kind="weights") for images in (30, 12, 1, 0)]
    blocking = problem_of(cases[0]).blocking
    assert blocking.block_depth and (blocking.depth_loop, blocking.depth_block) == (0, 12)
    check(cases[0], others=cases[1:])


def test_depth_in_blocks_of_lines_of_an_image() -> None:
    cases = [Case(images, (30, 40), 3, 18, kind="weights", epilogue="bias_relu") for images in (2, 0)]
    blocking = problem_of(cases[0]).blocking
    assert blocking.block_depth and (blocking.depth_loop, blocking.depth_block) == (1, 12)
    check(cases[0], others=cases[1:])


def test_depth_in_blocks_of_long_lines() -> None:
    cases = [Case(images, (2, 1100), 2, 19, 1, kind="weights", run_time="nx") for images in (2, 0)]
    blocking = problem_of(cases[0]).blocking
    assert blocking.block_depth and (blocking.depth_loop, blocking.depth_block) == (2, 512)
    check(cases[0], others=[*cases[1:], replace(cases[0], space=(2, 7))])


@pytest.mark.parametrize("kind", ["forward", "turned"])
def test_deep_convolutions_in_blocks(kind: str) -> None:
    case = Case(2, (3, 7), 900, 40, kind=kind, dtype="float64")
    assert problem_of(case).blocking.block_depth
    check(case, threads=(1, 2))


@pytest.mark.parametrize("kind", ["forward", "turned"])
def test_right_operand_that_stays_in_the_cache(kind: str) -> None:
    case = Case(3, (13, 28), 20, 70, kind=kind, epilogue="bias_relu")
    blocking = problem_of(case).blocking
    assert blocking.is_resident and blocking.pack_right == ("always" if kind == "turned" else "")
    check(case)


def test_kernels_larger_than_the_cache_are_copied() -> None:
    target = replace(TARGETS["host"], l2=64 * 1024)
    kernel = Case(2, (4, 14), 60, 70).kernel()
    assert describe_problem(kernel, target).blocking.pack_right == "always"
    memory = Case(2, (4, 14), 60, 70).memory(0)
    wanted = Case(2, (4, 14), 60, 70).expected(memory)
    found = [Compiled(kernel, target).run(memory, {Symbol("images"): 2}, count)["result"] for count in (1, 2)]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[0], found[1])


def _run_at_the_end_of_memory(case: Case) -> None:
    compiled = Compiled(case.kernel(), TARGETS["host"])
    memory = {name: at_the_end_of_memory(array) for name, array in case.memory(0).items()}
    compiled.run_in_place(memory, case.sizes(), 1)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages as Linux does")
@pytest.mark.parametrize(
    "case",
    [
        Case(2, (5, 7), 3, 10), Case(2, (5, 14), 1, 35), Case(2, (5, 7), 3, 10, kind="turned"),
        Case(2, (5, 7), 3, 10, kind="weights"), Case(2, (5, 7), 3, 1), Case(2, (5, 9), 3, 21, run_time="nx"),
        Case(2, (5, 9), 4, 21, dilation=2, kind="turned"), Case(30, (6, 7), 2, 50, kind="weights"),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_beyond_the_operands_is_read(case: Case) -> None:
    """In a process of its own, since a fault would end it."""
    child = multiprocessing.get_context("fork").Process(target=_run_at_the_end_of_memory, args=(case,))
    child.start()
    child.join()
    assert child.exitcode == 0


def test_tiles_of_lines_fit_the_registers_and_cover_every_row_once() -> None:
    for registers, rows, lines, columns in itertools.product((8, 16, 32), range(1, 40), (1, 4, 7), (5, 32, 64, 100)):
        tile, taken = line_tile(rows, lines, columns, 16, registers, 12)
        assert tile.rows * tile.vectors + tile.vectors + 1 <= registers and tile.rows <= 12
        if taken > 1:
            assert tile.rows == taken * rows and taken <= lines
        else:
            assert tile.rows <= rows


def test_first_layers_have_small_code() -> None:
    """Nine taps are written out; the code stays as small as that of a loop over many."""
    text = emit_contract_kernel(Case(2, (26, 26), 1, 32).kernel(), "kernel", WIDE).text
    assert text.count("fma.v16f32") == 9 * 13 * 2
    assert text.count("\n") < 1100


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilations"), [(1, 1), (2, 1), (1, 2)])
def test_compiled_convolutions_and_gradients(padding: str, strides: int, dilations: int) -> None:
    x = graphc.placeholder((None, 9, 11, 3))
    w = graphc.placeholder((3, 2, 3, 20))
    y = ops.relu(ops.convolution(x, w, strides, padding, dilations))
    outputs = [y, *graphc.gradients(ops.sum(ops.multiply(y, y)), [x, w])]
    program = graphc.function([x, w], outputs)
    graph = Graph((x, w), tuple(outputs))
    numbers = np.random.default_rng(5)
    for images in (1, 4):
        arrays = [numbers.normal(size=shape).astype(np.float32) for shape in ((images, 9, 11, 3), (3, 2, 3, 20))]
        wanted, _ = evaluate(graph, arrays)
        for found, expected in zip(program(*arrays), wanted):
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
