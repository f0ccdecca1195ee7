"""Shape rules and builders of movement ops against NumPy, with known and with symbolic dims."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.compile import placeholder
from graphc.errors import ShapeError
from graphc.graph import Graph, Node, as_node, evaluate, evaluate_node
from graphc.loopir import evaluate_plan
from graphc.schedule import lower_graph

Array = np.ndarray[Any, Any]


def numbers(*shape: int) -> Array:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def same(n: Node, expected: Any) -> None:
    value = evaluate_node(n)
    np.testing.assert_array_equal(value, expected)
    assert value.shape == np.shape(expected)


def both_ways(x: Node, y: Node, array: Array) -> Array:
    """Return y's value for x = array; the scheduled program must agree with the evaluator."""
    graph = Graph((x,), (y,))
    [value], _ = evaluate(graph, [array])
    [scheduled], _ = evaluate_plan(lower_graph(graph), [array])
    np.testing.assert_array_equal(scheduled, value)
    return value


KEYS: list[Any] = [
    1, -1, slice(1, 3), slice(None, None, -1), slice(3, 0, -2), slice(-3, None, 2), slice(9, 20), slice(2, 2),
    (slice(None), 2), (..., -2), (1, ..., slice(1, 4)), (None, 1, None, ...), (slice(None, None, 3), slice(4, 1, -1)),
    np.int64(2), ([2, 0, 1, 1],), (slice(None), np.array([[0, 3], [5, 1]])), (1, np.array([4, 0])),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_get_item_is_numpys(key: Any) -> None:
    x = numbers(4, 6, 3)
    same(as_node(x)[key], x[key])
    p = placeholder((4, 6, 3))
    both_ways(p, p[key], x)


@pytest.mark.parametrize(
    "key", [4, -5, (0, 0, 0, 0), (..., 1, ...), (slice(None, None, 0),), ([0], [1]), "name"], ids=str
)
def test_get_item_refuses(key: Any) -> None:
    with pytest.raises(ShapeError, match="get_item"):
        as_node(numbers(4, 6, 3))[key]


UNKNOWN_KEYS: list[Any] = [
    0, -1, slice(1, None), slice(None, -1), slice(None, None, 2), slice(None, None, -1), slice(1, -1), slice(-1, None),
    (slice(None), slice(1, 4)),
]  # fmt: skip


@pytest.mark.parametrize("key", UNKNOWN_KEYS, ids=str)
@pytest.mark.parametrize("size", [2, 5])
def test_get_item_on_an_axis_of_unknown_size(key: Any, size: int) -> None:
    p = placeholder((None, 7))
    x = numbers(size, 7)
    np.testing.assert_array_equal(both_ways(p, p[key], x), x[key])


LONGER_KEYS: list[Any] = [
    2, -3, slice(None, 3), slice(3, None), slice(2, -1), slice(-3, None), slice(2, None, 2), slice(2, None, -1),
    slice(None, -3, 2), (slice(None), slice(1, 4)),
]  # fmt: skip


@pytest.mark.parametrize("key", LONGER_KEYS, ids=str)
def test_get_item_past_the_ends_that_every_axis_has(key: Any) -> None:
    p = placeholder((None, 7), name="p")
    x = numbers(5, 7)
    np.testing.assert_array_equal(both_ways(p, p[key], x), x[key])


@pytest.mark.parametrize("key", [k for k in LONGER_KEYS[:-1] if k != slice(2, None, 2)], ids=str)
def test_calls_with_fewer_elements_than_a_key_names_are_refused(key: Any) -> None:
    p = placeholder((None, 7), name="p")
    f = graphc.function([p], p[key] * 2)
    with pytest.raises(ShapeError, match=r"slice\(float32.*test_shape"):
        f(numbers(1, 7))


@pytest.mark.parametrize(
    ("before", "after"),
    [((4, 6), (3, 8)), ((2, 3, 5), (6, 5)), ((2, 3, 5), (2, 15)), ((30,), (5, 1, 6)), ((1, 6, 1), (2, 3)), ((1,), ())],
)
def test_reshape(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    x = numbers(*before)
    p = placeholder(before)
    np.testing.assert_array_equal(both_ways(p, ops.reshape(p, after), x), x.reshape(after))


def test_reshape_keeps_the_unknown_batch() -> None:
    p = placeholder((None, 4, 6))
    x = numbers(3, 4, 6)
    flat = ops.reshape(p, (-1, 24))
    assert flat.shape == (p.shape[0], 24)
    back = ops.reshape(flat, (p.shape[0], 2, -1))
    assert back.shape == (p.shape[0], 2, 12)
    np.testing.assert_array_equal(
        both_ways(p, ops.transpose(back, (2, 0, 1)), x), x.reshape(3, 2, 12).transpose(2, 0, 1)
    )
    merged = ops.reshape(p, (-1, 6))
    assert merged.shape == (p.shape[0] * 4, 6)
    np.testing.assert_array_equal(both_ways(p, merged, x), x.reshape(12, 6))


@pytest.mark.parametrize("shape", [(5, 5), (-1, 5), (-1, -1), (0, -1)])
def test_reshape_refuses(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="reshape"):
        ops.reshape(numbers(4, 6), shape)


def test_builders_of_movement_are_numpys() -> None:
    x = numbers(2, 3, 4)
    same(ops.tile(x, (2, 1, 3)), np.tile(x, (2, 1, 3)))
    same(ops.tile(x, (3, 2, 1, 1)), np.tile(x, (3, 2, 1, 1)))
    same(ops.tile(x, 2), np.tile(x, 2))
    same(ops.repeat(x, 3, 1), np.repeat(x, 3, 1))
    same(ops.repeat(x, 2), np.repeat(x, 2))
    same(ops.expand_dims(x, -1), x[..., None])
    same(ops.expand_dims(x, (0, 2)), np.expand_dims(x, (0, 2)))
    same(ops.squeeze(x[:, :1]), x[:, 0])
    same(ops.squeeze(x[:1, :1], 0), x[0, :1])
    same(ops.swapaxes(x, 0, -1), np.swapaxes(x, 0, -1))
    same(ops.moveaxis(x, 0, -1), np.moveaxis(x, 0, -1))
    same(ops.transpose(x), x.T)
    same(ops.flip(x, 1), np.flip(x, 1))
    same(ops.flip(x), np.flip(x))
    same(ops.flatten(x, 1), x.reshape(2, 12))
    same(ops.stack([x, x + 1], 1), np.stack([x, x + 1], 1))
    same(ops.stack([x, x + 1], -1), np.stack([x, x + 1], -1))
    same(ops.concatenate([x, x[:, :1]], 1), np.concatenate([x, x[:, :1]], 1))
    same(ops.pad(x, ((1, 0), (0, 2), (3, 1)), 7), np.pad(x, ((1, 0), (0, 2), (3, 1)), constant_values=7))
    same(ops.broadcast_to(x[:, :1], (5, 2, 3, 4)), np.broadcast_to(x[:, :1], (5, 2, 3, 4)))


def test_split_cuts_into_equal_parts_or_given_sizes() -> None:
    x = numbers(4, 6)
    for part, expected in zip(ops.split(x, 3, 1), np.split(x, 3, 1), strict=True):
        same(part, expected)
    for part, expected in zip(ops.split(x, [1, 3], 0), np.split(x, [1], 0), strict=True):
        same(part, expected)
    with pytest.raises(ShapeError, match="4"):
        ops.split(x, 3, 0)
    with pytest.raises(ShapeError, match="sizes"):
        ops.split(x, [1, 2], 0)


def test_repeat_and_tile_of_unknown_sizes() -> None:
    p = placeholder((None, 3))
    x = numbers(4, 3)
    np.testing.assert_array_equal(both_ways(p, ops.repeat(p, 2, 0), x), np.repeat(x, 2, 0))
    np.testing.assert_array_equal(both_ways(p, ops.tile(p, (2, 1)), x), np.tile(x, (2, 1)))
    np.testing.assert_array_equal(both_ways(p, ops.concatenate([p, p * 2], 0), x), np.concatenate([x, x * 2]))


def test_made_of_nothing() -> None:
    same(ops.arange(5), np.arange(5))
    same(ops.arange(2, 9, 3), np.arange(2, 9, 3))
    same(ops.arange(9, 2, -2), np.arange(9, 2, -2))
    same(ops.arange(5, 2), np.arange(5, 2))
    same(ops.eye(3, 4, 1), np.eye(3, 4, 1))
    same(ops.eye(3, k=-2), np.eye(3, k=-2))
    same(ops.full((2, 3), 7, "int8"), np.full((2, 3), 7, np.int8))
    p = placeholder((None, 3))
    rows = ops.reshape(ops.arange(p.shape[0], dtype="float32"), (p.shape[0], 1))
    np.testing.assert_array_equal(both_ways(p, p + rows, numbers(4, 3)), numbers(4, 3) + np.arange(4)[:, None])
    np.testing.assert_array_equal(both_ways(p, ops.dimension(p.shape[0], "float32") + 1, numbers(4, 3)), 5)


def test_gather_and_scatter_are_numpys() -> None:
    x = numbers(4, 5)
    places = np.array([[3, 0, 3], [1, 1, 9]], np.int32)
    same(ops.gather(x, places, 0), np.take(x, places, 0, mode="clip"))
    same(ops.gather(x, places, 1), np.take(x, places, 1, mode="clip"))
    added = x.copy()
    updates = numbers(4, 2, 3)
    np.add.at(added.T, np.minimum(places, 4), updates.transpose(1, 2, 0))
    same(ops.scatter_add(x, places, updates, 1), added)
    order = np.argsort(-x, 1)
    same(ops.take_along_axis(x, order, 1), np.take_along_axis(x, order, 1))
    same(ops.take_along_axis(x, order[:1] % 4, 0), np.take_along_axis(x, order[:1] % 4, 0))


def test_one_hot_and_top_k() -> None:
    same(ops.one_hot(np.array([[2, 0], [1, 7]]), 4), np.eye(8, 4, dtype=np.float32)[[[2, 0], [1, 7]]])
    x = np.array([[3, 1, 3, 2, 5], [0, 0, 0, 0, 0]], np.float32)
    values, places = ops.top_k(x, 3)
    same(places, [[4, 0, 2], [0, 1, 2]])
    same(values, [[5, 3, 3], [0, 0, 0]])
    same(ops.in_top_k(x, np.array([3, 4]), 3), [False, True])
    same(ops.in_top_k(np.where(x == 5, np.nan, x), np.array([4, 1]), 5), [False, True])
    with pytest.raises(ShapeError, match="6"):
        ops.top_k(x, 6)


def test_running_folds() -> None:
    x = numbers(3, 4) + 1
    same(ops.cumsum(x, 1), np.cumsum(x, 1))
    same(ops.cumsum(x, 0, reverse=True), np.flip(np.cumsum(np.flip(x, 0), 0), 0))
    same(ops.cumprod(x, -1), np.cumprod(x, 1))
