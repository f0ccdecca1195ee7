"""use_winograd: which convolutions go by tiles, and that their values are those of the direct sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ConfigError
from graphc.graph import Graph, Node
from graphc.passes import run_pipeline

Array = np.ndarray[Any, Any]
CHANNELS = (33, 40)


def _operands(space: tuple[int, int], channels: tuple[int, int] = CHANNELS, n: int = 3) -> tuple[Array, Array]:
    random = np.random.default_rng(5)
    x = random.standard_normal((n, *space, channels[0])).astype(np.float32)
    return x, random.standard_normal((3, 3, *channels)).astype(np.float32)


def _direct(x: Array, w: Array, padding: int) -> Array:
    """Return the convolution in float64."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    padded = np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    return np.asarray(np.einsum("nyxcij,ijco->nyxo", windows, w, optimize=True))


def _tiles(*outputs: Node, inputs: list[Node]) -> list[int]:
    """Return the m of each convolution by tiles that the passes make of a graph."""
    graph = run_pipeline(Graph(tuple(inputs), outputs)).graph
    return [n.attrs["m"] for n in graph.nodes if n.op.name == "winograd_join"]


def _error(found: Array, wanted: Array) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("space", [(8, 10), (7, 12), (9, 13), (4, 5)])
def test_values_are_those_of_the_direct_sum(space: tuple[int, int], padding: int) -> None:
    x = graphc.placeholder((None, *space, CHANNELS[0]))
    w = graphc.placeholder((3, 3, *CHANNELS))
    y = ops.convolution(x, w, 1, ((padding, padding),) * 2)
    arrays = _operands(space)
    if space != (4, 5) or padding:
        assert _tiles(y, inputs=[x, w]) == [2]
    assert _error(graphc.function([x, w], y)(*arrays), _direct(*arrays, padding)) < 2e-6


def test_the_error_is_that_of_the_direct_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = graphc.placeholder((None, 14, 18, 64)), graphc.placeholder((3, 3, 64, 48))
    y = ops.convolution(x, w, 1, "same")
    arrays = _operands((14, 18), (64, 48))
    wanted = _direct(*arrays, 1)
    by_tiles = _error(graphc.function([x, w], y)(*arrays), wanted)
    monkeypatch.setenv("GRAPHC_DISABLE", "use_winograd")
    direct = _error(graphc.function([x, w], y)(*arrays), wanted)
    assert by_tiles < 3 * direct


def test_the_error_of_larger_tiles_is_a_few_times_that_of_the_direct_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = graphc.placeholder((None, 14, 18, 96)), graphc.placeholder((3, 3, 96, 48))
    y = ops.convolution(x, w, 1, "same")
    arrays = _operands((14, 18), (96, 48))
    wanted = _direct(*arrays, 1)
    monkeypatch.setenv("GRAPHC_CONV_PRECISION", "fast")
    by_tiles = graphc.function([x, w], y)(*arrays) - wanted
    monkeypatch.setenv("GRAPHC_DISABLE", "use_winograd")
    direct = graphc.function([x, w], y)(*arrays) - wanted
    assert np.sqrt(np.mean(by_tiles**2)) < 4 * np.sqrt(np.mean(direct**2))


def test_what_follows_is_computed_with_the_results() -> None:
    x, w = graphc.placeholder((None, 7, 10, 36)), graphc.placeholder((3, 3, 36, 32))
    bias, other = graphc.placeholder((32,)), graphc.placeholder((None, 5, 8, 32))
    y = ops.relu(ops.convolution(x, w) + bias) + other
    f = graphc.function([x, w, bias, other], y)
    assert next(origin.op for origin in f.plan.launches[-1].origin) == "winograd_join"
    arrays = _operands((7, 10), (36, 32))
    b = np.linspace(-9, 9, 32, dtype=np.float32)
    o = np.random.default_rng(1).random((3, 5, 8, 32), np.float32)
    wanted = np.maximum(_direct(*arrays, 0) + b, 0) + o
    assert _error(f(*arrays, b, o), wanted) < 2e-6


def test_the_gradient_of_the_array_goes_by_tiles_too() -> None:
    x, w = graphc.placeholder((None, 9, 12, 35)), graphc.placeholder((3, 3, 35, 41))
    g = graphc.placeholder((None, 9, 12, 41))
    [dx] = graphc.gradients(ops.sum(ops.convolution(x, w, 1, "same") * g), [x])
    assert _tiles(dx, inputs=[x, w, g]) == [2]
    arrays = _operands((9, 12), (35, 41))
    cotangent = np.random.default_rng(2).standard_normal((3, 9, 12, 41)).astype(np.float32)
    turned = arrays[1][::-1, ::-1].swapaxes(2, 3)
    assert _error(graphc.function([x, w, g], dx)(*arrays, cotangent), _direct(cotangent, turned, 1)) < 2e-6


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((None, 8, 10, 16), (3, 3, 16, 40), {}),  # few channels
        ((None, 8, 10, 40), (3, 3, 40, 31), {}),
        ((None, 8, 10, 40), (1, 3, 40, 40), {}),
        ((None, 9, 11, 40), (3, 3, 40, 40), {"strides": 2}),
        ((None, 9, 11, 40), (3, 3, 40, 40), {"dilations": 2}),
        ((None, 5, 5, 40), (3, 3, 40, 40), {}),  # four tiles for 3 x 3 results
        ((None, None, 9, 40), (3, 3, 40, 40), {}),
    ],
)
def test_others_are_summed_directly(shape: tuple[Any, ...], kernel: tuple[int, ...], options: dict[str, Any]) -> None:
    x, w = graphc.placeholder(shape), graphc.placeholder(kernel)
    assert _tiles(ops.convolution(x, w, **options), inputs=[x, w]) == []


def test_doubles_are_summed_directly() -> None:
    x, w = graphc.placeholder((None, 8, 10, 40), "float64"), graphc.placeholder((3, 3, 40, 40), "float64")
    assert _tiles(ops.convolution(x, w), inputs=[x, w]) == []


def test_fast_precision_takes_larger_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CONV_PRECISION", "exact")  # to be put back
    graphc.set_conv_precision("fast")
    x, w = graphc.placeholder((None, 10, 15, 33)), graphc.placeholder((3, 3, 33, 40))
    y = ops.convolution(x, w, 1, "same")
    assert _tiles(y, inputs=[x, w]) == [4]
    arrays = _operands((10, 15))
    assert _error(graphc.function([x, w], y)(*arrays), _direct(*arrays, 1)) < 3e-6
    small = graphc.placeholder((None, 7, 8, 33))  # four large tiles: too few for each to read weights of its own
    assert _tiles(ops.convolution(small, w, 1, "same"), inputs=[small, w]) == [2]
    with pytest.raises(ConfigError, match="exact or fast"):
        graphc.set_conv_precision("sloppy")
