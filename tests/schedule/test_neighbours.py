"""Folds over windows that lie side by side are computed together, and read what they share once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.graph import Graph, Node, evaluate
from graphc.loopir import Fold, For, LoopKernel, Plan, Statement
from tests.schedule.test_lower import normal


def folds(body: tuple[Statement, ...]) -> list[int]:
    """Return how many folds stand side by side in each innermost loop."""
    here = sum(isinstance(s, Fold) for s in body)
    inside = [n for s in body if isinstance(s, For) for n in folds(s.body)]
    return ([here] if here else []) + inside


def folds_of(plan: Plan) -> list[int]:
    return [n for launch in plan.launches if isinstance(launch.kernel, LoopKernel) for n in folds(launch.kernel.body)]


def depthwise(height: int, width: int, channels: int, stride: int, padding: str) -> tuple[list[Node], Node]:
    x = graphc.placeholder((None, height, width, channels), name="x")
    w, b = graphc.placeholder((3, 3, channels, 1), name="w"), graphc.placeholder((channels,), name="b")
    return [x, w, b], ops.minimum(ops.maximum(ops.depthwise_convolution(x, w, stride, padding) + b, 0.0), 6.0)


@pytest.mark.parametrize(
    ("height", "width", "channels", "stride", "padding", "side_by_side"),
    [
        (6, 14, 32, 1, "same", [7]),
        (5, 7, 48, 1, "same", [7]),
        (5, 19, 17, 1, "same", [7, 5]),
        (6, 11, 21, 1, "valid", [5, 4]),
        (9, 14, 32, 2, "same", [4, 3]),
        (3, 4, 16, 1, "valid", [2]),
    ],
)
def test_neighbours_are_computed_together_without_a_padded_copy(
    height: int, width: int, channels: int, stride: int, padding: str, side_by_side: list[int]
) -> None:
    inputs, y = depthwise(height, width, channels, stride, padding)
    f = graphc.function(inputs, y)
    arrays = [normal(3, height, width, channels), normal(3, 3, channels, 1), normal(channels)]
    [wanted], _ = evaluate(Graph(tuple(inputs), (y,)), arrays)
    np.testing.assert_allclose(f(*arrays), wanted, rtol=1e-5, atol=1e-5)
    assert len(f.plan.launches) == 1
    assert folds_of(f.plan) == side_by_side


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
@pytest.mark.parametrize(("stride", "padding"), [(1, "same"), (2, "valid"), (3, "same")])
def test_pools_have_the_values_of_their_windows(pool: Callable[..., Node], stride: int, padding: str) -> None:
    x = graphc.placeholder((None, 8, 13, 19), name="x")
    y = pool(x, 3, stride, padding)
    rows = normal(2, 8, 13, 19)
    [wanted], _ = evaluate(Graph((x,), (y,)), [rows])
    np.testing.assert_allclose(graphc.function([x], y)(rows), wanted, rtol=1e-5, atol=1e-6)


def test_what_is_padded_is_computed_once() -> None:
    """A layer's activation is not computed again for each window that an element is in."""
    x, w = graphc.placeholder((None, 6, 14, 24), name="x"), graphc.placeholder((24, 32), name="w")
    kernel = graphc.placeholder((3, 3, 32, 1), name="kernel")
    y = ops.depthwise_convolution(ops.maximum(ops.matmul(x, w) + 1.0, 0.0), kernel, 1, "same")
    f = graphc.function([x, w, kernel], y)
    assert [launch.kernel.label for launch in f.plan.launches][1:] == ["sum+reshape"]
    assert len(f.plan.launches) == 2
    arrays = [normal(2, 6, 14, 24), normal(24, 32), normal(3, 3, 32, 1)]
    [wanted], _ = evaluate(Graph((x, w, kernel), (y,)), arrays)
    np.testing.assert_allclose(f(*arrays), wanted, rtol=1e-5, atol=1e-4)


def test_the_padded_copy_stays_where_something_else_reads_it() -> None:
    """The gradient of the kernel folds whole images, for which conditions cost too much."""
    [x, w, _], _ = depthwise(6, 14, 32, 1, "same")
    y = ops.depthwise_convolution(ops.tanh(x), w, 1, "same")
    [dw] = graphc.gradients(ops.sum(y * y), [w])
    plan = graphc.function([x, w], [y, dw]).plan
    assert plan.launches[0].kernel.label == "pad"


def test_sizes_of_the_run_and_few_channels_stay_as_they_are() -> None:
    x, w = graphc.placeholder((None, 6, None, 32), name="x"), graphc.placeholder((3, 3, 32, 1), name="w")
    assert folds_of(graphc.function([x, w], ops.depthwise_convolution(x, w)).plan) == [1]
    inputs, y = depthwise(6, 14, 5, 1, "same")
    assert folds_of(graphc.function(inputs, y).plan) == [1]
