"""Convolution and pooling: options, sizes known at the call only, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import ops
from graphc.compile import function, placeholder
from graphc.errors import ShapeError
from graphc.grad import gradients
from graphc.graph import Graph, Node, evaluate, evaluate_node

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(5)


def value(n: Node) -> Array:
    return evaluate_node(n)


def direct(x: Array, w: Array, strides: tuple[int, ...], dilations: tuple[int, ...]) -> Array:
    """Return a convolution without padding, one output position at a time."""
    sizes = w.shape[:-2]
    counts = [
        (d - (k - 1) * g - 1) // s + 1 for d, k, g, s in zip(x.shape[1:-1], sizes, dilations, strides, strict=True)
    ]
    result = np.zeros((x.shape[0], *counts, w.shape[-1]))
    for place in np.ndindex(*counts):
        patch = tuple(
            slice(p * s, p * s + (k - 1) * g + 1, g)
            for p, s, k, g in zip(place, strides, sizes, dilations, strict=True)
        )
        axes = list(range(1, len(sizes) + 2))
        result[(slice(None), *place)] = np.tensordot(x[(slice(None), *patch)], w, (axes, list(range(len(sizes) + 1))))
    return result


@pytest.mark.parametrize(("strides", "dilations"), [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 3))])
def test_convolution_is_the_sum_over_each_window(strides: tuple[int, ...], dilations: tuple[int, ...]) -> None:
    x, w = RNG.standard_normal((2, 7, 8, 3)), RNG.standard_normal((3, 2, 3, 5))
    expected = direct(x, w, strides, dilations)
    np.testing.assert_allclose(value(ops.convolution(x, w, strides, "valid", dilations)), expected, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [5, 6, 7])
def test_same_padding_gives_one_output_a_stride(length: int, size: int, stride: int) -> None:
    x, w = RNG.standard_normal((2, length, 3)), RNG.standard_normal((size, 3, 4))
    count = -(-length // stride)
    lacking = max((count - 1) * stride + size - length, 0)
    padded = np.pad(x, ((0, 0), (lacking // 2, lacking - lacking // 2), (0, 0)))
    result = value(ops.convolution(x, w, stride, "same"))
    assert result.shape == (2, count, 4)
    np.testing.assert_allclose(result, direct(padded, w, (stride,), (1,))[:, :count], atol=1e-12)


def test_causal_padding_sees_no_later_step() -> None:
    x, w = RNG.standard_normal((2, 9, 3)), RNG.standard_normal((3, 3, 4))
    before = value(ops.convolution(x, w, 1, "causal", 2))
    x[:, 5:] += 1.0
    after = value(ops.convolution(x, w, 1, "causal", 2))
    assert before.shape == (2, 9, 4)
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert not np.allclose(before[:, 5], after[:, 5])


def test_transposed_convolution_is_the_adjoint() -> None:
    x, w = RNG.standard_normal((2, 9, 8, 3)), RNG.standard_normal((3, 2, 3, 5))
    y = value(ops.convolution(x, w, (2, 3), ((1, 0), (2, 1))))
    g = RNG.standard_normal(y.shape)
    back = value(ops.convolution_transpose(g, w, (9, 8), (2, 3), ((1, 0), (2, 1))))
    assert back.shape == x.shape
    assert np.sum(back * x) == pytest.approx(np.sum(y * g))


def test_depthwise_convolution_keeps_channels_apart() -> None:
    x, w = RNG.standard_normal((2, 6, 5, 3)), RNG.standard_normal((3, 2, 3, 4))
    result = value(ops.depthwise_convolution(x, w, (2, 1)))
    for channel in range(3):
        expected = direct(x[..., channel : channel + 1], w[:, :, channel : channel + 1], (2, 1), (1, 1))
        np.testing.assert_allclose(result[..., channel * 4 : channel * 4 + 4], expected, atol=1e-12)


def test_half_floats_are_multiplied_in_float32() -> None:
    x, w = (RNG.standard_normal(s).astype(np.float16) for s in ((2, 7, 3), (4, 3, 5)))
    wide = direct(x.astype(np.float64), w.astype(np.float64), (1,), (1,))
    for build in (ops.convolution, ops.depthwise_convolution):
        assert build(x, w).dtype == "float16"
    np.testing.assert_allclose(value(ops.convolution(x, w)).astype(np.float64), wide, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("channels_first", [False, True])
def test_local_convolution_has_a_kernel_for_each_position(channels_first: bool) -> None:
    x, w = RNG.standard_normal((2, 5, 7, 3)), RNG.standard_normal((9, 18, 4))
    result = value(ops.local_convolution(x, w, (3, 2), (1, 2), channels_first))
    assert result.shape == (2, 3, 3, 4)
    for row, column in np.ndindex(3, 3):
        patch = x[:, row : row + 3, 2 * column : 2 * column + 2]
        elements = (np.moveaxis(patch, -1, 1) if channels_first else patch).reshape(2, 18)
        np.testing.assert_allclose(result[:, row, column], elements @ w[3 * row + column], atol=1e-12)


def test_pooling_ignores_padding() -> None:
    x = np.full((2, 5, 3), -7.0)
    np.testing.assert_array_equal(value(ops.max_pool(x, 3, 2, "same")), np.full((2, 3, 3), -7.0))
    np.testing.assert_array_equal(value(ops.average_pool(x, 3, 2, "same")), np.full((2, 3, 3), -7.0))
    assert value(ops.max_pool(x.astype(np.int32), 3, 2, "same")).tolist() == np.full((2, 3, 3), -7).tolist()


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_the_first_greatest_of_a_window_takes_the_gradient(size: int, stride: int) -> None:
    x = placeholder((1, 7, 1), "float64")
    [slope] = gradients(ops.sum(ops.max_pool(x, size, stride)), [x])
    [got], _ = evaluate(Graph((x,), (slope,)), [np.ones((1, 7, 1))])
    expected = np.zeros(7)
    expected[np.arange((7 - size) // stride + 1) * stride] = 1.0
    np.testing.assert_array_equal(got.ravel(), expected)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 4])
def test_one_program_serves_every_length(size: int, stride: int, padding: str) -> None:
    def build(x: Node, w: Node) -> list[Node]:
        results = [
            ops.convolution(x, w, stride, padding),
            ops.max_pool(x, size, stride, padding),
            ops.average_pool(x, size, stride, padding),
        ]
        loss: Node = ops.zeros((), "float64")
        for n in results:
            loss = loss + ops.sum(ops.square(n))
        return [*results, *gradients(loss, [x, w])]

    inputs = placeholder((None, None, 3), "float64"), placeholder((size, 3, 5), "float64")
    program = function(inputs, build(*inputs))
    for rows, length in ((2, 7), (1, 8), (3, 4)):
        arrays = RNG.standard_normal((rows, length, 3)), RNG.standard_normal((size, 3, 5))
        known = tuple(placeholder(a.shape, "float64") for a in arrays)
        expected, _ = evaluate(Graph(known, tuple(build(*known))), arrays)
        for got, wanted in zip(program(*arrays), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", [4, 5, 6])
@pytest.mark.parametrize("size", [1, 2])
def test_padding_wider_than_the_window_has_a_gradient_for_every_length(size: int, length: int) -> None:
    """Whether the last window touches the array depends on its length."""
    x, w = placeholder((None, None, 2)), placeholder((size, 2, 3))
    known = placeholder((1, length, 2))
    values = RNG.normal(size=(1, length, 2)).astype("float32"), RNG.normal(size=(size, 2, 3)).astype("float32")
    programs = [
        Graph((of, w), tuple(gradients(ops.sum(ops.convolution(of, w, 3, ((1, 2),)) ** 2), [of, w])))
        for of in (x, known)
    ]
    for found, expected in zip(*(evaluate(program, values)[0] for program in programs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_length_known_at_the_call_must_hold_the_window() -> None:
    x = placeholder((None, None, 3))
    program = function([x], ops.max_pool(x, 4, 1))
    assert program(np.zeros((2, 4, 3), "float32")).shape == (2, 1, 3)
    with pytest.raises(ShapeError, match="windows"):
        program(np.zeros((2, 3, 3), "float32"))


IMAGE, KERNEL = np.zeros((2, 7, 6, 3)), np.zeros((3, 2, 3, 5))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ops.convolution(IMAGE, np.zeros((3, 2, 4, 5))), r"3 channels.* takes 4"),
        (lambda: ops.convolution(IMAGE, np.zeros((8, 2, 3, 5))), r"larger than its input of \(7, 6\): 8 > 7"),
        (lambda: ops.convolution(IMAGE, np.zeros((0, 2, 3, 5))), "sizes above 0"),
        (lambda: ops.convolution(IMAGE, np.zeros((3, 3, 5))), "kernel of rank 3"),
        (lambda: ops.convolution(np.zeros((7, 3)), np.zeros((3, 5))), "axes of space"),
        (lambda: ops.convolution(IMAGE, KERNEL, 0), "strides must be an int above 0"),
        (lambda: ops.convolution(IMAGE, KERNEL, (1, 2, 3)), "strides must be"),
        (lambda: ops.convolution(IMAGE, KERNEL, 1, "valid", -1), "dilations must be"),
        (lambda: ops.convolution(IMAGE, KERNEL, 1, "half"), "padding must be"),
        (lambda: ops.convolution(IMAGE, KERNEL, 1, ((1, 1),)), "padding must be"),
        (lambda: ops.convolution(IMAGE, KERNEL, 1, ((-1, 0), (0, 0))), "cannot be negative"),
        (lambda: ops.convolution_transpose(np.zeros((2, 7, 6, 5)), KERNEL, (9, 8)), r"gives \(7, 7\)"),
        (lambda: ops.convolution_transpose(np.zeros((2, 7, 6, 5)), KERNEL, (9,)), "2 axes of space"),
        (lambda: ops.convolution_transpose(IMAGE, KERNEL, (9, 7)), "takes 5"),
        (lambda: ops.depthwise_convolution(IMAGE, np.zeros((3, 2, 4, 1))), "takes 4"),
        (lambda: ops.local_convolution(IMAGE, np.zeros((9, 18, 4)), (3, 2)), r"\(25, 18\)"),
        (lambda: ops.max_pool(IMAGE, 7), r"7 > 6"),
        (lambda: ops.max_pool(np.zeros((2, 3)), 2), "axes of space"),
        (lambda: ops.average_pool(IMAGE, (2, 0)), "sizes must be"),
        (lambda: ops.windows(IMAGE, (2,)), "each of 2 axes"),
        (lambda: ops.spread_windows(np.zeros((2, 4, 3, 5)), (7,), (1,), (1,)), "4 and 5 differ"),
        (lambda: ops.collect_windows(np.zeros((2, 7, 3, 5)), (4,), (1,), (1,)), "4 and 5 differ"),
        (lambda: ops.contract(IMAGE, KERNEL, [(1, 0)]), "7 and 3 differ"),
        (lambda: ops.contract(IMAGE, KERNEL, [(1, 0), (1, 1)]), "distinct"),
    ],
)  # fmt: skip
def test_impossible_options_are_errors(build: Callable[[], Node], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        build()


def test_contraction_over_no_axes_is_the_outer_product() -> None:
    a, b = RNG.standard_normal((2, 3)), RNG.standard_normal((4, 2, 5))
    np.testing.assert_allclose(value(ops.contract(a, b, [], [(0, 1)])), np.einsum("ba,cbd->bacd", a, b))
