"""The adjoint of convolutions with strides: what it is, for sizes known or not, and that it multiplies no zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc import ops
from graphc.compile import function, placeholder
from graphc.errors import DTypeError, ShapeError
from graphc.grad import gradients
from graphc.graph import Graph, evaluate
from graphc.passes import expand_composites

Array = np.ndarray[Any, Any]
Ints = tuple[int, ...]
RNG = np.random.default_rng(23)
CHANNELS = 3, 4


def adjoint(g: Array, w: Array, shape: Ints, strides: Ints, padding: tuple[Ints, ...], dilations: Ints) -> Array:
    """Return every element of g times the kernel, added up at the places of its window."""
    padded = tuple(low + d + high for d, (low, high) in zip(shape, padding, strict=True))
    result = np.zeros((g.shape[0], *padded, w.shape[-2]))
    for element in np.ndindex(*w.shape[:-2]):
        places = tuple(
            slice(j * gap, j * gap + (count - 1) * stride + 1, stride)
            for j, gap, count, stride in zip(element, dilations, g.shape[1:-1], strides, strict=True)
        )
        result[(slice(None), *places)] += g @ w[element].T
    return result[(slice(None), *(slice(low, low + d) for d, (low, _) in zip(shape, padding, strict=True)))]


def counts(shape: Ints, sizes: Ints, strides: Ints, padding: tuple[Ints, ...], dilations: Ints) -> Ints:
    """Return the space of the convolution's result."""
    return tuple(
        (low + d + high - (size - 1) * gap - 1) // stride + 1
        for d, size, stride, (low, high), gap in zip(shape, sizes, strides, padding, dilations, strict=True)
    )


def arrays_of(shape: Ints, sizes: Ints, *options: Any) -> tuple[Array, Array]:
    """Return a cotangent and a kernel."""
    g = RNG.standard_normal((2, *counts(shape, sizes, *options), CHANNELS[1]))
    return g, RNG.standard_normal((*sizes, *CHANNELS))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Any, ...]:
    """Return shape, kernel sizes, strides, padding and dilations of one to three axes."""

    def axis(length: int) -> tuple[int, int, int, Ints, int]:
        size, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3))
        low, high = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        reach = (size - 1) * dilation
        return max(length, reach + 1 - low - high, 1), size, draw(st.integers(1, 4)), (low, high), dilation

    rank = draw(st.integers(1, 3))
    axes = [axis(draw(st.integers(1, 7)) + number) for number in range(rank)]
    return tuple(zip(*axes, strict=True))


@given(convolutions())
def test_the_adjoint_adds_up_every_window(options: Any) -> None:
    shape, sizes, *others = options
    strides, padding, dilations = others
    g, w = arrays_of(shape, sizes, *others)
    inputs = placeholder(g.shape, "float64"), placeholder(w.shape, "float64")
    result = ops.convolution_transpose(*inputs, shape, strides, padding, dilations)
    [got], _ = evaluate(expand_composites(Graph(inputs, (result,))), [g, w])
    np.testing.assert_allclose(got, adjoint(g, w, shape, strides, padding, dilations), atol=1e-10)


@given(convolutions())
def test_channels_by_themselves_have_the_gradient_of_a_kernel_of_blocks(options: Any) -> None:
    shape, sizes, strides, padding, dilations = options
    channels, multiplier = 3, 2
    w = RNG.standard_normal((*sizes, channels, multiplier))
    g = RNG.standard_normal((2, *counts(shape, sizes, strides, padding, dilations), channels * multiplier))
    image, kernel, cotangent = (placeholder(of, "float64") for of in ((2, *shape, channels), w.shape, g.shape))
    y = ops.depthwise_convolution(image, kernel, strides, padding, dilations)
    [slope] = gradients(ops.sum(y * cotangent), [image])
    [got], _ = evaluate(Graph((image, kernel, cotangent), (slope,)), [np.zeros((2, *shape, channels)), w, g])
    blocks = np.zeros((*sizes, channels, channels * multiplier))
    for channel in range(channels):
        blocks[..., channel, channel * multiplier : (channel + 1) * multiplier] = w[..., channel, :]
    np.testing.assert_allclose(got, adjoint(g, blocks, shape, strides, padding, dilations), atol=1e-10)


@pytest.mark.parametrize("padding", ["valid", "same", ((1, 2), (0, 3))])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 2), (4, 2), (5, 3), (1, 2), (2, 3)])
def test_one_program_serves_every_size_of_the_array(size: int, stride: int, padding: Any) -> None:
    x = placeholder((None, None, None, CHANNELS[0]), "float64")
    w = placeholder((size, size, *CHANNELS), "float64")
    y = ops.convolution(x, w, stride, padding)
    g = placeholder(y.shape, "float64")
    program = function([x, w, g], ops.convolution_transpose(g, w, x.shape[1:-1], stride, padding))
    for shape in ((5, 8), (7, 6), (9, 11), *([(1, 4)] if padding == "same" else [])):
        image = np.zeros((2, *shape, CHANNELS[0]))
        known = placeholder(image.shape, "float64")
        widths = ops.convolution(known, w, stride, padding).attrs["padding"]
        g_values, w_values = arrays_of(shape, (size, size), (stride, stride), widths, (1, 1))
        expected = adjoint(g_values, w_values, shape, (stride, stride), widths, (1, 1))
        np.testing.assert_allclose(program(image, w_values, g_values), expected, atol=1e-10)


def products(graph: Graph) -> int:
    """Return the multiply-adds of the contractions of a graph of known sizes."""
    total = 0
    for n in graph.nodes:
        if n.op.kind == "contraction":
            depth = [n.inputs[0].shape[i] for i, _ in n.attrs["depth"]]
            total += math.prod(int(d) for d in (*n.shape, *depth))
    return total


@pytest.mark.parametrize(
    ("sizes", "strides", "dilations", "channels"),
    [
        ((3, 3), (2, 2), (1, 1), (16, 5)),
        ((2, 2), (2, 2), (1, 1), (16, 5)),
        ((1, 1), (2, 2), (1, 1), (16, 5)),
        ((4, 4), (2, 2), (1, 1), (3, 5)),
        ((5, 3), (2, 1), (1, 2), (16, 5)),
        ((3, 5), (2, 3), (2, 1), (16, 5)),
        ((6,), (3,), (1,), (2, 5)),
        ((3, 2, 1), (2, 2, 2), (1, 1, 1), (16, 5)),
    ],
)
def test_no_product_is_with_a_zero_between_elements(
    sizes: Ints, strides: Ints, dilations: Ints, channels: Ints
) -> None:
    # A size at which every phase has as many elements, all of them in windows.
    positions = tuple(6 + number for number in range(len(sizes)))
    shape = tuple(count * stride for count, stride in zip(positions, strides, strict=True))
    extents = ((size - 1) * gap + 1 for size, gap in zip(sizes, dilations, strict=True))
    padding = tuple((0, max(extent - stride, 0)) for extent, stride in zip(extents, strides, strict=True))
    g = placeholder((2, *positions, channels[1]))
    w = placeholder((*sizes, *channels))
    transposed = ops.convolution_transpose(g, w, shape, strides, padding, dilations)
    of_convolution = 2 * math.prod(positions) * math.prod(sizes) * math.prod(channels)
    assert products(expand_composites(Graph((g, w), (transposed,)))) == of_convolution


@pytest.mark.parametrize("stride", [8, 32])
def test_large_strides_are_one_product(stride: int) -> None:
    g, w = placeholder((2, 5, 6, 4)), placeholder((2 * stride, 2 * stride - 1, 3, 4))
    space = 6 * stride, 5 * stride + 2 * stride - 1
    graph = expand_composites(Graph((g, w), (ops.convolution_transpose(g, w, space, stride),)))
    assert len([n for n in graph.nodes if n.op.kind == "contraction"]) == 1


def test_arrays_that_cannot_take_turns_are_errors() -> None:
    three, two = np.zeros((2, 3, 5)), np.zeros((2, 2, 5))
    with pytest.raises(ShapeError, match="for each remainder"):
        ops.interleave([three, two], (8,), (3,))
    with pytest.raises(ShapeError, match="2 and 3 differ"):
        ops.interleave([two, three], (5,), (2,))
    with pytest.raises(DTypeError, match="1 axes of space"):
        ops.interleave([three, two[..., None]], (5,), (2,))
